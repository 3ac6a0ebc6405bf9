#![no_main]

lakebed_fuzz::target!(schema_string);

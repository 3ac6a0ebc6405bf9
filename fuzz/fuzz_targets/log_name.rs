#![no_main]

lakebed_fuzz::target!(log_name);

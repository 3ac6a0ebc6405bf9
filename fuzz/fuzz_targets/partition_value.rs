#![no_main]

lakebed_fuzz::target!(partition_value);

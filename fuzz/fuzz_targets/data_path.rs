#![no_main]

lakebed_fuzz::target!(data_path);

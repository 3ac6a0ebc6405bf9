#![no_main]

lakebed_fuzz::target!(checksum);

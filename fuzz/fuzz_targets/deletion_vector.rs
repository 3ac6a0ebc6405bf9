#![no_main]

lakebed_fuzz::target!(deletion_vector);

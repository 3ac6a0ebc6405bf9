#![no_main]

lakebed_fuzz::target!(last_checkpoint);

#![no_main]

lakebed_fuzz::target!(commit_line);

//! Any text is a name of the log that prints as it was, and its checksum's name belongs to it.

#![no_main]

use lakebed_txlog::name::{LogName, MAX_VERSION};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let name = LogName::parse(text);
    assert_eq!(name.to_string(), text);
    assert!(name.version().is_none_or(|version| version <= MAX_VERSION));
    let known = !matches!(name, LogName::Unknown { .. } | LogName::Temporary { .. } | LogName::HadoopChecksum { .. });
    if known {
        let checksum = name.checksum().expect("a file of the protocol has a checksum");
        assert_eq!(LogName::parse(&checksum.to_string()), checksum);
    }
});

//! Is any text a name of the log that prints as it was, and does its checksum's name belong to it?

use lakebed_txlog::name::{LogName, MAX_VERSION};

use super::{Memory, Target};

/// A name under `_delta_log`.
pub const TARGET: Target = Target { name: "log_name", run, memory: Memory { base: 64 << 10, per_byte: 64 } };

fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let name = LogName::parse(text);
    assert_eq!(name.to_string(), text);
    assert!(name.version().is_none_or(|version| version <= MAX_VERSION));
    let known = !matches!(name, LogName::Unknown { .. } | LogName::Temporary { .. } | LogName::HadoopChecksum { .. });
    if known {
        let checksum = name.checksum().expect("a file of the protocol has a checksum");
        assert_eq!(LogName::parse(&checksum.to_string()), checksum);
    }
}

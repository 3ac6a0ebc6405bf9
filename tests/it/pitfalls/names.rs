//! Is every name under `_delta_log` known (L10)?

use lakebed_txlog::name::LogName;

use super::corpus::cases;

/// Names that no protocol and no engine's temporary file has, as other tools left them in the corpus.
const FOREIGN: [&str; 8] = [
    ".s3-optimization-0",
    ".s3-optimization-1",
    ".s3-optimization-2",
    "_00000000000000000005.json",
    "_autostats/00000000000000000007.0000000000.stats.json",
    "_last_vacuum_info",
    "_trino_meta/extended_stats.json",
    "notes.txt",
];

#[test]
fn l10_every_name_of_every_writer_is_understood_and_printed_back() {
    for case in cases("l10") {
        for text in case.log_names() {
            let name = LogName::parse(&text);
            assert_eq!(name.to_string(), text, "{}", case.name);
            let unknown = matches!(name, LogName::Unknown { .. });
            assert_eq!(unknown, FOREIGN.contains(&text.as_str()), "{}: {text} is {name:?}", case.name);
        }
    }
}

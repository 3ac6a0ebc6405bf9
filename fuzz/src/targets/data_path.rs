//! Is any text a path inside the table, an absolute URL without detours, or an error?

use lakebed_txlog::path::{DataLocation, DataPath};

use super::{Memory, Target};

/// A path of the log: `add.path`, a vector's, a sidecar's.
pub const TARGET: Target = Target { name: "data_path", run, memory: Memory { base: 64 << 10, per_byte: 64 } };

fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match DataLocation::decode(text) {
        Ok(DataLocation::Relative(path)) => {
            assert!(path.parts().all(|part| !part.is_empty() && part != "." && part != ".."));
            assert!(!path.as_str().contains(|c: char| c == '\\' || c.is_ascii_control()));
            let encoded = path.encode();
            assert_eq!(DataLocation::decode(&encoded).ok(), Some(DataLocation::Relative(path)));
        }
        Ok(DataLocation::Absolute(url)) => {
            assert!(url.path().starts_with('/'));
            assert!(url.path().split('/').skip(1).all(|part| !part.is_empty() && part != "." && part != ".."));
            assert_eq!(DataLocation::decode(url.as_str()).ok(), Some(DataLocation::Absolute(url)));
        }
        Err(_) => {}
    }
    let path = DataPath::in_partition([("p", Some(text))], "x").expect("every value has a folder");
    assert_eq!(path.parts().count(), 2);
    assert_eq!(DataLocation::decode(&path.encode()).ok(), Some(DataLocation::Relative(path)));
}

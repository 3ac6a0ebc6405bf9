//! Any text is a path inside the table, an absolute URL without detours, or an error; decoding and encoding agree.

#![no_main]

use lakebed_txlog::path::{DataLocation, DataPath};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match DataLocation::decode(text) {
        Ok(DataLocation::Relative(path)) => {
            assert!(path.parts().all(|part| !part.is_empty() && part != "." && part != ".."));
            assert!(!path.as_str().contains(['\\', '\0']));
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
});

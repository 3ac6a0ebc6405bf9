//! Which cases may still be refused?

use std::collections::BTreeMap;
use std::fs;

use crate::machine;

/// The committed list: case → why it is refused. It can only shrink: a case on it that passes fails the run.
pub(super) fn list() -> BTreeMap<String, String> {
    let path = machine::repository().join("tests/conformance/NOT_YET.toml");
    parse(&fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

/// The lines `"case" = "reason"` of a TOML file that has no others.
fn parse(text: &str) -> BTreeMap<String, String> {
    let mut list = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let quoted = |part: &str| part.trim().strip_prefix('"')?.strip_suffix('"').map(str::to_owned);
        let entry = line.split_once(" = ").and_then(|(case, reason)| Some((quoted(case)?, quoted(reason)?)));
        let (case, reason) = entry.unwrap_or_else(|| panic!("NOT_YET.toml: {line:?} isn't `\"case\" = \"reason\"`"));
        assert!(!reason.is_empty(), "NOT_YET.toml: {case} has no reason");
        assert!(list.insert(case.clone(), reason).is_none(), "NOT_YET.toml: {case} twice");
    }
    list
}

#[test]
fn the_list_is_case_and_reason() {
    let list = parse("# why\n\n\"a/b\" = \"no = yet\"\n");
    assert_eq!(list, BTreeMap::from([("a/b".to_owned(), "no = yet".to_owned())]));
}

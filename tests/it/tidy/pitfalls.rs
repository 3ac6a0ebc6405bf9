//! Has every failure of other table formats that we guard against a test that is named after it?

use std::ops::RangeInclusive;

use super::source::{Finding, Source};

/// The rows that there are: `C1` to `C22` for commits, `L` for logs, `S` for statistics, `D` for vectors, change feed and
/// vacuum, `H` for hostile input.
const ROWS: [(char, RangeInclusive<u32>); 5] =
    [('c', 1..=22), ('l', 1..=17), ('s', 1..=9), ('d', 1..=13), ('h', 1..=5)];

/// Rows about what isn't there to be tested.
const ABSENT: [(&str, &str); 6] = [
    ("c16", "no commit carries the transactions of several callers"),
    ("c20", "no commit carries the transactions of several callers"),
    ("d3", "no scan is distributed"),
    ("d4", "no change feed is read"),
    ("d10", "no change feed is read"),
    ("d13", "constraints are refused"),
];

/// Whether a function's name begins with the row's, alone or among others: `c1_…`, `l2_l8_…`.
fn names(function: &str, row: &str) -> bool {
    let is_row = |word: &&str| word.len() > 1 && word.as_bytes()[1..].iter().all(u8::is_ascii_digit);
    function.split('_').take_while(is_row).any(|word| word == row)
}

/// Rows without a test, and rows said to be about nothing that have one.
pub(super) fn untested(sources: &[Source]) -> Vec<Finding> {
    let declared = |s: &Source| -> Vec<String> {
        let begins = s.code.match_indices("fn ").map(|(at, word)| &s.code[at + word.len()..]);
        begins.map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()).collect()
    };
    let functions: Vec<String> = sources.iter().filter(|s| s.is_rust()).flat_map(declared).collect();
    let mut out = Vec::new();
    for row in ROWS.into_iter().flat_map(|(letter, numbers)| numbers.map(move |number| format!("{letter}{number}"))) {
        let is_tested = functions.iter().any(|function| names(function, &row));
        let what = match (is_tested, ABSENT.iter().find(|(absent, _)| *absent == row)) {
            (false, None) => "no test is named after it",
            (true, Some(_)) => "is tested: take it off the list of what is absent",
            _ => continue,
        };
        let place = format!("tests/it/tidy/pitfalls.rs: {}", row.to_uppercase());
        out.push(Finding { place, what: what.into() });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_a_test_is_found_and_so_is_an_absent_one_with() {
        let all =
            |letter: char, numbers: RangeInclusive<u32>| numbers.map(move |n| format!("fn {letter}{n}_x() {{}}\n"));
        let text: String = ROWS.into_iter().flat_map(|(letter, numbers)| all(letter, numbers)).collect();
        let text = text.replace("fn c3_x", "fn c33_x").replace("fn l8_x", "fn l2_l8_x");
        let found = untested(&[Source::new("tests/it/a.rs", &text)]);
        let places: Vec<&str> = found.iter().map(|f| f.place.rsplit(' ').next().unwrap()).collect();
        assert_eq!(places, ["C3", "C16", "C20", "D3", "D4", "D10", "D13"]);
    }
}

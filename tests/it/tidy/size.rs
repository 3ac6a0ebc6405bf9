//! How long files and functions are.

use super::source::{Finding, Source, words};

const FILE_LINES: usize = 700;
const FUNCTION_LINES: usize = 70;

/// Files with more than [`FILE_LINES`] lines before their unit tests.
pub(super) fn long_files(sources: &[Source]) -> Vec<Finding> {
    let long = |s: &Source| {
        let lines = s.product().lines().count();
        let what = || format!("{lines} product lines, more than {FILE_LINES}: let each file answer one question");
        (lines > FILE_LINES).then(|| s.finding(0, what()))
    };
    sources.iter().filter(|s| s.is_rust()).filter_map(long).collect()
}

/// Functions with more than [`FUNCTION_LINES`] lines, signature and closing brace included.
pub(super) fn long_functions(sources: &[Source]) -> Vec<Finding> {
    let mut out = Vec::new();
    for source in sources.iter().filter(|s| s.is_rust()) {
        for at in words(&source.code, "fn") {
            let Some((name, length)) = function(&source.code[at..]) else { continue };
            let lines = source.code[at..at + length].lines().count();
            if lines > FUNCTION_LINES {
                let what =
                    format!("`{name}` has {lines} lines, more than {FUNCTION_LINES}: branch in a parent, leaves apart");
                out.push(source.finding(at, what));
            }
        }
    }
    out
}

/// The name of the function whose `fn` the code starts with, and its length up to the brace that closes its body.
fn function(code: &str) -> Option<(&str, usize)> {
    let declared = code.strip_prefix("fn")?;
    let name = declared.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    if name.is_empty() {
        return None; // a function pointer's type
    }
    let mut brackets = 0;
    let mut braces = 0;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            '{' => braces += 1,
            '}' => braces -= 1,
            ';' if brackets == 0 && braces == 0 => return None, // a declaration
            _ => {}
        }
        if c == '}' && braces == 0 && brackets == 0 {
            return Some((name, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rust(text: &str) -> [Source; 1] {
        [Source::new("engine/src/a.rs", text)]
    }

    #[test]
    fn a_file_is_long_from_the_line_past_the_bound_and_its_tests_do_not_count() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "\n".repeat(900));
        assert_eq!(long_files(&rust(&("//\n".repeat(700) + &tests))), []);
        assert_eq!(long_files(&rust(&"//\n".repeat(701))).len(), 1);
    }

    #[test]
    fn a_function_is_long_from_the_line_past_the_bound() {
        let of = |lines: usize| format!("fn a(f: fn(u8), s: [u8; 3]) {{\n{}}}\nfn b();\n", "{}\n".repeat(lines - 2));
        assert_eq!(long_functions(&rust(&of(70))), []);
        let found = long_functions(&rust(&("\n".to_owned() + &of(71))));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place, "engine/src/a.rs:2");
        assert!(found[0].what.starts_with("`a` has 71 lines"), "{}", found[0].what);
    }
}

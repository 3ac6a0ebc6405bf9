//! A tracked file as the checks see it: its text, and its code without comments and literals.

use std::process::Command;

use crate::machine;

/// A tracked text file.
#[derive(Debug)]
pub(super) struct Source {
    /// From the repository's root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    /// For Rust: the text with comments, strings and characters blanked, line for line. Else empty.
    pub(super) code: String,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Source {
        let code = if path.ends_with(".rs") { blank(text) } else { String::new() };
        Source { path: path.to_owned(), text: text.to_owned(), code }
    }

    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The workspace folder that the file is in.
    pub(super) fn folder(&self) -> &str {
        self.path.split_once('/').map_or("", |(folder, _)| folder)
    }

    /// The code before the file's unit tests; none in a file of unit tests.
    pub(super) fn product(&self) -> &str {
        if self.path.contains("/src/") && (self.path.ends_with("/tests.rs") || self.path.contains("/tests/")) {
            return "";
        }
        let end = self.code.find("\n#[cfg(test)]\n").map_or(self.code.len(), |at| at + 1);
        &self.code[..end]
    }

    /// A finding at byte `at` of the code or text.
    pub(super) fn finding(&self, at: usize, what: impl Into<String>) -> Finding {
        let line = self.text.bytes().take(at).filter(|&b| b == b'\n').count() + 1;
        Finding { place: format!("{}:{line}", self.path), what: what.into() }
    }
}

/// Something that isn't as STYLE has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    pub(super) place: String,
    pub(super) what: String,
}

/// Tables that other writers wrote.
const CORPUS: &str = "tests/corpus/";

/// Every text file that git tracks or would track, but for what other writers wrote.
pub(super) fn tracked() -> Vec<Source> {
    let root = machine::repository();
    let listing = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .expect("git lists the files to check");
    assert!(listing.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listing.stderr));
    let names = String::from_utf8(listing.stdout).expect("tracked names are UTF-8");
    // A file that is deleted but still tracked, or isn't text, has no lines to check.
    let read = |name: &str| Some(Source::new(name, &std::fs::read_to_string(root.join(name)).ok()?));
    names.split_terminator('\0').filter(|name| !name.starts_with(CORPUS)).filter_map(read).collect()
}

/// Where `word` stands in `code` as a word or path of its own.
pub(super) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |&at| !code[..at].ends_with(inside) && !code[at + word.len()..].starts_with(inside))
}

/// `text` with comments and literals replaced by spaces; every newline stays where it is.
pub(super) fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after_word = out.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let length = comment(rest).or_else(|| string(rest, after_word)).or_else(|| character(rest));
        if let Some(length) = length {
            // Bytes, not characters: offsets stay those of the text.
            out.extend(rest.bytes().take(length).map(|b| if b == b'\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        } else {
            if c.is_ascii() {
                out.push(c);
            } else {
                out.extend(std::iter::repeat_n('_', c.len_utf8()));
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// The length of the comment that `rest` starts with.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest.as_bytes()[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.as_bytes()[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += 1;
        }
    }
    Some(rest.len())
}

/// The length of the string that `rest` starts with: plain, byte, C or raw.
fn string(rest: &str, after_word: bool) -> Option<usize> {
    let prefix = rest.find('"').filter(|&at| at <= 8)?;
    let (kind, hashes) = rest[..prefix].split_at(rest[..prefix].trim_end_matches('#').len());
    if !["", "b", "c", "r", "br", "cr"].contains(&kind) || (after_word && !kind.is_empty()) {
        return None;
    }
    let body = prefix + 1;
    if kind.ends_with('r') {
        let end = format!("\"{hashes}");
        return Some(rest[body..].find(&end).map_or(rest.len(), |at| body + at + end.len()));
    }
    if !hashes.is_empty() {
        return None;
    }
    let mut escaped = false;
    for (at, c) in rest[body..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(body + at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

/// The length of the character literal that `rest` starts with; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('\'')?;
    if let Some(escape) = inner.strip_prefix('\\') {
        let first = escape.chars().next()?.len_utf8();
        return Some(2 + first + escape[first..].find('\'')? + 1);
    }
    let c = inner.chars().next()?;
    inner[c.len_utf8()..].starts_with('\'').then_some(2 + c.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_line_for_line() {
        let text =
            "a // fn\nb /* /* fn */\n */ c\nd(\"\\\"fn\", r#\"fn\"\"#, b'f', '\\'', '\\u{1f}', 'é') 'l e\nr\"x\"";
        let code = blank(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(code.split_whitespace().collect::<String>(), "abcd(,,b,,,)'le");
        assert_eq!(code.matches('\n').count(), text.matches('\n').count());
    }

    #[test]
    fn a_word_inside_another_is_not_found() {
        assert_eq!(words("fnord fn _fn fn2 x.fn", "fn").collect::<Vec<_>>(), [6, 19]);
    }

    #[test]
    fn unit_tests_are_no_product() {
        let source = Source::new("a/src/b.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n}\n");
        assert_eq!(source.product(), "fn a() {}\n");
        assert_eq!(Source::new("a/src/b/tests.rs", "fn a() {}\n").product(), "");
        assert_eq!(source.finding(12, "x").place, "a/src/b.rs:2");
    }
}

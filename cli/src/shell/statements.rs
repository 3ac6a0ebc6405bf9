//! SQL text as statements: where a semicolon ends one, and where it is inside of a text, a name or a comment.

/// Whether the last statement of `text` ends with a semicolon.
pub(crate) fn is_complete(text: &str) -> bool {
    let (statements, rest) = scan(text);
    !statements.is_empty() && !rest.has_code
}

/// The statements of `text`, without their semicolons; empty ones are left out. The last may lack its semicolon.
pub(crate) fn split(text: &str) -> Vec<&str> {
    let (mut statements, rest) = scan(text);
    if rest.has_code {
        statements.push(rest.text);
    }
    statements
}

struct Rest<'a> {
    text: &'a str,
    /// Whether there is more than space and comments, or something that isn't closed.
    has_code: bool,
}

fn scan(text: &str) -> (Vec<&str>, Rest<'_>) {
    let mut statements = Vec::new();
    let (mut start, mut at, mut has_code) = (0, 0, false);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let length = match rest.as_bytes() {
            [b'\'', ..] => quoted(rest, '\''),
            [b'"', ..] => quoted(rest, '"'),
            [b'`', ..] => quoted(rest, '`'),
            [b'-', b'-', ..] => rest.find('\n').unwrap_or(rest.len()),
            [b'/', b'*', ..] => match rest.find("*/") {
                Some(end) => end + 2,
                None => {
                    has_code = true;
                    rest.len()
                }
            },
            [b';', ..] => {
                if has_code {
                    statements.push(text.get(start..at).unwrap_or_default().trim());
                }
                (start, has_code) = (at + 1, false);
                at += 1;
                continue;
            }
            _ => {
                let first = rest.chars().next();
                has_code |= first.is_some_and(|first| !first.is_whitespace());
                at += first.map_or(1, char::len_utf8);
                continue;
            }
        };
        has_code |= !rest.starts_with("--") && !rest.starts_with("/*");
        at += length;
    }
    (statements, Rest { text: text.get(start..).unwrap_or_default().trim(), has_code })
}

/// The length of the quoted text that `rest` begins with; a doubled quote is part of it.
fn quoted(rest: &str, quote: char) -> usize {
    rest.char_indices().skip(1).find(|(_, c)| *c == quote).map_or(rest.len(), |(end, _)| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semicolons_inside_texts_names_and_comments_end_nothing() {
        assert_eq!(split("SELECT 1; SELECT 2"), ["SELECT 1", "SELECT 2"]);
        assert_eq!(split("SELECT ';' AS \"a;b\", 'it''s;' -- x;\n;"), ["SELECT ';' AS \"a;b\", 'it''s;' -- x;"]);
        assert_eq!(split("/* a; */ SELECT `x;y`;;  ;"), ["/* a; */ SELECT `x;y`"]);
        assert!(split(" ; -- nothing\n").is_empty());
    }

    #[test]
    fn a_statement_is_complete_with_its_semicolon() {
        assert!(is_complete("SELECT 1;"));
        assert!(is_complete("SELECT 1; -- done"));
        assert!(!is_complete("SELECT 1"));
        assert!(!is_complete("SELECT ';"));
        assert!(!is_complete("SELECT 1; SELECT 2"));
        assert!(!is_complete("SELECT 1; /* open"));
        assert!(!is_complete(""));
    }
}

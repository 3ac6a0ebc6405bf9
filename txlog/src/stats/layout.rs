//! Is this text laid out as one before it?
//!
//! A writer lays the statistics of all files out alike: the same names, brackets and spaces in the same order, with other
//! values between them. Of a text that was walked once, the [`Layout`] keeps what stands between its values; a text in
//! which the same stands there has its values in the same places, and needs no look at its names. Anything else (another
//! order, a value left out, an escape, a list) isn't laid out so, and is walked.

use std::ops::Range;

/// What stands between the values of a text, and which of the values are wanted.
#[derive(Debug)]
pub(super) struct Layout {
    /// What stands before each value.
    before: Vec<Box<[u8]>>,
    /// For each value, its number among the wanted ones.
    wanted: Vec<Option<usize>>,
    end: Box<[u8]>,
}

impl Layout {
    /// The layout of `text`, which is a JSON object. `wanted` are the values to find in other texts; `None` where one of
    /// them isn't a value by itself, or where the text has lists or escapes.
    pub(super) fn of(text: &str, wanted: &[Range<usize>]) -> Option<Layout> {
        let bytes = text.as_bytes();
        let mut layout = Layout { before: Vec::new(), wanted: Vec::new(), end: Box::default() };
        let (mut at, mut since) = (0, 0);
        let mut after_colon = false;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => at += 1,
                b'{' => (at, after_colon) = (at + 1, false),
                b'[' | b']' => return None,
                _ if after_colon => {
                    let end = value_end(bytes, at)?;
                    layout.before.push(bytes.get(since..at)?.into());
                    layout.wanted.push(wanted.iter().position(|wanted| *wanted == (at..end)));
                    (at, since, after_colon) = (end, end, false);
                }
                b'"' => at = value_end(bytes, at)?,
                b':' => (at, after_colon) = (at + 1, true),
                _ => at += 1,
            }
        }
        layout.end = bytes.get(since..)?.into();
        let found = layout.wanted.iter().flatten().count();
        (found == wanted.len()).then_some(layout)
    }

    /// Where the wanted values of `text` are, if it is laid out so; what `places` holds is no use if it isn't.
    pub(super) fn locate(&self, text: &str, places: &mut [Range<usize>]) -> bool {
        let bytes = text.as_bytes();
        let mut at = 0;
        for (before, wanted) in self.before.iter().zip(&self.wanted) {
            if !bytes.get(at..).is_some_and(|rest| rest.starts_with(before)) {
                return false;
            }
            at += before.len();
            let Some(end) = value_end(bytes, at) else { return false };
            if let Some(place) = wanted.and_then(|wanted| places.get_mut(wanted)) {
                *place = at..end;
            }
            at = end;
        }
        bytes.get(at..) == Some(&*self.end)
    }
}

/// The end of the string, number or word at `at`. `None` for anything else, and for a string with an escape.
fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    match rest.first()? {
        b'"' => {
            let end = at + 1 + quote_or_escape(rest.get(1..)?)?;
            (bytes.get(end) == Some(&b'"')).then_some(end + 1)
        }
        b'{' | b'[' => None,
        _ => {
            let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' | b'"' | b':');
            let length = rest.iter().position(ends).unwrap_or(rest.len());
            (length > 0).then_some(at + length)
        }
    }
}

/// Where the first quote or backslash is, eight bytes at a time.
fn quote_or_escape(bytes: &[u8]) -> Option<usize> {
    const LOW: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    // The lowest byte of the result that is 0x80 is the first that was zero.
    let zero_bytes = |word: u64| word.wrapping_sub(LOW) & !word & HIGH;
    let mut at = 0;
    for chunk in bytes.chunks_exact(8) {
        let word = chunk.try_into().map_or(0, u64::from_le_bytes);
        let found =
            zero_bytes(word ^ u64::from_le_bytes([b'"'; 8])) | zero_bytes(word ^ u64::from_le_bytes([b'\\'; 8]));
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = bytes.get(at..)?;
    rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).map(|place| at + place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str, wanted: &[&str]) -> Vec<Range<usize>> {
        wanted.iter().map(|value| text.find(value).map(|at| at..at + value.len()).unwrap()).collect()
    }

    #[test]
    fn a_text_laid_out_alike_has_its_values_found() {
        let text = r#"{"a":1, "b":{"c":"x","d":null},"e":-2.5e3}"#;
        let layout = Layout::of(text, &places(text, &["1", "\"x\"", "-2.5e3"])).unwrap();
        let other = r#"{"a":123, "b":{"c":"longer than eight","d":"y"},"e":7}"#;
        let mut found = vec![0..0; 3];
        assert!(layout.locate(other, &mut found));
        assert_eq!(found, places(other, &["123", "\"longer than eight\"", "7"]));
        for unlike in [
            "",
            "{",
            r#"{"a":1,"b":{"c":"x","d":null},"e":7}"#,
            r#"{"a":1, "b":{"c":"x\"","d":null},"e":7}"#,
            r#"{"a":1, "b":{"c":"x","d":{}},"e":7}"#,
            r#"{"a":1, "b":{"c":"x","d":null},"e":}"#,
            r#"{"a":1, "b":{"c":"x","d":null},"e":7"#,
            r#"{"a":1, "b":{"c":"x","d":null},"e":7}}"#,
            r#"{"a":1, "b":{"c":"x","d":null},"f":7}"#,
        ] {
            assert!(!layout.locate(unlike, &mut found), "{unlike}");
        }
    }

    #[test]
    fn lists_escapes_and_wanted_objects_have_no_layout() {
        assert!(Layout::of(r#"{"a":[1]}"#, &[]).is_none());
        assert!(Layout::of(r#"{"a\n":1}"#, &[]).is_none());
        let text = r#"{"a":{"b":1}}"#;
        assert!(Layout::of(text, &places(text, &[r#"{"b":1}"#])).is_none());
    }

    #[test]
    fn quotes_and_escapes_are_found_in_every_place() {
        for place in 0..40 {
            for byte in [b'"', b'\\'] {
                let mut bytes = vec![0xa2_u8; 40];
                bytes[place] = byte;
                assert_eq!(quote_or_escape(&bytes), Some(place));
            }
        }
        assert_eq!(quote_or_escape(&[b'a'; 40]), None);
    }
}

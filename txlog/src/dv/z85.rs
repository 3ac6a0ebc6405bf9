//! How are bytes written as JSON-friendly text? Z85 (ZeroMQ RFC 32): four bytes are five characters, big-endian.

const DIGITS: &[u8; 85] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
const NOT_A_DIGIT: u8 = u8::MAX;

/// The value of each ASCII character.
static VALUES: [u8; 128] = {
    let mut values = [NOT_A_DIGIT; 128];
    let mut value = 0;
    while value < DIGITS.len() {
        values[DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    values
};

/// Why a text isn't Z85.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Z85Error {
    /// Five characters stand for four bytes; the length isn't a multiple of five.
    #[error("{0} characters can't be Z85: not a multiple of five")]
    Length(usize),
    /// A character isn't one of the 85.
    #[error("byte {0} isn't a Z85 character")]
    Character(usize),
    /// Five characters stand for more than 32 bits.
    #[error("the five characters from byte {0} stand for more than 32 bits")]
    Overflow(usize),
}

/// The text of `bytes`, padded with zero bytes to a multiple of four as Spark does; the reader has to know the length.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(4) * 5);
    for chunk in bytes.chunks(4) {
        let mut padded = [0; 4];
        for (to, from) in padded.iter_mut().zip(chunk) {
            *to = *from;
        }
        let value = u32::from_be_bytes(padded);
        for power in [85 * 85 * 85 * 85, 85 * 85 * 85, 85 * 85, 85, 1] {
            text.push(char::from(DIGITS[(value / power % 85) as usize]));
        }
    }
    text
}

/// The bytes of `text`, padding included: always a multiple of four.
///
/// # Errors
///
/// When `text` isn't Z85.
pub fn decode(text: &str) -> Result<Vec<u8>, Z85Error> {
    if !text.len().is_multiple_of(5) {
        return Err(Z85Error::Length(text.len()));
    }
    let mut bytes = Vec::with_capacity(text.len() / 5 * 4);
    for (group, five) in text.as_bytes().chunks_exact(5).enumerate() {
        let mut value = 0u64;
        for (at, character) in five.iter().enumerate() {
            let digit = VALUES.get(usize::from(*character)).copied().filter(|digit| *digit != NOT_A_DIGIT);
            value = value * 85 + u64::from(digit.ok_or(Z85Error::Character(group * 5 + at))?);
        }
        let value = u32::try_from(value).map_err(|_| Z85Error::Overflow(group * 5))?;
        bytes.extend_from_slice(&value.to_be_bytes());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_test_vector_of_the_rfc_holds() {
        let bytes = [0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B];
        assert_eq!(encode(&bytes), "HelloWorld");
        assert_eq!(decode("HelloWorld").unwrap(), bytes);
        assert_eq!(encode(&[0xFF; 4]), "%nSc0");
    }

    #[test]
    fn what_is_not_z85_is_an_error() {
        assert_eq!(decode("Hell"), Err(Z85Error::Length(4)));
        assert_eq!(decode("Hel\"o"), Err(Z85Error::Character(3)));
        assert_eq!(decode("Hel~o"), Err(Z85Error::Character(3)));
        assert_eq!(decode("00000Helé"), Err(Z85Error::Character(8)));
        assert_eq!(decode("00000%nSc1"), Err(Z85Error::Overflow(5)));
        assert_eq!(decode("#####"), Err(Z85Error::Overflow(0)));
        assert_eq!(decode(""), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn bytes_come_back_with_zeroes_up_to_a_multiple_of_four(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let decoded = decode(&encode(&bytes)).unwrap();
            prop_assert_eq!(decoded.len(), bytes.len().next_multiple_of(4));
            let (given, padding) = decoded.split_at(bytes.len());
            prop_assert_eq!(given, &bytes[..]);
            prop_assert!(padding.iter().all(|b| *b == 0));
        }

        #[test]
        fn any_text_decodes_to_what_encodes_to_it_or_is_an_error(text in "\\PC{0,20}|[0-9a-z#$%]{5}|[0-9a-z]{10}") {
            if let Ok(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}

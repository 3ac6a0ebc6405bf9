//! Can a decoder that descends into an encoded variant be trusted to come back?
//!
//! Told from its bytes, without descending. It couldn't where lists and objects stand too deep in one another, nor where
//! parts share bytes: a value of a kilobyte then has 2¹⁰⁰ paths. What is damaged in another way counts as flat, for the
//! decoder to refuse.

/// Why a variant can't be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Danger {
    /// Lists and objects stand deeper in one another than is allowed.
    TooDeep,
    /// It has more values than bytes.
    Overlapping,
}

/// What keeps a decoder from descending into `value`, at most `max` lists and objects deep. O(bytes).
pub(super) fn danger(value: &[u8], max: usize) -> Option<Danger> {
    let mut left = value.len();
    let mut open = vec![(value, 0)];
    while let Some((value, depth)) = open.pop() {
        let Some(parts) = parts(value) else { continue };
        if depth == max {
            return Some(Danger::TooDeep);
        }
        match left.checked_sub(parts.len()) {
            Some(less) => left = less,
            None => return Some(Danger::Overlapping),
        }
        open.extend(parts.into_iter().map(|part| (part, depth + 1)));
    }
    None
}

/// The values in a list or an object (`VariantEncoding.md`, "Value Data for Object" and "for Array"); `None` for others.
fn parts(value: &[u8]) -> Option<Vec<&[u8]>> {
    let (header, rest) = value.split_first()?;
    let header = usize::from(*header);
    let bits = header >> 2;
    let (is_large, id_bytes, offset_bytes) = match header & 3 {
        2 => (bits >> 4 & 1 == 1, (bits >> 2 & 3) + 1, (bits & 3) + 1),
        3 => (bits >> 2 & 1 == 1, 0, (bits & 3) + 1),
        _ => return None,
    };
    let count_bytes = if is_large { 4 } else { 1 };
    let count = number(rest.get(..count_bytes)?);
    let offsets_at = count.checked_mul(id_bytes)?.checked_add(count_bytes)?;
    let values_at = count.checked_add(1)?.checked_mul(offset_bytes)?.checked_add(offsets_at)?;
    let offsets = rest.get(offsets_at..values_at)?;
    let values = rest.get(values_at..)?;
    // Those of an object needn't ascend: each part is taken to reach to the end, and says itself how much of it is its own.
    let last = offsets.len() - offset_bytes;
    offsets.get(..last)?.chunks_exact(offset_bytes).map(|offset| values.get(number(offset)..)).collect()
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many lists in one another, in the plainest encoding with four-byte offsets.
    fn nested(depth: usize) -> Vec<u8> {
        let mut value = vec![0];
        for _ in 0..depth {
            let mut outer = vec![0b0000_1111, 1];
            outer.extend([0; 4]);
            outer.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
            outer.extend(&value);
            value = outer;
        }
        value
    }

    #[test]
    fn depth_is_told_to_the_level() {
        assert_eq!(danger(&nested(300), 300), None);
        assert_eq!(danger(&nested(301), 300), Some(Danger::TooDeep));
        assert_eq!(danger(&[], 0), None);
    }

    #[test]
    fn parts_that_share_bytes_are_found_before_they_are_followed() {
        let mut value = vec![0];
        for _ in 0..100 {
            let both_at_the_start = [0b0000_0011, 2, 0, 0, 0];
            value = [both_at_the_start.as_slice(), &value].concat();
        }
        assert_eq!(danger(&value, 300), Some(Danger::Overlapping));
    }

    #[test]
    fn damaged_bytes_end_the_count_and_nothing_else() {
        let whole = nested(40);
        for cut in 0..whole.len() {
            danger(&whole[cut..], 40);
            danger(&whole[..cut], 40);
        }
    }
}

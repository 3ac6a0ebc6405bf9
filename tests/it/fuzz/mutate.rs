//! What is made of seeds? The same for the same number, always.

/// Figures at which parsers turn.
const FIGURES: [&[u8]; 14] = [
    b"0",
    b"-1",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"18446744073709551616",
    b"1e400",
    b"null",
    b"\"\"",
    b"{}",
    b"[]",
    b"\\u0000",
    b"..",
    &[0xff, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0x7f],
];
/// Changes made to one seed at most.
const MAX_CHANGES: u64 = 4;

/// A sequence of choices.
pub(super) struct Mutator {
    state: u64,
}

impl Mutator {
    pub(super) fn new(target: &str, number: u64) -> Mutator {
        let start = target.bytes().fold(number, |state, byte| state.wrapping_mul(31).wrapping_add(u64::from(byte)));
        Mutator { state: start }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, which isn't 0.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// A seed, changed.
    pub(super) fn input(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.next() % MAX_CHANGES {
            self.change(&mut input, seeds);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let end = at + self.below((input.len() - at).min(64) + 1);
        match self.below(7) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.next() as u8,
            2 => input.truncate(at),
            3 => drop(input.drain(at..end)),
            4 => {
                let twice = input[at..end].to_vec();
                input.splice(at..at, twice);
            }
            5 => {
                let other = &seeds[self.below(seeds.len())];
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => {
                let figure = FIGURES[self.below(FIGURES.len())];
                let end = end.min(at + figure.len());
                input.splice(at..end, figure.iter().copied());
            }
        }
    }
}

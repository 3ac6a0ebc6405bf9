//! Which fault meets which request, by a seed?

use super::asked::{Asked, What};
use super::fault::{Fault, Lost, Unsent};

/// Of a thousand requests, how many meet a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The server does what they ask, and the answer is lost.
    pub lost: u64,
    /// The server never hears of them.
    pub unsent: u64,
}

/// How often requests meet faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Puts of commits.
    pub commits: Rate,
    /// All other requests that write.
    pub writes: Rate,
    /// Requests that read.
    pub reads: Rate,
    /// Of a hundred lost answers, those for which the client waits in vain.
    pub slow: u64,
}

const STATUSES: [u16; 6] = [500, 503, 429, 409, 412, 403];
/// The latest that a request reaches the server after its connection ended, in milliseconds.
const LATEST_MS: u64 = 40;

impl Mix {
    /// What meets a request: the same for the same seed and number.
    #[must_use]
    pub fn meet(&self, seed: u64, asked: &Asked) -> Fault {
        let mut random = Random::new(seed ^ asked.number.wrapping_mul(0xA076_1D64_78BD_642F));
        let rate = match asked.what {
            What::Other => return Fault::None,
            What::PutCommit => self.commits,
            what if what.writes() => self.writes,
            _ => self.reads,
        };
        match random.below(1000) {
            at if at < rate.lost => self.lost(asked.what, &mut random),
            at if at < rate.lost + rate.unsent => Fault::Unsent(unsent(&mut random)),
            _ => Fault::None,
        }
    }

    fn lost(&self, what: What, random: &mut Random) -> Fault {
        if random.below(100) < self.slow {
            return Fault::Lost(Lost::Slow);
        }
        Fault::Lost(match random.below(100) {
            0..20 if what == What::Delete => return Fault::Partial,
            0..25 => Lost::Nothing,
            25..38 => Lost::Head,
            38..50 => Lost::Body,
            50..80 => Lost::Status(status(random)),
            80..88 => Lost::Page,
            // A read changes nothing, however late.
            _ if !what.writes() => Lost::Body,
            _ => Lost::Late(random.below(LATEST_MS)),
        })
    }
}

fn unsent(random: &mut Random) -> Unsent {
    match random.below(100) {
        0..35 => Unsent::Nothing,
        35..60 => Unsent::Reset,
        60..90 => Unsent::Status(status(random)),
        _ => Unsent::Page,
    }
}

fn status(random: &mut Random) -> u16 {
    STATUSES[random.below(STATUSES.len() as u64) as usize]
}

/// Numbers that a seed replays (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    #[must_use]
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next number below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_replays_and_rates_are_met() {
        let rate = |lost, unsent| Rate { lost, unsent };
        let mix = Mix { commits: rate(450, 100), writes: rate(100, 50), reads: rate(0, 0), slow: 2 };
        let meet = |number, what| mix.meet(7, &Asked { number, what, path: String::new() });
        let lost = (0..10_000).filter(|n| matches!(meet(*n, What::PutCommit), Fault::Lost(_))).count();
        let unsent = (0..10_000).filter(|n| matches!(meet(*n, What::PutCommit), Fault::Unsent(_))).count();
        assert!((4_300..4_700).contains(&lost) && (900..1_100).contains(&unsent), "{lost} {unsent}");
        assert!((0..1_000).all(|n| meet(n, What::GetData) == Fault::None));
        assert!((0..1_000).all(|n| meet(n, What::PutPart) == meet(n, What::PutPart)));
    }
}

//! How long does a commit wait for its turn among many?
//!
//! So long that those who have waited longer come first. Every commit says which version it had read
//! (`commitInfo.readVersion`), so whoever lost a race and reads the winner knows for how many versions that one had waited,
//! and by the time that versions take, when its own turn comes. Nobody is asked, and nothing is written.
//!
//! ```text
//! a  the first race that is lost            → at once: most often there is no second, or the handle was behind
//! b  the winner had waited longer than ours → about as long as it takes until ours will have waited as long
//! c  it hadn't: ours is due                 → a pause that grows with the races lost, so that those who are due together
//!                                             don't meet each time
//! d  before the first put, where the handle's last commit came behind a crowd ([`CROWD`])
//!                                           → a part of what that one waited, so that the crowd comes before it comes again:
//!                                             who knows the newest version is a round trip ahead of all others
//! e  the last commit met few, the one before a crowd
//!                                           → as d, with half of that crowd: who was lucky once would else put one version
//!                                             after another before those who wait have read the first of them
//! ```
//!
//! A foreign writer that doesn't say what it read had waited for nothing. Whatever is read, a pause is at most
//! [`LONGEST_WAIT`].

use std::time::Duration;

/// No pause is longer: who waited for a crowd that has gone loses no more than this.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Races after which the pauses of who is due grow no more.
const MOST_RACES_WHEN_DUE: u32 = 8;
/// So many others who came first are a crowd.
const CROWD: u64 = 16;

/// A race that was lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost {
    /// Races lost so far, with this one.
    pub(crate) races: u32,
    /// Versions that others made since ours began, with this one.
    pub(crate) age: u64,
    /// Versions that others made since the winner began, without its own.
    pub(crate) winner_age: u64,
    /// Time since ours began.
    pub(crate) waited: Duration,
}

impl Lost {
    /// How long to wait; `random` lies between 0 and 1.
    pub(crate) fn pause(&self, random: f64) -> Duration {
        let version = self.waited.as_secs_f64() / self.age.max(1) as f64;
        let versions = if self.races <= 1 {
            0.0
        } else if self.age < self.winner_age {
            (self.winner_age - self.age) as f64 * (1.0 + random) / 2.0
        } else {
            f64::from((self.races - 1).min(MOST_RACES_WHEN_DUE)) * random / 2.0
        };
        Duration::from_secs_f64((version * versions).min(LONGEST_WAIT.as_secs_f64()))
    }
}

/// What a handle's last commits met.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Met {
    /// Versions that others made between its beginning and its own.
    pub(crate) others: u64,
    /// Time from its beginning to its end.
    pub(crate) waited: Duration,
    /// When the last one ended, by the monotonic clock.
    pub(crate) ended: Duration,
}

impl Met {
    /// What is remembered of this commit, where `last` is remembered of those before: a crowd is forgotten by halves.
    pub(crate) fn or_half_of(self, last: Option<Met>) -> Met {
        match last {
            Some(last) if last.others / 2 > self.others => {
                Met { others: last.others / 2, waited: self.waited.max(last.waited / 2), ..self }
            }
            _ => self,
        }
    }

    /// How long the next one waits at `now`; `random` lies between 0 and 1.
    pub(crate) fn pause(&self, now: Duration, random: f64) -> Duration {
        if self.others < CROWD {
            return Duration::ZERO;
        }
        let turn = self.waited.as_secs_f64() * (0.2 + 0.4 * random);
        Duration::from_secs_f64(turn.min(LONGEST_WAIT.as_secs_f64())).saturating_sub(now.saturating_sub(self.ended))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn lost(races: u32, age: u64, winner_age: u64) -> Lost {
        Lost { races, age, winner_age, waited: 10 * MS * u32::try_from(age).unwrap() }
    }

    #[test]
    fn the_first_race_is_tried_again_at_once() {
        assert_eq!(lost(1, 1, 0).pause(1.0), Duration::ZERO);
        assert_eq!(lost(1, 5, 90).pause(1.0), Duration::ZERO);
        assert!(lost(2, 2, 0).pause(1.0) > Duration::ZERO);
    }

    #[test]
    fn who_began_later_than_the_winner_had_waits_until_its_turn() {
        let near = |pause: Duration, ms: u32| pause.abs_diff(ms * MS) < MS / 1000;
        assert!(near(lost(2, 3, 13).pause(1.0), 100), "ten versions of 10 ms");
        assert!(near(lost(2, 3, 13).pause(0.0), 50));
    }

    #[test]
    fn who_has_waited_longer_waits_less() {
        let pauses: Vec<Duration> = (1..=40).map(|age| lost(age.min(7), u64::from(age), 30).pause(0.5)).collect();
        assert!(pauses[1..29].windows(2).all(|pair| pair[0] > pair[1]), "{pauses:?}");
        assert!(pauses[29..].iter().all(|pause| *pause <= 40 * MS), "{pauses:?}");
    }

    #[test]
    fn whatever_a_winner_says_no_pause_is_longer_than_the_longest() {
        for (age, winner_age, waited) in [(0, u64::MAX, Duration::MAX), (1, u64::MAX, MS), (u64::MAX, 0, Duration::MAX)]
        {
            let pause = Lost { races: u32::MAX, age, winner_age, waited }.pause(1.0);
            assert!(pause <= LONGEST_WAIT, "{pause:?}");
        }
    }

    #[test]
    fn only_who_came_behind_a_crowd_lets_others_go_first_and_not_for_long() {
        let met = |others| Met { others, waited: 1000 * MS, ended: 5000 * MS };
        assert_eq!(met(15).pause(5000 * MS, 1.0), Duration::ZERO);
        assert_eq!((met(64).pause(5000 * MS, 0.0), met(64).pause(5000 * MS, 1.0)), (200 * MS, 600 * MS));
        assert_eq!(met(64).pause(5100 * MS, 0.0), 100 * MS, "what passed meanwhile counts");
        assert_eq!(met(64).pause(9000 * MS, 1.0), Duration::ZERO);
        let long = Met { waited: Duration::MAX, ..met(64) };
        assert_eq!(long.pause(5000 * MS, 1.0), LONGEST_WAIT);
    }

    #[test]
    fn a_crowd_is_forgotten_by_halves_by_who_was_lucky() {
        let lucky = Met { others: 0, waited: 2 * MS, ended: 9000 * MS };
        let mut met = Met { others: 64, waited: 1000 * MS, ended: 5000 * MS };
        for pause in [100 * MS, 50 * MS, Duration::ZERO] {
            met = lucky.or_half_of(Some(met));
            assert_eq!(met.pause(9000 * MS, 0.0), pause, "{met:?}");
        }
        assert_eq!(lucky.or_half_of(None).others, 0);
        let again = Met { others: 40, waited: 300 * MS, ended: 9000 * MS };
        let kept = again.or_half_of(Some(Met { others: 64, waited: 1000 * MS, ended: 5000 * MS }));
        assert_eq!((kept.others, kept.waited), (40, 300 * MS), "what was met now says more than half of what was");
    }
}

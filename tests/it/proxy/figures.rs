//! Which faults met which requests, and how did it end?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use lakebed_tests::proxy::asked::What;
use lakebed_tests::proxy::seen::Seen;

use super::history::{Explained, History};
use super::say;

/// What requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Commit,
    Write,
    Read,
}

const KINDS: [Kind; 3] = [Kind::Commit, Kind::Write, Kind::Read];
const ENDS: [Explained; 4] = [Explained::Acknowledged, Explained::Unknown, Explained::Rearranged, Explained::Fence];

/// Requests that met a fault.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    met: u64,
    /// Those of them that the server carried out, and whose client wasn't told.
    lost: u64,
}

/// What a storm came to.
#[derive(Debug, Default)]
pub(super) struct Figures {
    counts: BTreeMap<(String, Kind), Count>,
    /// Commits that landed and whose put's answer was lost, by fault and by how the version was explained.
    ends: BTreeMap<(String, Explained), u64>,
    faults: BTreeSet<String>,
}

impl Figures {
    /// Counts what was seen; `history` is that of the table that a path belongs to.
    pub(super) fn count<'a>(seen: &[Seen], history: impl Fn(&str) -> &'a History) -> Figures {
        let mut figures = Figures::default();
        for seen in seen {
            let kind = match seen.asked.what {
                What::PutCommit => Kind::Commit,
                what if what.writes() => Kind::Write,
                _ => Kind::Read,
            };
            let fault = seen.fault.to_string();
            figures.faults.insert(fault.clone());
            let count = figures.counts.entry((fault.clone(), kind)).or_default();
            count.met += 1;
            if !seen.is_lost() {
                continue;
            }
            count.lost += 1;
            if kind == Kind::Commit {
                let version = seen.asked.version().expect("a commit's name is its version");
                let end = history(&seen.asked.path).of(version);
                *figures.ends.entry((fault, end)).or_default() += 1;
            }
        }
        figures
    }

    fn lost(&self, kind: Kind) -> u64 {
        self.counts.iter().filter(|((_, of), _)| *of == kind).map(|(_, count)| count.lost).sum()
    }

    /// Lost answers to puts of commits that landed.
    pub(super) fn lost_commits(&self) -> u64 {
        self.lost(Kind::Commit)
    }

    /// Lost answers to all requests that wrote.
    pub(super) fn lost_writes(&self) -> u64 {
        self.lost_commits() + self.lost(Kind::Write)
    }

    /// Prints them.
    pub(super) fn say(&self, test: &str) {
        let mut text = format!(
            "{test}: {} lost answers to requests that wrote, {} of them to puts of commits that landed; {} to reads\n",
            self.lost_writes(),
            self.lost_commits(),
            self.lost(Kind::Read)
        );
        let columns = ["commits", "lost", "writes", "lost", "reads", "lost"];
        let ends = ["told", "unknown", "moved", "fence"];
        let heads: String = columns.iter().chain(&ends).map(|head| format!(" {head:>8}")).collect();
        let _ = writeln!(text, "  {:<32}{heads}", "fault");
        for fault in &self.faults {
            let _ = write!(text, "  {fault:<32}");
            for kind in KINDS {
                let count = self.counts.get(&(fault.clone(), kind)).copied().unwrap_or_default();
                let _ = write!(text, " {:>8} {:>8}", count.met, count.lost);
            }
            for end in ENDS {
                let _ = write!(text, " {:>8}", self.ends.get(&(fault.clone(), end)).copied().unwrap_or_default());
            }
            text.push('\n');
        }
        text.push_str("  told .. fence: what became of the commits that landed and whose answer was lost");
        say(&text);
    }
}

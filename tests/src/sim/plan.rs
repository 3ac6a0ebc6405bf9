//! Which requests does something go wrong with?

use std::collections::BTreeMap;
use std::time::Duration;

use super::fault::Fault;
use super::request::Verb;
use super::rng::Rng;

/// One of the processes of a run.
pub type ProcessId = u32;

/// What goes wrong in a run.
#[derive(Clone, Debug, Default)]
pub enum Plan {
    /// Nothing.
    #[default]
    None,
    /// These requests, by process and number.
    Script(BTreeMap<(ProcessId, u32), Fault>),
    /// So many of a thousand requests, drawn as they come.
    Random {
        /// How many.
        per_mille: u64,
        /// Whether processes crash too.
        deaths: bool,
        /// Who is spared.
        spared: Vec<ProcessId>,
        /// How long a put may be held back, beside the usual.
        stall: Option<Duration>,
    },
}

impl Plan {
    /// One request.
    #[must_use]
    pub fn one(process: ProcessId, number: u32, fault: Fault) -> Plan {
        Plan::Script([((process, number), fault)].into())
    }

    pub(super) fn choose(&self, process: ProcessId, number: u32, verb: Verb, rng: &mut Rng) -> Option<Fault> {
        match self {
            Plan::None => None,
            Plan::Script(script) => script.get(&(process, number)).copied(),
            Plan::Random { per_mille, deaths, spared, stall } => {
                if spared.contains(&process) || !rng.chance(*per_mille) {
                    return None;
                }
                if let (Verb::Commit, Some(stall), true) = (verb, stall, rng.chance(200)) {
                    return Some(Fault::Stalled(*stall));
                }
                let faults: Vec<Fault> =
                    Fault::of(verb).into_iter().filter(|fault| *deaths || !fault.is_death()).collect();
                Some(rng.pick(&faults))
            }
        }
    }
}

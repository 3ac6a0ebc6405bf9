//! What was asked for on the command line? `--name value` pairs after the measure's name.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::Res;
use crate::engine::{self, Engine};
use crate::measure::Repetitions;
use crate::place::Kind;
use crate::table::{Spec, Statistics, Tail};

/// The options of one run.
#[derive(Clone, Debug, Default)]
pub struct Args {
    values: BTreeMap<String, String>,
}

impl Args {
    /// From the words after the measure's name.
    pub fn parse(words: impl Iterator<Item = String>) -> Res<Args> {
        let mut values = BTreeMap::new();
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").ok_or(format!("{word:?}: options are --name value"))?.to_owned();
            let value = words.next_if(|next| !next.starts_with("--")).unwrap_or_else(|| "yes".to_owned());
            values.insert(name, value);
        }
        Ok(Args { values })
    }

    /// A word, or its default.
    pub fn word<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.values.get(name).map_or(default, String::as_str)
    }

    /// Whether an option was given at all.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// A number, or its default; `k` and `m` stand for thousands and millions.
    pub fn number(&self, name: &str, default: u64) -> Res<u64> {
        let Some(value) = self.values.get(name) else { return Ok(default) };
        let (digits, unit) = match value.strip_suffix('k') {
            Some(digits) => (digits, 1_000),
            None => value.strip_suffix('m').map_or((value.as_str(), 1), |digits| (digits, 1_000_000)),
        };
        let number: u64 = digits.parse().map_err(|_| format!("--{name} {value:?} isn't a number"))?;
        Ok(number * unit)
    }

    /// Where tables are kept between runs.
    pub fn data(&self) -> PathBuf {
        PathBuf::from(self.word("data", "side-by-side-data"))
    }

    /// The engine.
    pub fn engine(&self) -> Res<(String, Arc<dyn Engine>)> {
        let name = self.word("engine", "lakebed");
        Ok((name.to_owned(), engine::named(name)?))
    }

    /// The store.
    pub fn store(&self) -> Res<Kind> {
        Kind::named(self.word("store", "memory"))
    }

    /// The table.
    pub fn table(&self) -> Res<Spec> {
        let statistics = match self.word("stats", "json") {
            "parsed" => Statistics::Parsed,
            "json" | "none" => Statistics::Json,
            other => return Err(format!("--stats {other:?}: there are json, parsed, none").into()),
        };
        let tail = match self.word("tail", "mixed") {
            "mixed" => Tail::Mixed,
            "appends" => Tail::Appends,
            other => return Err(format!("--tail {other:?}: there are mixed, appends").into()),
        };
        Ok(Spec { files: self.number("files", 100_000)?, statistics, tail })
    }

    /// How often.
    pub fn repetitions(&self) -> Res<Repetitions> {
        Ok(Repetitions::at_least(usize::try_from(self.number("reps", 5)?)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units_and_flags_need_no_value() {
        let args = Args::parse("--files 4m --reps 12k --detail --n 7".split(' ').map(str::to_owned)).unwrap();
        assert_eq!(args.number("files", 0).unwrap(), 4_000_000);
        assert_eq!(args.number("reps", 0).unwrap(), 12_000);
        assert_eq!(args.number("n", 0).unwrap(), 7);
        assert_eq!(args.number("absent", 3).unwrap(), 3);
        assert!(args.has("detail") && !args.has("absent"));
        assert!(Args::parse(std::iter::once("files".to_owned())).is_err());
    }
}

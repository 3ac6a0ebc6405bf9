//! Where does a checkpoint differ from what the commits come to? Pure.
//!
//! Compared: protocol, metadata, the progress of applications, domains, and of each live file path, vector, size, time,
//! partition values, tags, row ids and, where both have them, statistics. A checkpoint may leave out expired tombstones
//! and transactions, and may leave statistics to `stats_parsed`.

use std::collections::HashSet;

use lakebed_txlog::action::{Action, Add};
use lakebed_txlog::checkpoint::Contents;
use lakebed_txlog::replay::State;

/// Property that lets a checkpoint leave out old transactions.
const TXN_RETENTION: &str = "delta.setTransactionRetentionDuration";
/// Files that a difference names.
const MAX_NAMED: usize = 3;

/// What differs, a sentence each; nothing where the two agree.
pub(super) fn differences(contents: &Contents, state: &State) -> Vec<String> {
    let mut out = Vec::new();
    others(contents, state, &mut out);
    files(contents, state, &mut out);
    out
}

fn others(contents: &Contents, state: &State, out: &mut Vec<String>) {
    let mut read = State::default();
    contents.actions.iter().for_each(|action: &Action| read.take(action.clone()));
    if read.protocol != state.protocol {
        out.push("it has another protocol".to_owned());
    }
    if read.metadata != state.metadata {
        out.push("it has another metaData".to_owned());
    }
    if read.domains != state.domains {
        out.push("it has other domainMetadata".to_owned());
    }
    let may_expire = state.metadata.as_ref().is_some_and(|metadata| metadata.configuration.contains_key(TXN_RETENTION));
    for (app_id, txn) in state.txns.iter() {
        match read.txns.get(app_id) {
            Some(found) if found.version == txn.version => {}
            None if may_expire => {}
            Some(found) => out.push(format!("txn {app_id:?} is at {} instead of {}", found.version, txn.version)),
            None => out.push(format!("it lacks the txn {app_id:?}")),
        }
    }
    if let Some(app_id) = read.txns.keys().find(|app_id| !state.txns.contains_key(*app_id)) {
        out.push(format!("it has a txn {app_id:?} that no commit made"));
    }
}

fn files(contents: &Contents, state: &State, out: &mut Vec<String>) {
    let (mut extra, mut twice, mut differ) = (Named::default(), Named::default(), Named::default());
    let mut seen: HashSet<&str> = HashSet::new();
    for batch in &contents.adds {
        for row in 0..batch.len() {
            let file = batch.row(row);
            if !seen.insert(file.path()) {
                twice.add(file.path());
                continue;
            }
            match state.files.find(file.path()) {
                None => extra.add(file.path()),
                Some(live) if same(&file.to_add(), &live.to_add()) => {}
                Some(_) => differ.add(file.path()),
            }
        }
    }
    let mut lacks = Named::default();
    if (seen.len() as u64) < state.files.len() + extra.count {
        state.files.iter().filter(|file| !seen.contains(file.path())).for_each(|file| lacks.add(file.path()));
    }
    for (named, what) in [
        (lacks, "it lacks live files"),
        (extra, "it holds files that aren't live"),
        (twice, "it holds files twice"),
        (differ, "it says something else of files"),
    ] {
        out.extend(named.told(what));
    }
}

/// Paths, counted, the first of them named.
#[derive(Default)]
struct Named {
    count: u64,
    first: Vec<String>,
}

impl Named {
    fn add(&mut self, path: &str) {
        self.count += 1;
        if self.first.len() < MAX_NAMED {
            self.first.push(path.to_owned());
        }
    }

    fn told(&self, what: &str) -> Option<String> {
        let more = if self.count > self.first.len() as u64 { ", …" } else { "" };
        (self.count > 0).then(|| format!("{what}: {} ({}{more})", self.count, self.first.join(", ")))
    }
}

fn same(read: &Add, live: &Add) -> bool {
    let blank = |add: &Add| Add { stats: None, data_change: true, tags: None, ..add.clone() };
    let no_tags = |add: &Add| add.tags.clone().filter(|tags| !tags.is_empty());
    blank(read) == blank(live)
        && no_tags(read) == no_tags(live)
        && same_stats(read.stats.as_deref(), live.stats.as_deref())
}

/// Whether two texts say the same; where one side has none, nothing is said.
fn same_stats(read: Option<&str>, live: Option<&str>) -> bool {
    let (Some(read), Some(live)) = (read, live) else { return true };
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    read == live || (parsed(read).is_some() && parsed(read) == parsed(live))
}

#[cfg(test)]
mod tests {
    use lakebed_txlog::Version;
    use lakebed_txlog::action::{Metadata, Protocol, Txn};
    use lakebed_txlog::files::FileColumns;
    use lakebed_txlog::replay::Commit;

    use super::*;

    fn add(path: &str, size: i64) -> Add {
        Add {
            path: path.to_owned(),
            size,
            data_change: true,
            stats: Some("{\"numRecords\":1}".into()),
            ..Add::default()
        }
    }

    fn state(adds: &[Add], configuration: &[(&str, &str)]) -> State {
        let configuration = configuration.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let commit = Commit {
            version: Version(0),
            protocol: Some(Protocol::default()),
            metadata: Some(Metadata { configuration, ..Metadata::default() }),
            txns: vec![Txn { app_id: "a".into(), version: 3, last_updated: None }],
            adds: adds.to_vec(),
            ..Commit::default()
        };
        let mut state = State::default();
        state.apply(&commit).unwrap();
        state
    }

    fn contents(adds: &[Add], txn: i64) -> Contents {
        let actions = vec![
            Action::Protocol(Protocol::default()),
            Action::Metadata(Metadata::default()),
            Action::Txn(Txn { app_id: "a".into(), version: txn, last_updated: None }),
        ];
        Contents { actions, adds: vec![FileColumns::from_adds(adds)], ..Contents::default() }
    }

    #[test]
    fn what_is_lacking_superfluous_twice_or_other_is_named() {
        let live = state(&[add("a", 1), add("b", 2)], &[]);
        let told = |adds: &[Add]| differences(&contents(adds, 3), &live);
        assert_eq!(told(&[add("b", 2), add("a", 1)]), Vec::<String>::new());
        assert_eq!(told(&[add("a", 1)]), ["it lacks live files: 1 (b)"]);
        assert_eq!(told(&[add("a", 1), add("b", 2), add("c", 3)]), ["it holds files that aren't live: 1 (c)"]);
        assert_eq!(told(&[add("a", 1), add("b", 2), add("a", 1)]), ["it holds files twice: 1 (a)"]);
        assert_eq!(told(&[add("a", 1), add("b", 3)]), ["it says something else of files: 1 (b)"]);
        let both = told(&[add("a", 1), add("c", 3)]);
        assert_eq!(both, ["it lacks live files: 1 (b)", "it holds files that aren't live: 1 (c)"]);
    }

    #[test]
    fn statistics_may_be_left_out_or_written_otherwise_but_not_differ() {
        let live = state(&[add("a", 1)], &[]);
        let told = |stats: Option<&str>| {
            let add = Add { stats: stats.map(Into::into), ..add("a", 1) };
            differences(&contents(&[add], 3), &live).len()
        };
        assert_eq!(told(None), 0);
        assert_eq!(told(Some("{ \"numRecords\": 1 }")), 0);
        assert_eq!(told(Some("{\"numRecords\":2}")), 1);
    }

    #[test]
    fn transactions_may_expire_only_where_the_table_says_so() {
        let lacking = |metadata: Metadata| {
            let actions = vec![Action::Protocol(Protocol::default()), Action::Metadata(metadata)];
            Contents { actions, ..Contents::default() }
        };
        assert_eq!(differences(&lacking(Metadata::default()), &state(&[], &[])), ["it lacks the txn \"a\""]);
        assert_eq!(differences(&contents(&[], 2), &state(&[], &[])), ["txn \"a\" is at 2 instead of 3"]);
        let expiring = state(&[], &[(TXN_RETENTION, "interval 1 day")]);
        let metadata = expiring.metadata.as_deref().cloned().unwrap();
        assert_eq!(differences(&lacking(metadata), &expiring), Vec::<String>::new());
    }
}

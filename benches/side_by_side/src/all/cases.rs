//! Which cases does a run have?

/// How long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Minutes.
    Quick,
    /// Up to four million files; an hour on two cores.
    Full,
}

/// One measure with its options, by several engines.
pub struct Case {
    pub title: String,
    pub measure: &'static str,
    pub words: Vec<String>,
    /// Ours first.
    pub engines: &'static [&'static str],
    /// What of it stands in the table.
    pub shown: &'static [Shown],
}

/// A figure of a result.
pub struct Shown {
    pub what: &'static str,
    /// Where it stands in the line, as a JSON pointer.
    pub at: &'static str,
    pub unit: &'static str,
    /// Whether more is better.
    pub better: Better,
}

/// Which of two figures is the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    Less,
    More,
}

const fn less(what: &'static str, at: &'static str, unit: &'static str) -> Shown {
    Shown { what, at, unit, better: Better::Less }
}

const THREE: &[&str] = &["lakebed", "delta-rs", "kernel"];
const LAZY: &[&str] = &["lakebed", "delta-rs-lazy", "kernel"];

const OPEN: &[Shown] = &[
    less("", "/time/median_ms", "ms"),
    less("CPU", "/time/cpu_ms", "ms"),
    less("memory held", "/held_mb", "MB"),
    less("memory at most", "/peak_mb", "MB"),
];
const TIME: &[Shown] = &[less("", "/time/median_ms", "ms"), less("CPU", "/time/cpu_ms", "ms")];
const REFRESH: &[Shown] = &[
    less("one new commit", "/refresh/median_ms", "ms"),
    less("one new commit, and the sum of size", "/refresh_and_sum/median_ms", "ms"),
    less("nothing new", "/nothing_new/median_ms", "ms"),
];
const PRUNE: &[Shown] = &[
    less("first on an open table", "/first/median_ms", "ms"),
    less("first on an open table, CPU", "/first/cpu_ms", "ms"),
    less("again", "/warm/median_ms", "ms"),
    less("with opening", "/open_and_first/median_ms", "ms"),
];
const CHECKPOINT: &[Shown] = &[
    less("", "/time/median_ms", "ms"),
    less("CPU", "/time/cpu_ms", "ms"),
    less("memory above the open table", "/peak_mb", "MB"),
];
const COMMIT: &[Shown] =
    &[less("", "/time/median_ms", "ms"), less("p99", "/time/p99_ms", "ms"), less("requests", "/requests_a_commit", "")];
const COMMIT_IN_MEMORY: &[Shown] = &[
    less("", "/time/median_ms", "ms"),
    less("requests", "/requests_a_commit", ""),
    less("CPU outside of the store", "/cpu_us_outside_the_store", "µs"),
];
const CONTEND: &[Shown] = &[
    Shown { what: "commits a second", at: "/commits_a_second", unit: "", better: Better::More },
    Shown { what: "landed", at: "/landed", unit: "", better: Better::More },
    less("requests a commit", "/requests_a_commit", ""),
];
const CONTENTION: &[Shown] = &[
    less("", "/seconds", "s"),
    Shown { what: "landed", at: "/landed", unit: "", better: Better::More },
    less("requests a commit", "/requests_a_commit", ""),
    less("median", "/time/median_ms", "ms"),
    less("slowest", "/time/max_ms", "ms"),
];
const REQUESTS: &[Shown] = &[less("requests", "/requests", ""), less("one after another", "/depth", "")];

/// Every case of a run of this size.
pub fn all(size: Size) -> Vec<Case> {
    let mut cases = Vec::new();
    let files: &[&str] = if size == Size::Full { &["100k", "1m", "4m"] } else { &["100k"] };
    files.iter().for_each(|files| logs(files, &mut cases));
    commits(size, &mut cases);
    requests(&mut cases);
    cases
}

fn case(
    title: String,
    measure: &'static str,
    words: &str,
    engines: &'static [&'static str],
    shown: &'static [Shown],
) -> Case {
    Case { title, measure, words: words.split(' ').map(str::to_owned).collect(), engines, shown }
}

fn logs(files: &str, cases: &mut Vec<Case>) {
    let mut add = |title: &str, measure, words: &str, engines, shown| {
        cases.push(case(
            format!("{files} files: {title}"),
            measure,
            &format!("--files {files} {words}"),
            engines,
            shown,
        ));
    };
    add("open to version and schema", "open-schema", "--stats json", LAZY, TIME);
    add("open to all files, without statistics", "open", "--stats none", THREE, OPEN);
    add("open to all files, JSON statistics", "open", "--stats json", THREE, OPEN);
    add("open to all files, parsed statistics", "open", "--stats parsed", THREE, OPEN);
    add("refresh", "refresh", "--stats json", THREE, REFRESH);
    add("prune to 1 %, JSON statistics", "prune", "--stats json", THREE, PRUNE);
    add("prune to 1 %, parsed statistics", "prune", "--stats parsed", THREE, PRUNE);
    add("checkpoint", "checkpoint", "--stats json --tail appends", THREE, CHECKPOINT);
    add("checkpoint, parsed statistics", "checkpoint", "--stats parsed --tail appends", THREE, CHECKPOINT);
}

fn commits(size: Size, cases: &mut Vec<Case>) {
    let histories: &[&str] = if size == Size::Full { &["1", "1k", "10k"] } else { &["1", "1k"] };
    let live = if size == Size::Full { "1m" } else { "100k" };
    let each = if size == Size::Full { "50" } else { "20" };
    for store in ["memory", "durable", "local", "s3"] {
        let shown = if store == "memory" { COMMIT_IN_MEMORY } else { COMMIT };
        let mut add = |title: String, words: String| {
            cases.push(case(title, "commit", &format!("--store {store} {words}"), THREE, shown));
        };
        for history in histories {
            add(format!("append, {store}, {history} commits of history"), format!("--history {history}"));
        }
        add(format!("append, {store}, {live} live files"), format!("--files {live} --tail appends"));
    }
    cases.push(case(
        "append, s3, 60 ms a request, 1k commits of history".to_owned(),
        "commit",
        "--store s3 --history 1k --latency-ms 60",
        THREE,
        COMMIT,
    ));
    for (store, words) in [
        ("memory", ""),
        ("memory, 20 ms a request", " --latency-ms 20"),
        ("durable", ""),
        ("s3", ""),
        ("s3, 60 ms a request", " --latency-ms 60"),
    ] {
        let title = format!("8 writers × {each} appends, {store}");
        let kind = store.split(',').next().unwrap_or(store);
        let words = format!("--store {kind} --history 10 --commits {each}{words}");
        cases.push(case(title, "contend", &words, THREE, CONTEND));
    }
    for store in ["durable", "s3"] {
        for (processes, each) in [("8", "100"), ("1", "800")] {
            let title = format!("{processes} processes × {each} appends, {store}");
            let words = format!("--store {store} --history 10 --writers {processes} --commits {each}");
            cases.push(case(title, "contention", &words, THREE, CONTENTION));
        }
    }
}

fn requests(cases: &mut Vec<Case>) {
    let mut add = |title: &str, words: &str, engines| {
        cases.push(case(format!("requests: {title}"), "requests", words, engines, REQUESTS));
    };
    add("version and schema, 50,000 commits, Spark's checkpoint", "--operation open-schema --commits 50k", LAZY);
    add("file list, 50,000 commits, Spark's checkpoint", "--operation open --commits 50k", THREE);
    add("version and schema, 50,000 commits, our checkpoint", "--operation open-schema --commits 50k --by ours", LAZY);
    add("file list, 50,000 commits, our checkpoint", "--operation open --commits 50k --by ours", THREE);
    add("file list, 100k files", "--operation open --files 100k", THREE);
    add("refresh, nothing new", "--operation refresh-nothing --files 100k", THREE);
    add("refresh, one new commit", "--operation refresh --files 100k", THREE);
    add("append", "--operation append --files 100k --tail appends", THREE);
    add("checkpoint", "--operation checkpoint --files 100k --tail appends", THREE);
}

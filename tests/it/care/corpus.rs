//! Are other writers' tables found sound, and is what is said of the rest so?

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use lakebed::fsck::{History, Kind, Options, Sample, Severity, check};
use lakebed::store::{StoreSettings, TableStore, TableUrl};
use lakebed_txlog::env::SystemEnv;

use crate::machine;

/// (the case, what is found in it, and why that is so)
const FOUND: [(&str, &[Kind], &str); 4] = [
    ("gen-spark/last_checkpoint_dangling", &[Kind::Hint], "made so: the checkpoint that it names was deleted"),
    ("gen-spark/last_checkpoint_missing", &[Kind::Hint], "made so: the file was deleted"),
    ("gen-spark/leftover_bad_version_crc", &[Kind::Checksum], "made so: one .crc is cut, one counts 99 files"),
    ("gen-spark/v2ckpt_classic_name", &[Kind::Hint], "made so: the checkpoint got its classic name by hand"),
];

/// Every table of the repository's corpus, by writer and name.
fn tables() -> BTreeMap<String, PathBuf> {
    let corpus = machine::repository().join("tests/corpus");
    let folders = |path: PathBuf| std::fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut tables = BTreeMap::new();
    for table in folders(corpus).filter(|path| path.is_dir()).flat_map(folders) {
        let name = |path: &std::path::Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        let delta = table.join("delta");
        if delta.is_dir() {
            tables.insert(format!("{}/{}", name(table.parent().unwrap()), name(&table)), delta);
        }
    }
    tables
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_other_writers_are_sound_but_for_what_is_listed() {
    let options = Options { history: History::Newest, sample: Sample::Full };
    let mut wrong = Vec::new();
    let (mut clean, tables) = (0, tables());
    assert!(tables.len() > 50, "{} tables", tables.len());
    for (name, path) in tables {
        let url = TableUrl::parse(path.to_str().unwrap()).unwrap();
        let store = TableStore::open(&url, &StoreSettings::default(), &SystemEnv::shared()).unwrap();
        let report = match check(&store, &options, |_| {}).await {
            Ok(report) => report,
            Err(e) => {
                wrong.push(format!("{name}: {e}"));
                continue;
            }
        };
        let worth = |kind: &&lakebed::fsck::Finding| kind.severity > Severity::Note;
        let found: BTreeSet<Kind> = report.findings.iter().filter(worth).map(|finding| finding.kind).collect();
        let listed = FOUND.iter().find(|(listed, ..)| *listed == name).map_or(&[][..], |(_, kinds, _)| *kinds);
        if found != listed.iter().copied().collect() {
            let details: Vec<String> =
                report.findings.iter().filter(worth).map(|finding| format!("    {finding:?}")).collect();
            wrong.push(format!("{name}: found {found:?}, listed {listed:?}\n{}", details.join("\n")));
        }
        clean += usize::from(found.is_empty());
    }
    assert!(wrong.is_empty(), "{} tables:\n{}", wrong.len(), wrong.join("\n"));
    assert!(clean > 50, "{clean} tables are clean");
}

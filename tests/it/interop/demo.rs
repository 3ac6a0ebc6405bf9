//! Do nine engines read the lake that `lakebed demo` leaves, in its folder and on S3?

use std::path::{Path, PathBuf};

use lakebed::Table as Lakebed;
use lakebed::query::ScanRequest;
use object_store::ObjectStoreExt;
use object_store::path::Path as Key;

use super::{Table, read_by_everyone, rows};
use crate::s3::S3;
use crate::{machine, s3};

/// Each table has to have the rows that we scan: Spark, Trino and Sail read it with code of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_reads_the_demos_lake() {
    let test = "everyone_reads_the_demos_lake";
    let Some(binary) = machine::binary(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let demo = std::process::Command::new(binary).arg("demo").arg("--dir").arg(&lake).output().unwrap();
    assert!(demo.status.success(), "lakebed demo: {}", String::from_utf8_lossy(&demo.stderr));
    let mut tables = Vec::new();
    for place in tables_below(&lake) {
        tables.push(scanned(folder.path(), &lake, &place).await);
    }
    assert!(tables.len() >= 3, "bronze, silver and gold: {tables:?}");
    let mut complaints = read_by_everyone("demo", &tables);
    if let Some(s3) = s3::server(test) {
        copy(&lake, s3, "demo").await;
        let remote: Vec<Table> =
            tables.iter().map(|t| Table { url: s3.url(&format!("demo/{}", t.name)), ..t.clone() }).collect();
        complaints.extend(read_by_everyone("demo-s3", &remote));
    }
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

fn tables_below(folder: &Path) -> Vec<PathBuf> {
    if folder.join("_delta_log").is_dir() {
        return vec![folder.to_owned()];
    }
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders.iter().filter(|path| path.is_dir()).flat_map(|path| tables_below(path)).collect()
}

async fn scanned(folder: &Path, lake: &Path, place: &Path) -> Table {
    let url = place.to_str().expect("the folder's path is text");
    let name = place.strip_prefix(lake).expect("it is below").to_str().expect("text").to_owned();
    let table = Lakebed::open(url).await.unwrap();
    let scanned = table.scan(&table.snapshot(), &ScanRequest::default()).await.unwrap().collect().await.unwrap();
    Table::newest(&name, url, rows(folder, &name.replace('/', "."), &scanned))
}

/// Puts every file of a folder under the same name below a prefix.
async fn copy(folder: &Path, s3: &S3, prefix: &str) {
    let bucket = s3.objects();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let below = path.strip_prefix(folder).expect("it is below").to_str().expect("text");
            let key = Key::parse(format!("{prefix}/{below}")).unwrap();
            bucket.put(&key, std::fs::read(&path).unwrap().into()).await.unwrap();
        }
    }
}

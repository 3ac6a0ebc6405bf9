//! What does a checkpoint of many files cost?
//!
//! `checkpoint_cost DIR gen FILES [PROPERTY=VALUE …]` writes a table's log: ten commits with five columns of statistics,
//! a checkpoint, twenty commits of ten files more. `checkpoint_cost DIR` opens it, writes a checkpoint of the newest
//! version, prints time, bytes and peak memory above the snapshot as one JSON line, and takes the checkpoint away again.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use lakebed_txlog::drive::{Landing, Log, LogStore};
use lakebed_txlog::env::SystemEnv;
use object_store::local::LocalFileSystem;

const SCHEMA: &str = r#"{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}},{\"name\":\"event_time\",\"type\":\"timestamp\",\"nullable\":true,\"metadata\":{}},{\"name\":\"device\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}},{\"name\":\"reading\",\"type\":\"double\",\"nullable\":true,\"metadata\":{}},{\"name\":\"region\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}}]}"#;
const COMMITS: u64 = 10;
const TAIL: u64 = 20;
const TAIL_FILES: u64 = 10;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let folder = words.first().ok_or("a folder for the table is needed")?;
    match words.get(1).map(String::as_str) {
        Some("gen") => {
            let files = words.get(2).ok_or("a number of files is needed")?.parse()?;
            generate(Path::new(folder), files, words.get(3..).unwrap_or_default()).await
        }
        _ => measure(folder).await,
    }
}

async fn open(folder: &str) -> Result<Log, Box<dyn std::error::Error>> {
    let files = Arc::new(LocalFileSystem::new_with_prefix(folder)?);
    let store = LogStore::new(files.clone(), files, "".into(), folder, Landing::AtOnce);
    Ok(Log::open(store, SystemEnv::shared()).await?)
}

async fn measure(folder: &str) -> Result<(), Box<dyn std::error::Error>> {
    let log = open(folder).await?;
    let snapshot = log.snapshot();
    // Peak memory counts from here on.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = status("VmRSS:")?;
    let began = log.env().monotonic();
    let report = log.checkpoint(&snapshot).await?;
    let ms = log.env().monotonic().saturating_sub(began).as_millis();
    let peak = status("VmHWM:")?;
    println!(
        "{{\"files\":{},\"ms\":{ms},\"bytes\":{},\"sidecars\":{},\"snapshot_mib\":{},\"above_snapshot_mib\":{}}}",
        report.num_files,
        report.size_in_bytes,
        report.num_sidecars,
        before / 1024,
        peak.saturating_sub(before) / 1024
    );
    // The hint stays: one that leads nowhere costs the next run a listing.
    std::fs::remove_file(Path::new(folder).join(report.path))?;
    Ok(())
}

/// A number of KiB that the kernel says of this process.
fn status(name: &str) -> Result<u64, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find(|line| line.starts_with(name)).ok_or("a line of /proc/self/status")?;
    Ok(line.split_whitespace().nth(1).ok_or("a number")?.parse()?)
}

async fn generate(folder: &Path, files: u64, properties: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let log_folder = folder.join("_delta_log");
    std::fs::create_dir_all(&log_folder)?;
    let put = |version: u64, text: &str| std::fs::write(log_folder.join(format!("{version:020}.json")), text);
    let settings = properties.iter().filter_map(|setting| setting.split_once('='));
    let settings: Vec<String> = settings.map(|(key, value)| format!("\"{key}\":\"{value}\"")).collect();
    let v2 = properties.iter().any(|setting| setting == "delta.checkpointPolicy=v2");
    let protocol = match v2 {
        true => {
            r#""minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["v2Checkpoint"],"writerFeatures":["v2Checkpoint"]"#
        }
        false => r#""minReaderVersion":1,"minWriterVersion":2"#,
    };
    let first = format!(
        "{{\"protocol\":{{{protocol}}}}}\n{{\"metaData\":{{\"id\":\"cost\",\"format\":{{\"provider\":\"parquet\",\"options\":{{}}}},\"schemaString\":\"{SCHEMA}\",\"partitionColumns\":[],\"configuration\":{{{}}}}}}}\n",
        settings.join(",")
    );
    put(0, &first)?;
    for commit in 0..COMMITS {
        put(commit + 1, &adds(files * commit / COMMITS..files * (commit + 1) / COMMITS))?;
    }
    let folder = folder.to_str().ok_or("a folder whose name is text")?;
    let log = open(folder).await?;
    println!("{:?}", log.checkpoint(&log.snapshot()).await?);
    for commit in 0..TAIL {
        let first = files + commit * TAIL_FILES;
        put(COMMITS + 1 + commit, &adds(first..first + TAIL_FILES))?;
    }
    Ok(())
}

fn adds(files: std::ops::Range<u64>) -> String {
    let mut text = String::new();
    for file in files {
        let (a, b) = (mix(file), mix(!file));
        let (low, high) = (file * 10_000, file * 10_000 + 9_999);
        let (minute, hour, day) = (file % 60, file / 60 % 24, 1 + file / 1440 % 28);
        let stats = format!(
            r#"{{\"numRecords\":10000,\"minValues\":{{\"id\":{low},\"event_time\":\"2026-01-{day:02}T{hour:02}:{minute:02}:00.000Z\",\"device\":\"sensor-{:012x}-a\",\"reading\":-{}.{:06},\"region\":\"eu-central-1\"}},\"maxValues\":{{\"id\":{high},\"event_time\":\"2026-01-{day:02}T{hour:02}:{minute:02}:59.999Z\",\"device\":\"sensor-{:012x}-z\",\"reading\":{}.{:06},\"region\":\"us-west-2\"}},\"nullCount\":{{\"id\":0,\"event_time\":0,\"device\":{},\"reading\":{},\"region\":0}},\"tightBounds\":true}}"#,
            a & 0xffff_ffff,
            (a >> 8) % 1000,
            a % 1_000_000,
            (a >> 16) & 0xffff_ffff_ffff,
            (b >> 8) % 1000,
            b % 1_000_000,
            a % 97,
            b % 31,
        );
        let path = format!(
            "part-{:05}-{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}-c000.snappy.parquet",
            file % 100_000,
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        );
        let size = 200_000 + a % 100_000;
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "{{\"add\":{{\"path\":\"{path}\",\"partitionValues\":{{}},\"size\":{size},\"modificationTime\":{},\"dataChange\":true,\"stats\":\"{stats}\"}}}}",
            1_767_225_600_000 + file
        );
    }
    text
}

/// A number that looks random.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

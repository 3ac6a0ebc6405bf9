//! Where do seeds come from? Tables of our own, and the words of each format.
//!
//!     cargo test -p lakebed-tests --test it -- --ignored fuzz::seeds
//!
//! writes those below `fuzz/seeds` that aren't there; those that are stay as they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lakebed::store::{StoreSettings, TableStore, TableUrl};
use lakebed::table::{CreateTable, Table};
use lakebed_txlog::action::{
    Action, Add, AddCdcFile, CommitInfo, DeletionVectorDescriptor, DomainMetadata, Txn, to_lines,
};
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::env::SystemEnv;
use lakebed_txlog::schema::{DataType, FieldMetadata, StructField, StructType, decimal};
use serde_json::json;

use crate::machine;
use crate::maintenance::{append, rows};

/// The files of a table's log, by their names below `_delta_log`.
type Log = BTreeMap<String, Vec<u8>>;

#[test]
#[ignore = "writes what is committed"]
fn missing_seeds_are_made() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let classic = runtime.block_on(table(&[]));
    let structs = runtime.block_on(table(&[("delta.checkpoint.writeStatsAsStruct", "true")]));
    let v2 = runtime.block_on(table(&[("delta.checkpointPolicy", "v2")]));
    for (name, log) in [("classic", &classic), ("structs", &structs), ("v2", &v2)] {
        of_log(name, log);
    }
    commits();
    schemas();
    partition_values();
    statistics();
    hints();
}

fn keep(target: &str, name: &str, bytes: impl AsRef<[u8]>) {
    let file = machine::repository().join("fuzz/seeds").join(target).join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    if !file.exists() {
        std::fs::write(file, bytes).unwrap();
    }
}

/// A table of a number and a text, partitioned, with a vector, a checkpoint, and a commit after it.
async fn table(properties: &[(&str, &str)]) -> Log {
    let folder = tempfile::tempdir().unwrap();
    let env = SystemEnv::shared();
    let url = TableUrl::parse(folder.path().join("t").to_str().unwrap()).unwrap();
    let store = TableStore::create(&url, &StoreSettings::default(), &env).unwrap();
    let mut create = CreateTable::of_arrow(&rows("", 0..1).schema()).unwrap().partitioned_by(["p"]);
    for (name, value) in properties {
        create = create.property(*name, *value);
    }
    let table: Table = create.create_in(store, Arc::clone(&env)).await.unwrap();
    append(&table, "a", 0..10).await;
    append(&table, "b c/d=%", 10..20).await;
    table.delete("n = 3", &CommitOptions::default()).await.unwrap();
    table.delete("p = 'b c/d=%'", &CommitOptions::default()).await.unwrap();
    table.checkpoint().await.unwrap();
    append(&table, "ü", 20..21).await;
    table.settle().await;
    let mut log = Log::new();
    files(&folder.path().join("t/_delta_log"), &PathBuf::new(), &mut log);
    log
}

fn files(folder: &Path, below: &Path, log: &mut Log) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let (path, name) = (entry.as_ref().unwrap().path(), below.join(entry.unwrap().file_name()));
        if path.is_dir() {
            files(&path, &name, log);
        } else {
            log.insert(name.to_str().unwrap().to_owned(), std::fs::read(path).unwrap());
        }
    }
}

fn of_log(name: &str, log: &Log) {
    let is_commit = |file: &str| file.len() == "00000000000000000000.json".len() && file.ends_with(".json");
    let commits: Vec<&[u8]> = log.iter().filter(|(file, _)| is_commit(file)).map(|(_, bytes)| &bytes[..]).collect();
    keep("log_replay", name, commits.join(&b"\n---\n"[..]));
    let of = |keep: &dyn Fn(&str) -> bool| -> Vec<u8> {
        let files = log.iter().filter(|(file, _)| keep(file));
        files.flat_map(|(file, bytes)| [format!("@@{file}\n").as_bytes(), bytes, b"\n"].concat()).collect()
    };
    keep("log_open", name, of(&|_| true));
    keep("log_open", &format!("{name}-commits"), of(&|file| is_commit(file) || file == "_last_checkpoint"));
    keep("log_open", &format!("{name}-late"), of(&|file| !is_commit(file) || file > "00000000000000000004"));
    for (file, bytes) in log {
        match file.as_str() {
            file if file.ends_with(".parquet") => {
                let part = if file.contains("_sidecars") { "sidecar" } else { "checkpoint" };
                keep("checkpoint", &format!("{name}-{part}"), bytes);
            }
            "_last_checkpoint" => keep("last_checkpoint", name, bytes),
            file if file.ends_with("1.crc") => keep("checksum", name, bytes),
            file if is_commit(file) && name == "classic" => keep("commit_line", &file[19..20], bytes),
            _ => {}
        }
    }
}

/// One commit of every action and field.
fn commits() {
    let text = |pairs: &[(&str, Option<&str>)]| -> BTreeMap<String, Option<String>> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect()
    };
    let vector = DeletionVectorDescriptor {
        storage_type: "u".to_owned(),
        path_or_inline_dv: "ab^-aqEH.-t@S}K{vb[*k^".to_owned(),
        offset: Some(4),
        size_in_bytes: 40,
        cardinality: 6,
    };
    let add = Add {
        path: "p=a%20b/x.parquet".to_owned(),
        partition_values: text(&[("p", Some("a b")), ("q", None)]),
        size: i64::MAX,
        modification_time: -1,
        data_change: false,
        stats: Some(r#"{"numRecords":7,"minValues":{"n":1}}"#.to_owned()),
        tags: Some(text(&[("k", Some("v")), ("n", None)])),
        deletion_vector: Some(vector),
        base_row_id: Some(0),
        default_row_commit_version: Some(3),
        clustering_provider: Some("liquid".to_owned()),
    };
    let info = CommitInfo {
        in_commit_timestamp: Some(1_700_000_000_000),
        operation: Some("WRITE".to_owned()),
        operation_parameters: Some([("mode".to_owned(), json!("Append")), ("x".to_owned(), json!([1, 0.5]))].into()),
        txn_id: Some("8f1c5f7e-0000-4000-8000-000000000000".to_owned()),
        ..CommitInfo::default()
    };
    let actions = [
        Action::CommitInfo(info),
        Action::Remove(add.removed(5, true)),
        Action::Add(add),
        Action::Cdc(AddCdcFile { path: "_change_data/c.parquet".to_owned(), size: 1, ..AddCdcFile::default() }),
        Action::Txn(Txn { app_id: "app".to_owned(), version: 999_999_999_999_999_999, last_updated: Some(1) }),
        Action::DomainMetadata(DomainMetadata {
            domain: "delta.rowTracking".to_owned(),
            configuration: r#"{"rowIdHighWaterMark":9}"#.to_owned(),
            removed: true,
        }),
    ];
    keep("commit_line", "every-action", to_lines(&actions).unwrap());
    let unknown =
        "{\"futureAction\":{\"x\":[1,{\"y\":null}]}}\n{\"txn\":{\"appId\":\"a\",\"version\":1,\"someday\":{}}}\n\n{}\n";
    keep("commit_line", "unknown", unknown);
    let two = ["protocol", "metaData"].map(|_| unknown).join("---\n");
    keep("log_replay", "unknown", two);
}

fn schemas() {
    let named = |key: &str, value: serde_json::Value| {
        let mut metadata = FieldMetadata::default();
        metadata.insert(key, value);
        metadata
    };
    let types = [
        "string",
        "long",
        "integer",
        "short",
        "byte",
        "float",
        "double",
        "boolean",
        "binary",
        "date",
        "timestamp",
        "timestamp_ntz",
        "variant",
    ];
    let of = |name: &&str| StructField::nullable(*name, DataType::from_json(&format!("\"{name}\"")).unwrap());
    let mut fields: Vec<StructField> = types.iter().map(of).collect();
    fields.push(StructField::not_null("decimal", decimal(38, 18).unwrap()));
    keep("schema_string", "primitives", StructType::new(fields).to_json());
    let inner = StructType::new([
        StructField::nullable("a.b", DataType::array(DataType::map(DataType::STRING, DataType::LONG))),
        StructField::not_null("Ü \"x\"", DataType::DATE).with_metadata(named("comment", json!("said\n"))),
    ]);
    let mapped = named("delta.columnMapping.id", json!(7));
    let schema = StructType::new([
        StructField::nullable("s", DataType::from(inner)).with_metadata(mapped),
        StructField::nullable("n", DataType::LONG)
            .with_metadata(named("deep", json!({"a": [1, 2.5, null, {"b": {}}]}))),
    ]);
    keep("schema_string", "nested", schema.to_json());
    let unknown = r#"{"type":"struct","fields":[{"name":"u","type":{"type":"udt","class":"x.Y","sqlType":"long"}},{"name":"g","type":"geometry(OGC:CRS84)","nullable":false,"metadata":{}}]}"#;
    keep("schema_string", "unknown", unknown);
}

fn partition_values() {
    let texts: [(u8, &str, &str); 14] = [
        (0, "string", "a b/c=%25"),
        (1, "long", "-9223372036854775808"),
        (2, "integer", "2147483647"),
        (3, "short", "-32768"),
        (4, "byte", "127"),
        (5, "float", "1.0E10"),
        (6, "double", "-Infinity"),
        (7, "boolean", "TRUE"),
        (8, "binary", "\u{1}\u{7f}ü"),
        (9, "date", "2024-02-29"),
        (10, "timestamp", "2024-03-31T02:30:00.123456+02:00"),
        (10, "timestamp-z", "1969-12-31 23:59:59.999999"),
        (11, "timestamp-ntz", "0001-01-01 00:00:00"),
        (6, "double-nan", "NaN"),
    ];
    for (kind, name, text) in texts {
        keep("partition_value", name, [&[kind], text.as_bytes()].concat());
    }
    keep("partition_value", "decimal", [&[12, 37, 18], "-12345.678900E-3".as_bytes()].concat());
}

/// Texts of the columns that the target asks for.
fn statistics() {
    let bounds = |l: i64, text: &str| {
        json!({"l": l, "i": 7, "y": -1, "d": 1.5, "f": 0.1, "w": 0.1, "c": -999.99, "s": text, "n": {"s": text, "l": l},
            "a": "2024-02-29", "t": "2024-01-01T00:00:00.123Z", "z": "2024-01-01T00:00:00.999999", "b": true})
    };
    let one = json!({"numRecords": 3, "tightBounds": true, "minValues": bounds(-5, "a"),
        "maxValues": bounds(i64::MAX, "zz\u{10FFFF}"), "nullCount": {"l": 0, "s": 3, "n": {"s": 1}}});
    let two = json!({"numRecords": 4, "tightBounds": false, "minValues": bounds(-6, ""),
        "maxValues": bounds(1, &"x".repeat(32)), "nullCount": {"l": 1, "s": 0, "n": {"s": 2}}});
    keep("statistics", "alike", format!("{one}\n{two}\n{one}"));
    let odd = r#"{"numRecords":1,"minValues":{"e":1E-18,"d":"NaN","f":-0.0,"s":"\ud83d\ude00","a":"0001-01-01","t":"x"},"x":[{"}":"\"]"},[]]}
{"numRecords":-1,"numRecords":2}
{}

 { "maxValues" : { "e" : 99999999999999999999.999999999999999999 , "w":16777217, "l":9223372036854775808} , "tightBounds":"yes" }"#;
    keep("statistics", "odd", odd);
    keep("statistics", "broken", "{\"numRecords\":1,\"x\":\"\\\n[1]\n{\"minValues\":{\"s\":\"a");
}

fn hints() {
    let parts = r#"{"version":6,"size":8,"parts":2,"sizeInBytes":27011,"numOfAddFiles":6,"tags":{"lakebed.checkpointInterval":"10"}}"#;
    keep("last_checkpoint", "parts", parts);
    let v2 = r#"{"version":4,"size":9,"v2Checkpoint":{"path":"x/00000000000000000004.checkpoint.42f48375-5c72-4d2f-8dcc-7ce4d45e2d8c.json","sizeInBytes":1339,"modificationTime":1743439435000,"nonFileActions":[{"protocol":{}}],"sidecarFiles":[]}}"#;
    keep("last_checkpoint", "spark-like", v2);
}

//! Is hostile input an error that names it, before it costs memory, leads elsewhere or drives a terminal (H1–H4)?
//!
//! `txlog/src/pages/tests.rs` has the bounds on pages one by one, and [`paths`](super::paths) those of data paths.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lakebed::ErrorKind;
use lakebed::table::Table;
use lakebed_txlog::action::{Action, DeletionVectorDescriptor, Protocol, Sidecar, parse_lines};
use lakebed_txlog::checkpoint::{Footer, Pieces, decode_parquet, footer, sidecar_file};
use lakebed_txlog::dv::locate;
use lakebed_txlog::env::SystemEnv;
use lakebed_txlog::limits::{MAX_LOG_LINE_BYTES, MAX_PARQUET_FOOTER_BYTES, MAX_SCHEMA_DEPTH, MAX_SCHEMA_FIELDS};
use lakebed_txlog::protocol::check_read;
use lakebed_txlog::schema::StructType;
use lakebed_txlog::{Error, Result};
use object_store::ObjectStoreExt;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter};
use serde_json::{Value, json};

use crate::machine;
use crate::maintenance::{Fixture, Place, read};

/// Paths that leave a table, or could be taken for such, in every disguise.
const OUTSIDE: [&str; 12] = [
    "../x.parquet",
    "a/../../x.parquet",
    "%2e%2e/x.parquet",
    "%2E./x.parquet",
    "..%2Fx.parquet",
    "..\\x.parquet",
    "..%5Cx.parquet",
    "x%00.parquet",
    "%2Fetc%2Fpasswd",
    "file:x.parquet",
    "file:///etc/passwd",
    "s3://other/t/x.parquet",
];

/// A table of three rows in one file, partitioned by `p`.
async fn table() -> Fixture {
    let table = Fixture::new(Place::Memory, &["p"]).await;
    table.append("a", 0..3).await;
    table
}

async fn object(table: &Fixture, path: &str) -> Bytes {
    table.table.store().data().get(&table.key(path)).await.unwrap().bytes().await.unwrap()
}

async fn put(table: &Fixture, path: &str, bytes: impl Into<Bytes>) {
    table.table.store().data().put(&table.key(path), bytes.into().into()).await.unwrap();
}

/// Commits version 2 as the `add` of version 1 with this change, and reads the table.
async fn read_changed(change: impl Fn(&mut Value)) -> Result<Vec<(i64, String)>> {
    let table = table().await;
    let text = object(&table, "_delta_log/00000000000000000001.json").await;
    let mut lines =
        std::str::from_utf8(&text).unwrap().lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut add = lines.find(|line| line["add"].is_object()).unwrap();
    change(&mut add["add"]);
    put(&table, "_delta_log/00000000000000000002.json", add.to_string()).await;
    let table = Table::open_with(table.table.store().clone(), SystemEnv::shared()).await?;
    read(&table, &table.snapshot()).await
}

/// What a data file of these bytes reads as.
async fn read_file(bytes: Vec<u8>) -> Result<Vec<(i64, String)>> {
    let table = table().await;
    let snapshot = table.table.snapshot();
    let add = snapshot.files().iter().next().unwrap().to_add();
    let text = object(&table, "_delta_log/00000000000000000001.json").await;
    let text = String::from_utf8(text.to_vec()).unwrap();
    let text = text.replace(&format!("\"size\":{}", add.size), &format!("\"size\":{}", bytes.len()));
    put(&table, "_delta_log/00000000000000000001.json", text).await;
    put(&table, &add.path, bytes).await;
    let table = Table::open_with(table.table.store().clone(), SystemEnv::shared()).await?;
    read(&table, &table.snapshot()).await
}

/// The bytes of the table's data file.
async fn data_file() -> Bytes {
    let table = table().await;
    let path = table.data_objects().await.into_iter().next().unwrap();
    object(&table, &path).await
}

fn footer_of(file: &Bytes) -> ParquetMetaData {
    ParquetMetaDataReader::new().parse_and_finish(file).unwrap()
}

/// These pages as a file with another footer behind.
fn with_footer(pages: &[u8], footer: &ParquetMetaData) -> Vec<u8> {
    let mut file = pages.to_vec();
    ParquetMetaDataWriter::new(&mut file, footer).finish().unwrap();
    file
}

/// The checkpoint of a table, its footer changed.
async fn checkpoint(change: impl FnOnce(ParquetMetaData) -> ParquetMetaData) -> Bytes {
    let table = table().await;
    table.table.checkpoint().await.unwrap();
    let file = object(&table, "_delta_log/00000000000000000001.checkpoint.parquet").await;
    let length = u32::from_le_bytes(file[file.len() - 8..file.len() - 4].try_into().unwrap()) as usize;
    let footer = change(footer_of(&file));
    with_footer(&file[..file.len() - 8 - length], &footer).into()
}

#[tokio::test]
async fn h1_a_data_path_outside_is_refused_when_its_rows_are_asked_for() {
    for path in OUTSIDE {
        let error = read_changed(|add| add["path"] = path.into()).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported), "{path}: {error}");
        assert!(error.at_path().is_some(), "{path}: {error}");
    }
}

#[tokio::test]
async fn h1_a_vector_path_outside_is_refused_when_its_rows_are_asked_for() {
    let uuid = "ab^-aqEH.-t@S}K{vb[*";
    let of_files = OUTSIDE.iter().map(|path| ("p", (*path).to_owned()));
    let of_folders =
        ["..", "a/..", "..\\", "a\u{0}", "", "/etc", "a//b"].map(|folder| ("u", format!("{folder}/{uuid}")));
    for (kind, path) in of_files.chain(of_folders.into_iter().filter(|(_, path)| path.len() > uuid.len() + 1)) {
        let vector = DeletionVectorDescriptor {
            storage_type: kind.to_owned(),
            path_or_inline_dv: path.clone(),
            offset: Some(1),
            size_in_bytes: 40,
            cardinality: 1,
        };
        let outside = |error: &Error| matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported);
        if let Err(error) = locate(&vector) {
            assert!(outside(&error), "{path}: {error}");
        }
        let with_vector = |add: &mut Value| {
            add["path"] = "p=a/other.parquet".into();
            add["deletionVector"] = serde_json::to_value(&vector).unwrap();
        };
        let error = read_changed(with_vector).await.unwrap_err();
        assert!(outside(&error), "{kind} {path}: {error}");
    }
}

#[test]
fn h1_a_sidecar_is_a_file_of_the_tables_own_folder_or_an_error() {
    let named = |path: &str| sidecar_file(&Sidecar { path: path.to_owned(), ..Sidecar::default() });
    for path in OUTSIDE {
        assert_eq!(named(path).unwrap_err().kind(), ErrorKind::Corrupt, "{path}");
    }
    for path in ["", ".x.parquet", "other/x.parquet", "_delta_log/x.parquet", "_sidecars/../x.parquet", "x.json"] {
        assert_eq!(named(path).unwrap_err().kind(), ErrorKind::Corrupt, "{path}");
    }
    let own = named("016ae953-37a9-438e-8683-9a9a4a79a395.parquet").unwrap();
    for folder in
        ["_sidecars/", "_delta_log/_sidecars/", "s3://b/t/_delta_log/_sidecars/", "/lake/t/_delta_log/_sidecars/"]
    {
        assert_eq!(named(&format!("{folder}016ae953-37a9-438e-8683-9a9a4a79a395.parquet")).unwrap(), own, "{folder}");
    }
}

#[tokio::test]
async fn h1_a_checkpoint_that_leads_outside_is_passed_over() {
    for sidecars in [vec!["../../x.parquet"], vec!["file:///etc/passwd"], vec!["x.parquet", "x.parquet"]] {
        let table = table().await;
        let mut text = json!({"checkpointMetadata": {"version": 1}}).to_string() + "\n";
        for path in sidecars {
            text += &(json!({"sidecar": {"path": path, "sizeInBytes": 7, "modificationTime": 1}}).to_string() + "\n");
        }
        let name = "00000000000000000001.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json";
        put(&table, &format!("_delta_log/{name}"), text).await;
        let opened = table.another().await;
        assert_eq!(opened.snapshot().replayed().checkpoint, None);
        assert_eq!(read(&opened, &opened.snapshot()).await.unwrap().len(), 3);
    }
}

#[tokio::test]
async fn h2_a_footer_beyond_its_bound_is_not_fetched() {
    let length = u32::try_from(MAX_PARQUET_FOOTER_BYTES + 1).unwrap();
    let tail = [&length.to_le_bytes()[..], b"PAR1"].concat();
    let error = read_file([vec![0; 1_000], tail.clone()].concat()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
    let size = 1 << 40;
    let mut pieces = Pieces::new(size);
    pieces.add(vec![(size - 8, tail.into())]).unwrap();
    let Err(error) = footer(&pieces) else { panic!("a footer of {length} bytes is wanted") };
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
    let most = [&u32::try_from(MAX_PARQUET_FOOTER_BYTES).unwrap().to_le_bytes()[..], b"PAR1"].concat();
    let mut pieces = Pieces::new(size);
    pieces.add(vec![(size - 8, most.into())]).unwrap();
    assert!(matches!(footer(&pieces), Ok(Footer::Missing(_))));
}

/// A data page of eight values, in ten bytes, that becomes two gigabytes.
const GIGABYTES: [u8; 28] = [
    0x15, 0x00, 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0x15, 0x14, 0x2c, 0x15, 0x10, 0x15, 0x00, 0x15, 0x06, 0x15, 0x06,
    0, 0, b't', b'e', b'n', b'b', b'y', b't', b'e',
];

#[tokio::test]
async fn h2_a_page_of_ten_bytes_that_becomes_gigabytes_is_refused_before_it_is_decoded() {
    let file = data_file().await;
    let footer = footer_of(&file);
    let page = [&GIGABYTES[..], b"s!!"].concat();
    let column = footer.row_group(0).column(0).clone().into_builder();
    let column = column
        .set_compression(parquet::basic::Compression::SNAPPY)
        .set_data_page_offset(4)
        .set_dictionary_page_offset(None)
        .set_total_compressed_size(i64::try_from(page.len()).unwrap())
        .set_column_index_offset(None)
        .set_offset_index_offset(None)
        .set_bloom_filter_offset(None)
        .build()
        .unwrap();
    let group = footer.row_group(0).clone().into_builder().set_column_metadata(vec![column]).build().unwrap();
    let footer = ParquetMetaData::new(footer.file_metadata().clone(), vec![group]);
    let error = read_file(with_footer(&[b"PAR1", &page[..]].concat(), &footer)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
    assert!(error.message().contains("2147483647 bytes"), "{error}");
}

#[tokio::test]
async fn h2_a_checkpoint_of_more_rows_than_its_bytes_can_be_is_refused_at_once() {
    assert!(decode_parquet(checkpoint(|footer| footer).await).is_ok());
    for rows in [1 << 40, i64::MAX / 4] {
        let more = |footer: ParquetMetaData| {
            let groups =
                footer.row_groups().iter().map(|group| group.clone().into_builder().set_num_rows(rows).build());
            ParquetMetaData::new(footer.file_metadata().clone(), groups.map(std::result::Result::unwrap).collect())
        };
        let error = decode_parquet(checkpoint(more).await).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exhausted, "{rows}: {error}");
    }
}

#[tokio::test]
async fn h2_a_file_of_more_rows_than_the_log_says_is_refused() {
    let fewer = |add: &mut Value| {
        let mut stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
        assert_eq!(stats["numRecords"], 3);
        stats["numRecords"] = 2.into();
        add["stats"] = stats.to_string().into();
    };
    let error = read_changed(fewer).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.message().contains("has 3 rows where the log says 2"), "{error}");
    let unknown = |add: &mut Value| drop(add.as_object_mut().unwrap().remove("stats"));
    assert_eq!(read_changed(unknown).await.unwrap().len(), 3);
}

/// Flips bits of a data file's pages and footer, one after the other: rows, or an error, and no panic passes through.
#[tokio::test]
async fn h2_damage_anywhere_in_a_data_file_is_rows_or_an_error() {
    let file = data_file().await;
    for at in (0..file.len()).step_by(7) {
        let mut damaged = file.to_vec();
        damaged[at] ^= 1 << (at % 8);
        let read = tokio::time::timeout(Duration::from_secs(20), read_file(damaged)).await.expect("it ends");
        if let Err(error) = read {
            assert_ne!(error.kind(), ErrorKind::Bug, "byte {at}: {error}");
        }
    }
}

#[test]
fn h3_a_line_beyond_its_bound_is_refused_unread() {
    let line = format!(r#"{{"txn":{{"appId":"{}","version":1}}}}"#, "x".repeat(MAX_LOG_LINE_BYTES));
    assert_eq!(Action::parse(&line).unwrap_err().kind(), ErrorKind::Exhausted);
    assert_eq!(parse_lines(line.as_bytes()).unwrap_err().kind(), ErrorKind::Exhausted);
}

#[test]
fn h3_nesting_of_any_depth_is_an_error_or_passed_over() {
    for depth in [100, 1_000_000] {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        assert!(
            Action::parse(&format!(r#"{{"future":{open}{close}}}"#)).is_ok_and(|action| action.is_none())
                || depth > 100
        );
        let known = Action::parse(&format!(r#"{{"commitInfo":{{"operationParameters":{{"a":{open}{close}}}}}}}"#));
        assert!(known.is_ok() || depth > 100);
    }
    let schema = |depth: usize| {
        let open = r#"{"type":"array","elementType":"#.repeat(depth);
        format!(r#"{{"type":"struct","fields":[{{"name":"a","type":{open}"long"{}}}]}}"#, "}".repeat(depth))
    };
    assert!(StructType::from_json(&schema(MAX_SCHEMA_DEPTH - 1)).is_ok());
    for depth in [MAX_SCHEMA_DEPTH, 100_000] {
        assert_eq!(StructType::from_json(&schema(depth)).unwrap_err().kind(), ErrorKind::Exhausted);
    }
}

#[test]
fn h3_a_schema_of_more_fields_than_its_bound_is_refused() {
    let fields = vec![r#"{"name":"a","type":"long"}"#; MAX_SCHEMA_FIELDS + 1].join(",");
    let schema = format!(r#"{{"type":"struct","fields":[{fields}]}}"#);
    assert_eq!(StructType::from_json(&schema).unwrap_err().kind(), ErrorKind::Exhausted);
}

#[tokio::test]
async fn h3_unknown_actions_are_passed_over_and_stay_in_their_commit() {
    let table = table().await;
    let unknown =
        "{\"futureAction\":{\"x\":[1,{\"y\":null}]}}\n{\"txn\":{\"appId\":\"a\",\"version\":7,\"someday\":{}}}\n";
    put(&table, "_delta_log/00000000000000000002.json", unknown).await;
    table.append("b", 10..12).await;
    table.table.checkpoint().await.unwrap();
    lakebed_compaction::compact(&table.another().await, &Default::default(), |_| ()).await.unwrap();
    let opened = table.another().await;
    assert!(opened.snapshot().replayed().checkpoint.is_some());
    assert_eq!(read(&opened, &opened.snapshot()).await.unwrap().len(), 5);
    assert_eq!(opened.snapshot().txn("a").unwrap().version, 7);
    assert_eq!(object(&table, "_delta_log/00000000000000000002.json").await, unknown);
}

#[test]
fn h3_an_unknown_reader_feature_is_an_error_that_names_it() {
    let features = Some(vec!["deletionVectors".to_owned(), "fromThe\u{1b}[31mFuture".to_owned()]);
    let protocol = Protocol {
        min_reader_version: 3,
        min_writer_version: 7,
        reader_features: features.clone(),
        writer_features: features,
    };
    let error = check_read(&protocol).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("Future"), "{error}");
    assert!(!error.to_string().contains('\u{1b}'), "{error}");
}

/// A table whose every name drives a terminal, or poses as a line of its own.
fn hostile_names() -> tempfile::TempDir {
    let name = "x\u{1b}[2J\u{7}\u{9b}31m\u{202e}\nerror: y\r\tz";
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("_delta_log");
    std::fs::create_dir(&log).unwrap();
    let fields = json!([{"name": name, "type": "long", "nullable": true, "metadata": {"comment": name}},
        {"name": "p", "type": "string", "nullable": true, "metadata": {}}]);
    let actions = [
        json!({"commitInfo": {"operation": name, "engineInfo": name, "operationParameters": {name: name}}}),
        json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}),
        json!({"metaData": {"id": name, "name": name, "description": name, "partitionColumns": ["p"],
            "schemaString": json!({"type": "struct", "fields": fields}).to_string(), "configuration": {name: name}}}),
        json!({"add": {"path": "a%1B%5B2J/x.parquet", "partitionValues": {"p": name}, "size": 9, "modificationTime": 1,
            "dataChange": true}}),
    ];
    let lines = actions.map(|action| action.to_string()).join("\n");
    std::fs::write(log.join("00000000000000000000.json"), lines).unwrap();
    folder
}

#[test]
fn h4_no_name_of_a_table_reaches_a_terminal_as_it_is() {
    let Some(binary) = machine::binary("h4") else { return };
    let table = hostile_names();
    let at = table.path().to_str().unwrap();
    let commands: [&[&str]; 8] = [
        &["table", "describe", at],
        &["table", "files", at],
        &["table", "history", at],
        &["table", "read", at],
        &["fsck", at],
        &["vacuum", at],
        &["table", "delete", at, "--where", "nothing = 1"],
        &["sql", "SELECT nothing FROM t", "--table", &format!("t={at}")],
    ];
    let mut escaped = 0;
    for arguments in commands {
        for log in ["error", "trace"] {
            let mut command = Command::new(&binary);
            command.args(arguments).env_clear().env("HOME", at).env("LAKEBED_LOG", log);
            let output = command.output().unwrap();
            for text in [output.stdout, output.stderr] {
                let text = String::from_utf8(text).unwrap();
                // A tab drives nothing.
                let raw = |c: char| (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{202a}'..='\u{202e}');
                // The colours of the log itself stand at its line's begin.
                let own = |line: &str| log == "trace" && line.starts_with("\u{1b}[2m");
                let bad: Vec<&str> = text.lines().filter(|line| !own(line) && line.contains(raw)).collect();
                assert!(bad.is_empty(), "{arguments:?}: {bad:?}");
                assert!(!text.lines().any(|line| line.starts_with("error: y")), "{arguments:?}: {text}");
                escaped += text.matches("\\u{1b}").count();
            }
        }
    }
    assert!(escaped > 10, "the names were printed, escaped: {escaped}");
}

#[test]
fn h4_an_error_of_hostile_names_is_one_line() {
    let name = "x\u{1b}[2J\nerror: y";
    let error = Error::corrupt(format!("column {name}")).path(name).table(name);
    assert!(!error.to_string().contains(|c: char| c.is_control()), "{error}");
    let error: Arc<dyn std::error::Error> =
        Arc::new(sidecar_file(&Sidecar { path: name.into(), ..Sidecar::default() }).unwrap_err());
    assert!(!error.to_string().contains(|c: char| c.is_control()), "{error}");
}

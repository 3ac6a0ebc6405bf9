//! Does each command do what it says?

use lakebed_txlog::schema::arrow::is_variant;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::json;

use super::Desk;
use crate::{machine, s3};

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("one.csv", "id,name,f\n1,a,1.5\n2,,NA\n3,\"\",3\n");
    desk.write("two.ndjson", "{\"id\":4,\"name\":\"d\",\"f\":0.1}\n{\"id\":5}\n");
    desk.ok(["ingest", "one.csv", "--table", "t", "--create", "--null", "NA"]);
    desk.ok(["ingest", "two.ndjson", "--table", "t"]);
    desk
}

const ROWS: [&str; 5] = [
    "{\"id\":1,\"name\":\"a\",\"f\":1.5}",
    "{\"id\":2,\"name\":null,\"f\":null}",
    "{\"id\":3,\"name\":\"\",\"f\":3.0}",
    "{\"id\":4,\"name\":\"d\",\"f\":0.1}",
    "{\"id\":5,\"name\":null,\"f\":null}",
];

#[test]
fn files_of_several_formats_become_one_table() {
    assert_eq!(desk().rows("t"), ROWS);
}

#[test]
fn what_is_read_into_a_file_is_the_same_in_every_format() {
    let desk = desk();
    for name in ["a.parquet", "a.csv", "a.ndjson"] {
        let written = desk.json(["table", "read", "t", "-o", name, "--json"]);
        assert_eq!(written[0]["rows"], 5);
        desk.ok(["ingest", name, "--table", &format!("from-{name}"), "--create"]);
        assert_eq!(desk.rows(&format!("from-{name}")), ROWS, "{name}");
    }
    desk.ok(["table", "read", "t", "-o", "a.arrow"]);
    let file = std::fs::File::open(desk.path("a.arrow")).unwrap();
    let batches = arrow::ipc::reader::FileReader::try_new(file, None).unwrap();
    assert_eq!(batches.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 5);
}

#[test]
fn variants_are_json_where_text_is_asked_for_and_variants_in_parquet() {
    let desk = Desk::new();
    let table = machine::repository().join("tests/corpus/gen-spark/variant_shredded/delta");
    let table = table.to_str().unwrap();
    let line = r#"{"id":3,"v":{"a":3,"b":{"c":"s3","d":[3,2]},"extra":6}}"#;
    assert_eq!(desk.ok(["table", "read", table, "--where", "id = 3", "--json"]).trim(), line);
    desk.ok(["table", "read", table, "--where", "id = 3", "-o", "v.csv"]);
    let csv = std::fs::read_to_string(desk.path("v.csv")).unwrap();
    assert_eq!(csv, "id,v\n3,\"{\"\"a\"\":3,\"\"b\"\":{\"\"c\"\":\"\"s3\"\",\"\"d\"\":[3,2]},\"\"extra\"\":6}\"\n");
    let drawn = desk.ok(["table", "read", table, "--where", "id = 3", "--columns", "v"]);
    assert!(drawn.contains(r#"{"a":3,"b":{"c":"s3","d":[3,2]},"extra":6}"#), "{drawn}");
    desk.ok(["table", "read", table, "--where", "id = 3", "-o", "v.parquet"]);
    let file = std::fs::File::open(desk.path("v.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    assert!(is_variant(reader.schema().field(1)), "{}", reader.schema());
}

#[test]
fn columns_conditions_versions_and_limits_select() {
    let desk = desk();
    let read = |more: &[&str]| {
        let arguments = ["table", "read", "t", "--json"].iter().chain(more).copied();
        let output = desk.command(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(read(&["--columns", "f,id", "--where", "id > 3"]), ["{\"f\":0.1,\"id\":4}", "{\"f\":null,\"id\":5}"]);
    assert_eq!(read(&["--version", "1"]), ROWS[..3]);
    assert_eq!(read(&["--version", "0"]), [""; 0]);
    assert_eq!(read(&["--limit", "2"]).len(), 2);
    let time = desk.json(["table", "describe", "t", "--version", "1", "--json"])[0]["timestamp"].to_string();
    assert_eq!(read(&["--timestamp", &time]), ROWS[..3]);
}

#[test]
fn describe_says_what_programs_need() {
    let desk = desk();
    let said = &desk.json(["table", "describe", "t", "--json"])[0];
    assert_eq!(said["version"], 2);
    assert_eq!(said["numFiles"], 2);
    assert!(said["sizeInBytes"].as_u64().unwrap() > 0);
    assert_eq!(said["protocol"]["minReaderVersion"], 3);
    assert_eq!(said["partitionColumns"], json!([]));
    assert_eq!(said["properties"]["delta.enableDeletionVectors"], "true");
    let names: Vec<&str> =
        said["schema"]["fields"].as_array().unwrap().iter().map(|field| field["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["id", "name", "f"]);
    assert_eq!(said["id"].as_str().unwrap().len(), 36);
    assert_eq!(desk.json(["table", "describe", "t", "--version", "1", "--json"])[0]["numFiles"], 1);
}

#[test]
fn delete_travel_restore_compact_and_vacuum() {
    let desk = desk();
    let deleted = &desk.json(["table", "delete", "t", "--where", "id = 1", "--json"])[0];
    assert_eq!(deleted["num_rows"], 1);
    assert_eq!(desk.rows("t"), ROWS[1..]);
    desk.ok(["table", "restore", "t", "--version", "2"]);
    assert_eq!(desk.rows("t"), ROWS);
    desk.ok(["table", "compact", "t"]);
    assert_eq!(desk.rows("t"), ROWS);
    let operations: Vec<String> = desk
        .json(["table", "history", "t", "--json"])
        .iter()
        .map(|entry| entry["operation"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(operations, ["OPTIMIZE", "RESTORE", "DELETE", "WRITE", "WRITE", "CREATE TABLE"]);

    let kept = &desk.json(["vacuum", "t", "--json"])[0];
    assert_eq!((kept["plan"]["delete"].as_array().unwrap().len(), &kept["report"]), (0, &json!(null)));
    desk.run(["vacuum", "t", "--retain-hours", "0"]).refused(2, &["retention", "--force"]);
    let planned = &desk.json(["vacuum", "t", "--retain-hours", "0", "--force", "--json"])[0];
    let (count, before) = (planned["plan"]["delete"].as_array().unwrap().len(), desk.files_below("t").len());
    assert!(count >= 2);
    assert_eq!(desk.files_below("t").len(), before, "a plan deletes nothing");
    desk.ok(["vacuum", "t", "--retain-hours", "0", "--force", "--delete"]);
    assert!(desk.files_below("t").len() <= before - 2);
    assert_eq!(desk.rows("t"), ROWS);
}

#[test]
fn promotion_lands_each_source_version_once() {
    let desk = desk();
    let sql = "SELECT id, upper(name) AS name FROM source WHERE name IS NOT NULL";
    let promoted = desk.json(["promote", "t", "p", "--sql", sql, "--create", "--json"]);
    assert_eq!(promoted[0]["outcome"], "committed");
    let rows = ["{\"id\":1,\"name\":\"A\"}", "{\"id\":3,\"name\":\"\"}", "{\"id\":4,\"name\":\"D\"}"];
    assert_eq!(desk.rows("p"), rows);
    assert_eq!(desk.json(["promote", "t", "p", "--sql", sql, "--json"])[0]["outcome"], "alreadyApplied");
    desk.write("three.csv", "id,name\n6,e\n");
    desk.ok(["ingest", "three.csv", "--table", "t"]);
    desk.ok(["promote", "t", "p", "--sql", sql]);
    assert_eq!(desk.rows("p").len(), 4);
}

#[test]
fn sql_knows_the_tables_of_a_lake_at_any_version() {
    let desk = desk();
    std::fs::create_dir(desk.path("gold")).unwrap();
    desk.ok(["ingest", "one.csv", "--table", "gold/t", "--create", "--null", "NA"]);
    let sql =
        "SELECT count(*) AS n FROM t; SELECT count(*) AS n FROM t VERSION AS OF 1;; SELECT count(*) AS n FROM gold.t";
    let answers = desk.json(["sql", "--lake", ".", sql, "--json"]);
    assert_eq!(answers, [json!({"n": 5}), json!({"n": 3}), json!({"n": 3})]);
    desk.write("q.sql", "SELECT id FROM x -- the last\nORDER BY id DESC LIMIT 1");
    assert_eq!(desk.ok(["sql", "--table", "x=t", "-f", "q.sql", "--csv"]), "id\n5\n");
    desk.run(["sql", "--lake", ".", "DELETE FROM t"]).refused(2, &["hint:"]);
}

#[test]
fn new_columns_come_by_merge_and_types_are_given() {
    let desk = desk();
    desk.write("more.csv", "id,extra\n9,2013-01-01\n");
    desk.ok(["ingest", "more.csv", "--table", "t", "--merge-schema"]);
    assert_eq!(desk.rows("t").last().unwrap(), "{\"id\":9,\"name\":null,\"f\":null,\"extra\":\"2013-01-01\"}");
    desk.write("zip.csv", "zip,n\n02134,1\n");
    desk.ok([
        "ingest",
        "zip.csv",
        "--table",
        "z",
        "--create",
        "--schema",
        "zip string, n double",
        "--partition-by",
        "zip",
    ]);
    assert_eq!(desk.rows("z"), ["{\"zip\":\"02134\",\"n\":1.0}"]);
    let said = desk.ok(["ingest", "zip.csv", "--dry-run"]);
    assert!(said.contains("zip") && said.contains("string") && said.contains("long"), "{said}");
}

#[test]
fn s3_is_a_place_like_any_other() {
    let Some(server) = s3::server("s3_is_a_place_like_any_other") else { return };
    let desk = Desk::with_s3(server);
    desk.write("one.csv", "id,name\n1,a\n2,b\n");
    let (table, lake) = (server.url("cli-lake/silver/t"), server.url("cli-lake"));
    desk.ok(["ingest", "one.csv", "--table", &table, "--create"]);
    desk.ok(["table", "delete", &table, "--where", "id = 1"]);
    assert_eq!(desk.rows(&table), ["{\"id\":2,\"name\":\"b\"}"]);
    let answers = desk.json(["sql", "--lake", &lake, "SELECT count(*) AS n FROM silver.t VERSION AS OF 1", "--json"]);
    assert_eq!(answers, [json!({"n": 2})]);
}

#[test]
fn every_command_has_help_with_examples() {
    let desk = Desk::new();
    for command in ["demo", "sql", "ingest", "promote", "vacuum"] {
        assert!(desk.ok([command, "--help"]).contains("Examples:"), "{command}");
    }
    for command in ["create", "describe", "history", "restore", "files", "read", "delete", "compact", "checkpoint"] {
        assert!(desk.ok(["table", command, "--help"]).contains("Examples:"), "{command}");
    }
    assert!(desk.ok(["--help"]).contains("Exit codes:"));
    assert!(desk.ok(["version"]).starts_with("lakebed "));
}

//! Is bad input refused with what, where, why and what to do, and is the table as it was?

use super::{Desk, Ran};
use crate::s3;

/// A desk with a table `t` of two rows.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("good.csv", "id,name,at\n1,a,2013-01-01\n2,,2013-01-02\n");
    desk.ok(["ingest", "good.csv", "--table", "t", "--create"]);
    desk
}

/// That ingesting `content` into `t` is refused in this way, and `t` has the rows, version and files that it had.
#[track_caller]
fn refuses_file(name: &str, content: impl AsRef<[u8]>, code: i32, said: &[&str]) {
    let desk = desk();
    desk.write(name, content);
    let before = (desk.version("t"), desk.rows("t"), desk.files_below("t"));
    desk.run(["ingest", name, "--table", "t"]).refused(code, said);
    desk.run(["ingest", name, "--table", "new", "--create", "--schema", "id long, name string, at date"])
        .refused(code, &[name]);
    assert!(desk.files_below("new").is_empty(), "nothing is made of a file that is refused");
    assert_eq!((desk.version("t"), desk.rows("t"), desk.files_below("t")), before);
}

#[test]
fn malformed_csv_names_file_line_and_reason() {
    refuses_file(
        "bad.csv",
        "id,name,at\n1,a,2013-01-01\n2,b\n",
        5,
        &["bad.csv, line 3: 2 fields where there are 3", "hint:"],
    );
    refuses_file(
        "bad.csv",
        "id,name,at\n1,\"a,2013-01-01\n2,b,\n",
        5,
        &["bad.csv, line 2: a quoted field", "never ends"],
    );
    refuses_file("bad.csv", b"id,name,at\n1,\xff,2013-01-01\n", 5, &["bad.csv, line 2: field 2 isn't UTF-8", "iconv"]);
}

#[test]
fn malformed_json_names_file_line_and_reason() {
    refuses_file("bad.json", "{\"id\":1}\n{\"id\":,}\n", 5, &["bad.json, line 2: not valid JSON at character"]);
    refuses_file("bad.json", "{\"id\":1}\n[2]\n", 5, &["bad.json, line 2: the line is a JSON array", "jq"]);
    refuses_file("bad.json", "{\"id\":1}\n{\"id\":2,\"na", 5, &["bad.json, line 2: the file ends inside"]);
}

#[test]
fn every_difference_from_the_schema_is_listed() {
    refuses_file(
        "other.csv",
        "id,name,when,where\nx,a,1,2\ny,b,3,4\n",
        2,
        &[
            "3 differences",
            "line 2, column id: 'x' isn't a value of the type long",
            "column when (long) isn't in the table",
            "column where (long) isn't in the table",
            "--merge-schema",
            "--null",
        ],
    );
}

#[test]
fn truncated_parquet_is_named() {
    let desk = desk();
    desk.ok(["table", "read", "t", "-o", "whole.parquet"]);
    let whole = std::fs::read(desk.path("whole.parquet")).unwrap();
    for length in [0, 7, whole.len() / 2, whole.len() - 1] {
        refuses_file(
            "cut.parquet",
            &whole[..length],
            5,
            &["the Parquet file is damaged or truncated", "cut.parquet", "hint:"],
        );
    }
}

#[test]
fn what_is_not_there_is_named_with_what_to_do() {
    let desk = desk();
    let table = desk.path("t").display().to_string();
    desk.run(["ingest", "none.csv", "--table", "t"]).refused(3, &["none.csv", "hint:"]);
    desk.run(["ingest", "good.csv", "--table", "none"]).refused(3, &["none", "--create"]);
    desk.run(["table", "read", "none"]).refused(3, &["none", "hint:"]);
    desk.run(["table", "read", "t", "--version", "7"]).refused(3, &[&table, "version 7", "0 to 1"]);
    desk.run(["table", "read", "t", "--timestamp", "2001-01-01"]).refused(3, &[&table, "2001-01-01", "history"]);
    desk.run(["table", "read", "t", "--timestamp", "yesterday"]).refused(2, &["yesterday", "2013-02-01"]);
    desk.run(["table", "read", "t", "--columns", "nme"]).refused(2, &["nme", "name"]);
    desk.run(["table", "read", "t", "--where", "nme = 'a'"]).refused(2, &["nme", "name"]);
    desk.run(["table", "delete", "t", "--where", "id ="]).refused(2, &["hint:"]);
    desk.run(["table", "restore", "t", "--version", "9"]).refused(3, &["version 9"]);
    desk.run(["sql", "--lake", ".", "SELECT * FROM nothing"]).refused(3, &["nothing", "tables: t"]);
    desk.run(["sql", "--lake", ".", "SELEC 1"]).refused(2, &["SELEC"]);
    assert_eq!(desk.version("t"), 1);
}

#[test]
fn a_folder_that_is_no_table_is_named() {
    let desk = desk();
    std::fs::create_dir(desk.path("plain")).unwrap();
    desk.write("plain/a.csv", "id\n1\n");
    desk.run(["table", "describe", "plain"]).refused(3, &["plain", "no Delta table", "hint:"]);
    desk.run(["ingest", "t", "--table", "t"]).refused(2, &["this folder is a Delta table", "hint:"]);
    desk.run(["table", "describe", "good.csv"]).refused(2, &["good.csv"]);
}

#[test]
fn a_table_is_made_once_and_of_what_it_can_hold() {
    let desk = desk();
    desk.run(["table", "create", "t", "--columns", "id long"]).refused(3, &["a table is there already", "hint:"]);
    desk.run(["table", "create", "n", "--columns", "id blob"]).refused(2, &["expected a type", "character 4"]);
    desk.run(["table", "create", "n", "--columns", "id long", "--partition-by", "day"]).refused(2, &["day"]);
    desk.run(["table", "create", "n", "--columns", "id long", "--property", "delta.x=1"]).refused(2, &["delta.x"]);
    assert!(!desk.path("n").exists());
}

#[test]
fn errors_are_json_where_json_is_asked_for() {
    let desk = desk();
    desk.write("bad.csv", "id,name,at\n1\n");
    let ran = desk.run(["ingest", "bad.csv", "--table", "t", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!((ran.code, ran.out.as_str()), (Some(5), ""));
    assert_eq!(told["error"]["kind"], "corrupt");
    assert_eq!(told["error"]["path"], "bad.csv");
    assert!(told["error"]["message"].as_str().unwrap().contains("line 2"));
    assert!(told["error"]["hint"].is_string());
}

#[test]
fn a_full_disk_is_said_and_leaves_the_table_as_it_was() {
    let desk = desk();
    let rows: String = (0..200_000).map(|row| format!("{row},{:x},2013-01-01\n", row * 7919)).collect();
    desk.write("large.csv", format!("id,name,at\n{rows}"));
    let before = (desk.version("t"), desk.rows("t"));
    // A limit on the size of files stands in for a full disk: an error of the same kind, at the same calls.
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"";
    let mut limited = std::process::Command::new("bash");
    limited.args(["-c", script]).arg(super::binary()).args(["ingest", "large.csv", "--table", "t"]);
    let output = limited.current_dir(desk.path(".")).output().unwrap();
    Ran::of(output).refused(9, &["limit reached", "file of this size", "File too large"]);
    assert_eq!((desk.version("t"), desk.rows("t")), before);
}

#[test]
fn buckets_and_credentials_are_told_apart() {
    let Some(server) = s3::server("buckets_and_credentials_are_told_apart") else { return };
    let desk = Desk::with_s3(server);
    desk.run(["table", "describe", "s3://no-such-bucket-here/t"]).refused(3, &["bucket", "s3://no-such-bucket-here/t"]);
    desk.run(["table", "describe", &server.url("cli-none")]).refused(3, &["no Delta table", "hint:"]);
    let wrong = Desk::with_s3(server).variable("AWS_SECRET_ACCESS_KEY", "wrong");
    wrong.run(["table", "describe", &server.url("cli-none")]).refused(4, &["secret key", "AWS_SECRET_ACCESS_KEY"]);
    let nowhere = Desk::with_s3(server).variable("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    nowhere.run(["table", "describe", &server.url("cli-none")]).refused(6, &["endpoint"]);
}

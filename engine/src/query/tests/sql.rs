//! Sessions: names, versions, errors.

use lakebed_txlog::{ErrorKind, Version};

use super::*;

async fn session_over(table: &Table) -> Session {
    let session = Session::new();
    session.register_log("numbers", table.store(), Arc::clone(table.log())).unwrap();
    session
}

#[tokio::test]
async fn unquoted_names_are_found_whatever_their_case_and_quoted_ones_only_exactly() {
    let table = numbers(4).await;
    let session = session_over(&table).await;
    assert_eq!(sql(&session, "SELECT NAME FROM Numbers WHERE ID = 3").await, ["n3"]);
    assert_eq!(sql(&session, "SELECT n.`Name` AS X FROM numbers n WHERE n.Id < 1 ORDER BY x").await, ["n0"]);
    assert_eq!(sql(&session, r#"SELECT "Name" FROM numbers WHERE id = 1"#).await, ["n1"]);
    let error = session.sql(r#"SELECT "name" FROM numbers"#).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(error.to_string().contains("Name"), "it lists what there is: {error}");
}

#[tokio::test]
async fn versions_are_read_side_by_side() {
    let table = numbers(2).await;
    append(&table, rows_of(2..5)).await;
    let session = session_over(&table).await;
    let count = "SELECT count(*) FROM numbers";
    assert_eq!(sql(&session, count).await, ["5"]);
    assert_eq!(sql(&session, "SELECT count(*) FROM numbers VERSION AS OF 1").await, ["2"]);
    let new = "SELECT a.id FROM numbers a LEFT ANTI JOIN numbers VERSION AS OF 1 AS b ON a.id = b.id ORDER BY 1";
    assert_eq!(sql(&session, new).await, ["2", "3", "4"]);
    let qualified = "SELECT max(numbers.id) FROM numbers VERSION AS OF 1";
    assert_eq!(sql(&session, qualified).await, ["1"]);
    append(&table, rows_of(5..6)).await;
    assert_eq!(sql(&session, count).await, ["6"], "the newest version there is");
    let none = session.sql("SELECT * FROM numbers VERSION AS OF 99").await.unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn times_are_constants_and_bounded_by_the_log() {
    let table = numbers(2).await;
    let session = session_over(&table).await;
    let time = table.snapshot().timestamp().unwrap();
    assert_eq!(sql(&session, &format!("SELECT count(*) FROM numbers TIMESTAMP AS OF '{time}'")).await, ["2"]);
    for (asked, kind) in [
        ("TIMESTAMP AS OF '1999-01-01'", ErrorKind::NotFound),
        ("TIMESTAMP AS OF '2999-01-01'", ErrorKind::NotFound),
        ("TIMESTAMP AS OF 'yesterday'", ErrorKind::InvalidRequest),
        ("TIMESTAMP AS OF now()", ErrorKind::InvalidRequest),
    ] {
        let error = session.sql(&format!("SELECT * FROM numbers {asked}")).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{asked}: {error}");
    }
}

#[tokio::test]
async fn a_registered_version_stands_for_itself_alone() {
    let table = numbers(3).await;
    let old = table.snapshot();
    append(&table, rows_of(3..4)).await;
    let session = Session::new();
    session.register("silver.numbers", table.store(), &old).unwrap();
    session.register_files("first", table.store(), &old, live(&old)[..1].to_vec()).unwrap();
    assert_eq!(session.table_names(), ["first", "silver.numbers"]);
    assert_eq!(sql(&session, "SELECT count(*) FROM silver.numbers").await, ["3"]);
    assert_eq!(sql(&session, "SELECT count(*) FROM silver.numbers VERSION AS OF 1").await, ["3"]);
    assert_eq!(sql(&session, "SELECT DISTINCT part FROM first").await.len(), 1);
    let error = session.sql("SELECT * FROM silver.numbers VERSION AS OF 0").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    let schema = session.schema_of("SELECT id + 1 AS next FROM first").await.unwrap();
    assert_eq!(schema.field(0).name(), "next");
}

#[tokio::test]
async fn what_is_no_query_over_known_tables_is_refused_by_name() {
    let table = numbers(1).await;
    let session = session_over(&table).await;
    for (text, kind, says) in [
        ("SELECT * FROM nothing", ErrorKind::NotFound, "nothing"),
        ("SELEC * FROM numbers", ErrorKind::InvalidRequest, "SELEC"),
        ("DELETE FROM numbers", ErrorKind::InvalidRequest, "DELETE"),
        ("CREATE TABLE x AS SELECT 1", ErrorKind::InvalidRequest, "CREATE"),
        ("INSERT INTO numbers VALUES (1)", ErrorKind::InvalidRequest, "INSERT"),
        ("SET a.b = 1", ErrorKind::InvalidRequest, "SET"),
        ("COPY numbers TO '/tmp/x.csv'", ErrorKind::InvalidRequest, "COPY"),
        ("SELECT 1; SELECT 2", ErrorKind::InvalidRequest, "statement"),
        ("", ErrorKind::InvalidRequest, "statement"),
        ("SELECT id + 'x' FROM numbers WHERE id LIKE 3", ErrorKind::InvalidRequest, ""),
    ] {
        let error = match session.sql(text).await {
            Err(error) => error,
            Ok(rows) => rows.collect().await.unwrap_err(),
        };
        assert_eq!(error.kind(), kind, "{text}: {error}");
        assert!(error.to_string().contains(says), "{text}: {error}");
    }
    assert_eq!(table.refresh().await.unwrap().version(), Version(1));
}

#[tokio::test]
async fn common_table_expressions_and_subqueries_read_tables() {
    let table = numbers(6).await;
    let session = session_over(&table).await;
    let text = "WITH evens AS (SELECT id FROM numbers WHERE part = 'a') \
                SELECT count(*) FROM evens WHERE id IN (SELECT id FROM numbers VERSION AS OF 1 WHERE id > 1)";
    assert_eq!(sql(&session, text).await, ["2"]);
}

//! Every pair of a transaction of ours and a commit that it did not see: what is decided, written out by hand.
//!
//! A row is a module and a column a test in it, so each cell has a name: `delete_by_vector::append_that_may_match`.
//! `docs/CONFLICTS.md` is made of the same rows.

use std::fmt::Write;

use super::*;

struct Row {
    name: &'static str,
    what: &'static str,
    cells: &'static str,
    ours: fn() -> Transaction,
}

struct Column {
    name: &'static str,
    what: &'static str,
    winner: fn() -> Commit,
}

/// The columns, in the order of the letters of a row.
macro_rules! columns {
    ($then:ident $($args:tt)*) => {
        $then! {
            ($($args)*)
            fence: "nothing: a fence, or only `txn` and domains",
            append_elsewhere: "an append of rows that ours didn't look for",
            append_that_may_match: "an append of rows that ours may have looked for",
            append_without_statistics: "an append without statistics",
            delete_of_another_row: "a delete, by vector, of another row of `f1`",
            delete_of_the_same_row: "a delete of the same row of `f1`",
            delete_of_a_row_looked_at: "a delete of a row of `f1` that a MERGE of ours matched and left",
            delete_by_larger_vector: "a delete that makes the vector of `f2` larger",
            delete_elsewhere: "a delete in another partition",
            update_of_another_row: "an update of another row of `f1`, to what ours didn't look for",
            update_that_may_match: "an update elsewhere, to what ours may have looked for",
            delete_by_rewrite: "a delete that writes `f1` again without the rows",
            overwrite: "an overwrite of the table",
            overwrite_elsewhere: "an overwrite of another partition",
            restore_of_rows: "a restore that brings rows of `f2` back",
            compaction: "a compaction of `f1` and `f2`",
            compaction_by_strangers: "the same, which doesn't say where it put the rows",
            compaction_elsewhere: "a compaction in another partition",
            restamp: "`f1` again, with other statistics",
            restamp_elsewhere: "a file of another partition again, with other statistics",
            new_column: "a new column that can be NULL",
            wider_type: "a wider type of `k`",
            constraint: "a constraint",
            protocol_change: "another protocol",
        }
    };
}

macro_rules! cell_tests {
    (($row:ident) $($name:ident: $what:literal,)*) => {
        $(#[test] fn $name() { super::check(stringify!($row), stringify!($name)); })*
    };
}

macro_rules! column_list {
    (() $($name:ident: $what:literal,)*) => {
        const COLUMNS: &[Column] =
            &[$(Column { name: stringify!($name), what: $what, winner: winners::$name }),*];
    };
}

macro_rules! rows {
    ($($name:ident: $what:literal => $cells:literal,)*) => {
        const ROWS: &[Row] =
            &[$(Row { name: stringify!($name), what: $what, cells: $cells, ours: ours::$name }),*];
        $(mod $name { columns! { cell_tests $name } })*
    };
}

columns! { column_list }

rows! {
    append: "a blind append" => "++++++++++++++++++++++TP",
    append_of_what_was_read: "an append of what a query of `p = a AND k <= 4` read" => "++??CCC++C?GG++fM+C++TTP",
    delete_by_vector: "DELETE of `p = a AND k = 2`, by a vector of `f1`" => "++??uRu++u?GG++fM+C++TTP",
    delete_by_larger_vector: "DELETE of `p = a AND k = 6`, by a larger vector of `f2`" => "+++?+++u++++G+CfM++++TTP",
    delete_of_whole_file: "DELETE of `p = a AND k <= 4`, all of `f1`" => "++??CCC++C?GG++fM+C++TTP",
    delete_by_rewrite: "DELETE of `p = a AND k = 2`, writing `f1` again" => "++??CCC++C?GG++fM+C++TTP",
    merge: "MERGE on `k IN (2, 3)` that deletes a row of `f1`, leaves another and adds one" => "++??uRR++u?GG++fM+C++TTP",
    delete_unsaid: "a delete that doesn't say what it read" => "+KKKKKKKKKKKKKKKKKKKKKKK",
    overwrite: "an overwrite of the table" => "+???CCCCCCCGGGCmmmCC+TTP",
    overwrite_of_partition: "an overwrite of the partition `a`" => "++??CCCC+C?GG+Cmm+C++TTP",
    overwrite_unsaid: "an overwrite that doesn't say what it read" => "+KKKKKKKKKKKKKKKKKKKKKKK",
    restore: "a restore" => "+???CCCCCCCGGGCMM+C?TTTP",
    compaction: "a compaction of `f1` and `f2`" => "++++cccc+c+cG+BMM+C+++TP",
    purge: "a purge of `f2`" => "+++++++c++++G+BMM+++++TP",
    compaction_unsaid: "a compaction that doesn't say what it read" => "+KKKKKKKKKKKKKKKKKKKKKKK",
    restamp: "`f1` again, with other statistics" => "++++CCC++C+GG++MM+C+++TP",
    schema_merge: "a new column that can be NULL" => "++++++++++++++++++++222P",
    append_with_new_column: "an append with a new column" => "++++++++++++++++++++222P",
    constraint: "a constraint" => "+SSSSSSSSSSSSSSSSSSS222P",
    protocol_change: "another protocol" => "+PPPPPPPPPPPPPPPPPPPPPPP",
    fence: "a fence" => "+KKKKKKKKKKKKKKKKKKKKKKK",
}

/// What the letters stand for.
const LETTERS: &[(char, &str)] = &[
    ('+', "accepted as it is"),
    ('u', "accepted; the vectors of the file that both changed are united"),
    ('m', "accepted; files that the winner wrote are removed in place of those that it rearranged"),
    ('f', "accepted; rows that ours deletes or depends on are followed to where the winner put them, by vectors"),
    ('c', "accepted; rows that the winner deleted are deleted, by vectors, of the files that ours put them into"),
    ('?', "refused: an added file may hold rows that ours looked for (whoever reads it and finds none may ask again)"),
    ('R', "refused: the winner deleted a row that ours deletes or depends on"),
    ('C', "refused: the winner changed a file that ours depends on, in a way that isn't united"),
    ('G', "refused: the winner removed a file that ours depends on"),
    ('B', "refused: deleted rows of a file that ours depends on came back"),
    ('M', "refused: the winner put the rows of a file that ours depends on into others, and they aren't followed"),
    ('T', "refused: a change of the table that isn't on the list of harmless ones"),
    ('S', "refused: ours changes the table in a way that every file should have been looked at for"),
    ('2', "refused: both change schema or properties"),
    ('P', "refused: one of them changes the protocol"),
    ('K', "refused: ours doesn't say what it read, or isn't one that follows others"),
];

fn find<'a>(row: &str, column: &str) -> (&'a Row, &'a Column, char) {
    let row = ROWS.iter().find(|r| r.name == row).unwrap();
    let at = COLUMNS.iter().position(|c| c.name == column).unwrap();
    (row, &COLUMNS[at], row.cells.chars().nth(at).unwrap())
}

fn check(row: &str, column: &str) {
    let (row, column, expected) = find(row, column);
    let (ours, winner) = ((row.ours)(), (column.winner)());
    let verdict = resolved(&ours, &winner);
    assert_eq!(letter(&verdict), expected, "{verdict:?}");
    if let Verdict::Accept(rebase) = verdict {
        // What is accepted can be committed: no file is there twice, none is removed that isn't there (C10, C11).
        let after = Snapshot::follow(Some(&table()), &[winner]).unwrap();
        let ours = rebased(&ours, &rebase);
        check_live(&ours, &after).unwrap();
        Snapshot::follow(Some(&after), &[committed(&ours, 2)]).unwrap();
    }
}

#[test]
fn every_row_decides_every_column_in_known_letters() {
    for row in ROWS {
        assert_eq!(row.cells.chars().count(), COLUMNS.len(), "{}", row.name);
        assert!(row.cells.chars().all(|cell| LETTERS.iter().any(|(letter, _)| *letter == cell)), "{}", row.name);
    }
}

/// Under `WriteSerializable` blind appends aren't looked at, and nothing else changes.
#[test]
fn write_serializable_misses_blind_appends_and_nothing_else() {
    let blind = ["append_elsewhere", "append_that_may_match", "append_without_statistics"];
    for row in ROWS {
        for (column, cell) in COLUMNS.iter().zip(row.cells.chars()) {
            let mut ours = (row.ours)();
            if ours.isolation == Isolation::Snapshot {
                continue;
            }
            ours.isolation = Isolation::WriteSerializable;
            let expected = if cell == '?' && blind.contains(&column.name) { '+' } else { cell };
            let found = letter(&resolved(&ours, &(column.winner)()));
            assert_eq!(found, expected, "{} after {}", row.name, column.name);
        }
    }
}

/// `Snapshot` is for those that rearrange: anyone else who asks for it is serializable.
#[test]
fn snapshot_isolation_is_given_to_rearrangements_alone() {
    for row in ROWS {
        for (column, cell) in COLUMNS.iter().zip(row.cells.chars()) {
            let mut ours = (row.ours)();
            ours.isolation = Isolation::Snapshot;
            let found = letter(&resolved(&ours, &(column.winner)()));
            assert_eq!(found, cell, "{} after {}", row.name, column.name);
        }
    }
}

/// The document, from the rows.
fn document() -> String {
    let mut text = String::from(
        "# Who may follow whom\n\n\
         <!-- Made from txlog/src/conflict/tests/matrix.rs, whose tests check each cell. Don't edit it here. -->\n\n\
         A transaction that loses the race for a version may follow the commit that won it, or not: the rules stand in\n\
         `txlog/src/conflict.rs`. Below, each transaction of ours (across) after each commit that it did not see (down), for a\n\
         table partitioned by `p` with the files `f1` (`p = a`, `k` from 1 to 4), `f2` (`p = a`, `k` from 5 to 8, one row\n\
         deleted by a vector) and `f3` (`p = b`). Isolation is `Serializable`, and `Snapshot` for compactions. Under\n\
         `WriteSerializable` a `?` of an append is a `+`. Each cell is a test,\n\
         `conflict::tests::matrix::OURS::WINNER`.\n\n",
    );
    for (number, row) in ROWS.iter().enumerate() {
        writeln!(text, "{}. {} (`{}`)", number + 1, row.what, row.name).unwrap();
    }
    let numbers: Vec<String> = (1..=ROWS.len()).map(|number| number.to_string()).collect();
    write!(text, "\n| the winner | {} |\n|---|{}\n", numbers.join(" | "), "---|".repeat(ROWS.len())).unwrap();
    for (at, column) in COLUMNS.iter().enumerate() {
        let cells: Vec<String> =
            ROWS.iter().map(|row| format!("`{}`", row.cells.chars().nth(at).unwrap_or(' '))).collect();
        writeln!(text, "| {} (`{}`) | {} |", column.what, column.name, cells.join(" | ")).unwrap();
    }
    text.push_str("\n| | |\n|---|---|\n");
    for (letter, meaning) in LETTERS {
        writeln!(text, "| `{letter}` | {meaning} |").unwrap();
    }
    let cells = || ROWS.iter().flat_map(|row| row.cells.chars());
    let accepted = cells().filter(|cell| "+umfc".contains(*cell)).count();
    writeln!(text, "\n{} pairs: {accepted} accepted, {} refused.", cells().count(), cells().count() - accepted)
        .unwrap();
    text
}

#[test]
fn the_document_is_made_of_these_rows() {
    let committed = include_str!("../../../../docs/CONFLICTS.md");
    let made = document();
    if committed != made {
        let path = std::env::temp_dir().join("CONFLICTS.md");
        std::fs::write(&path, &made).unwrap();
        panic!("docs/CONFLICTS.md is another; what it should be is in {}", path.display());
    }
}

/// Pairs that aren't decided in detail are refused, and these are they: who puts whole files in the place of others doesn't
/// follow what a compaction did to them, nor does anyone who isn't told; and nothing follows a change of the protocol.
#[test]
fn what_is_not_implemented_is_refused() {
    let refused = |letter: char| {
        let pairs = ROWS.iter().flat_map(|row| COLUMNS.iter().zip(row.cells.chars()).map(move |pair| (row, pair)));
        pairs
            .filter(|(_, (_, cell))| *cell == letter)
            .map(|(row, (column, _))| (row.name, column.name))
            .collect::<Vec<_>>()
    };
    assert!(refused('M').iter().all(|(_, winner)| winner.starts_with("compaction")));
    let after = |name: &str| {
        let pairs = refused('M').into_iter().filter(|(_, winner)| *winner == name);
        pairs.map(|(ours, _)| ours).collect::<Vec<_>>()
    };
    assert_eq!(after("compaction"), ["restore", "compaction", "purge", "restamp"]);
    assert_eq!(after("compaction_by_strangers").len(), 10);
    let unsaid: Vec<_> = refused('K').into_iter().map(|(ours, _)| ours).collect();
    for name in ["delete_unsaid", "overwrite_unsaid", "compaction_unsaid", "fence"] {
        assert_eq!(unsaid.iter().filter(|ours| **ours == name).count(), COLUMNS.len() - 1, "{name}");
    }
    assert_eq!(unsaid.len(), 4 * (COLUMNS.len() - 1));
    for row in ROWS.iter().filter(|row| !row.cells.ends_with('K')) {
        assert!(row.cells.ends_with('P'), "{}", row.name);
    }
}

//! Which pairs of operations land both, and which not? End to end, by two processes, in a folder and on S3.
//!
//! Every table is compared with a model after each round ([`super::race`]); what is checked here is who lands, and that who
//! comes second follows where it can, and plans again only where it must.

use lakebed_tests::orders::{Outcome, Task};

use super::place::Place;
use super::race::{Pair, Raced, Tasks, race};
use super::rounds;

const QUICK: i64 = 12;
const LONG: i64 = 100;

/// Six rows in a file.
fn six(first: i64) -> Vec<i64> {
    (first..first + 6).collect()
}

fn two_files(first: i64) -> Vec<Task> {
    vec![Task::Append(six(first)), Task::Append(six(first + 50))]
}

fn appended(first: i64) -> Task {
    Task::Append(vec![first + 20, first + 21])
}

/// That who came second was not planned again: its data was read once, and put twice where they met.
fn followed_as_planned(raced: &Raced) {
    let [_, last] = raced.in_order();
    assert!(!raced.met() || last.puts == 2, "put once more: {raced:?}");
}

/// An append lands beside what the other does, whoever comes first, and the other lands too.
fn append_beside(raced: &Raced) {
    raced.both_land();
    if raced.met() && raced.left.puts > 1 {
        assert_eq!((raced.left.puts, raced.left.attempts), (2, Some(2)), "it followed: {raced:?}");
    }
}

const DELETES_OF_OTHER_ROWS: Pair = Pair {
    tasks: |first, _| Tasks {
        before: vec![Task::Append(six(first))],
        left: Task::Delete(vec![first + 1]),
        right: Task::Delete(vec![first + 4]),
    },
    check: |raced| {
        raced.both_land();
        followed_as_planned(raced);
        assert_eq!((raced.left.reads, raced.right.reads), (1, 1), "planned once, the vectors were united: {raced:?}");
        assert!(raced.deleted_rows.iter().all(|rows| *rows == 2), "one vector of both rows: {raced:?}");
    },
};

const DELETES_OF_ONE_ROW: Pair = Pair {
    tasks: |first, _| Tasks {
        before: vec![Task::Append(six(first))],
        left: Task::Delete(vec![first + 1]),
        right: Task::Delete(vec![first + 1]),
    },
    check: |raced| {
        raced.one_lands();
        let [first, last] = raced.in_order();
        assert_eq!((first.rows, last.rows, &last.outcome), (1, 0, &Outcome::Nothing), "{raced:?}");
        assert_eq!(last.reads, 1, "planned again by what it had found, of which nothing was left: {raced:?}");
    },
};

const DELETES_THAT_SHARE_A_ROW: Pair = Pair {
    tasks: |first, _| Tasks {
        before: vec![Task::Append(six(first))],
        left: Task::Delete(vec![first + 1, first + 2]),
        right: Task::Delete(vec![first + 2, first + 3]),
    },
    check: |raced| {
        raced.both_land();
        let [first, last] = raced.in_order();
        assert_eq!((first.rows, last.rows), (2, 1), "what is left of it: {raced:?}");
        assert!(raced.deleted_rows.iter().all(|rows| *rows == 3), "{raced:?}");
    },
};

const DELETE_AND_COMPACTION: Pair = Pair {
    tasks: |first, _| Tasks { before: two_files(first), left: Task::Delete(vec![first + 1]), right: Task::Compact },
    check: |raced| {
        raced.both_land();
        assert_eq!(raced.left.rows, 1, "{raced:?}");
        assert_eq!(raced.deleted_rows.len(), 1, "the files are one, in either order: {raced:?}");
    },
};

const COMPACTIONS: Pair = Pair {
    tasks: |first, _| Tasks { before: two_files(first), left: Task::Compact, right: Task::Compact },
    check: |raced| {
        raced.one_lands();
        let [_, last] = raced.in_order();
        assert_eq!(last.outcome, Outcome::Nothing, "what it wrote was thrown away: {raced:?}");
        assert_eq!(raced.deleted_rows.len(), 1, "the files are one: {raced:?}");
    },
};

const OVERWRITES: Pair = Pair {
    tasks: |first, _| Tasks {
        before: vec![Task::Append(six(first))],
        left: Task::Overwrite(vec![first + 20]),
        right: Task::Overwrite(vec![first + 30]),
    },
    check: |raced| {
        assert_eq!(raced.deleted_rows.len(), 1, "rows of one of them: {raced:?}");
        if raced.followed() {
            raced.one_lands();
            let [_, last] = raced.in_order();
            let Outcome::Conflict(why) = &last.outcome else { panic!("the other says why: {raced:?}") };
            assert!(why.contains("another overwrite came first"), "{why}");
            assert_eq!(last.puts, 1, "it was put once, and not planned again: {raced:?}");
        } else {
            raced.both_land();
        }
    },
};

const DELETE_AND_OVERWRITE: Pair = Pair {
    tasks: |first, _| Tasks {
        before: vec![Task::Append(six(first))],
        left: Task::Delete(vec![first + 1]),
        right: Task::Overwrite(vec![first + 30]),
    },
    check: |raced| {
        assert!(matches!(raced.right.outcome, Outcome::Landed(_)), "{raced:?}");
        assert!(!matches!(raced.left.outcome, Outcome::Conflict(_)), "{raced:?}");
    },
};

const APPENDS: Pair = Pair {
    tasks: |first, _| Tasks { before: Vec::new(), left: appended(first), right: Task::Append(six(first)) },
    check: append_beside,
};

const APPEND_AND_DELETE: Pair = Pair {
    tasks: |first, _| Tasks {
        before: vec![Task::Append(six(first))],
        left: appended(first),
        right: Task::Delete(vec![first + 1]),
    },
    check: |raced| {
        append_beside(raced);
        assert_eq!(raced.right.rows, 1, "{raced:?}");
    },
};

/// The delete looks for what the append adds.
const APPEND_AND_DELETE_OF_IT: Pair = Pair {
    tasks: |first, _| Tasks {
        before: vec![Task::Append(six(first))],
        left: appended(first),
        right: Task::Delete(vec![first + 1, first + 20]),
    },
    check: |raced| {
        append_beside(raced);
        let [came_first, _] = raced.in_order();
        let append_first = came_first.rows == 0;
        assert_eq!(raced.right.rows, if append_first { 2 } else { 1 }, "{raced:?}");
    },
};

const APPEND_AND_OVERWRITE: Pair = Pair {
    tasks: |first, _| Tasks {
        before: vec![Task::Append(six(first))],
        left: appended(first),
        right: Task::Overwrite(vec![first + 30]),
    },
    check: append_beside,
};

const APPEND_AND_COMPACTION: Pair = Pair {
    tasks: |first, _| Tasks { before: two_files(first), left: appended(first), right: Task::Compact },
    check: |raced| {
        append_beside(raced);
        if raced.met() {
            followed_as_planned(raced);
            assert_eq!(raced.deleted_rows.len(), 2, "the compaction wasn't planned again: {raced:?}");
        }
    },
};

const APPEND_AND_RESTORE: Pair = Pair {
    tasks: |first, version| Tasks {
        before: vec![Task::Append(six(first))],
        left: appended(first),
        right: Task::Restore(version),
    },
    check: append_beside,
};

const APPEND_AND_PROPERTY: Pair = Pair {
    tasks: |first, _| Tasks {
        before: Vec::new(),
        left: appended(first),
        right: Task::Interval(10 + (first / 100 % 7) as u32),
    },
    check: |raced| {
        append_beside(raced);
        followed_as_planned(raced);
    },
};

const APPEND_AND_CONSTRAINT: Pair = Pair {
    tasks: |first, _| Tasks {
        before: vec![Task::Nullable(true), Task::Append(six(first))],
        left: appended(first),
        right: Task::Nullable(false),
    },
    check: |raced| {
        let [first, last] = raced.in_order();
        assert!(matches!(first.outcome, Outcome::Landed(_)), "{raced:?}");
        if raced.met() {
            let Outcome::Conflict(why) = &last.outcome else { panic!("one lands, and the other says why: {raced:?}") };
            assert!(why.contains("note can be NULL"), "{why}");
        }
    },
};

/// Each pair, in a folder and on S3.
macro_rules! pairs {
    ($($name:ident => $pair:expr),* $(,)?) => {
        $(
            mod $name {
                use super::*;

                #[tokio::test]
                async fn in_a_folder() {
                    let test = concat!(stringify!($name), ", in a folder");
                    race(Place::folder(), test, &$pair, rounds(QUICK, LONG)).await;
                }

                #[tokio::test]
                async fn on_s3() {
                    let Some(place) = Place::on_s3(concat!("pairs_", stringify!($name))) else { return };
                    race(place, concat!(stringify!($name), ", on S3"), &$pair, rounds(QUICK, LONG)).await;
                }
            }
        )*
    };
}

pairs! {
    deletes_of_other_rows_of_one_file_both_land => DELETES_OF_OTHER_ROWS,
    of_deletes_of_one_row_one_lands_and_the_other_plans_again => DELETES_OF_ONE_ROW,
    deletes_that_share_a_row_both_land => DELETES_THAT_SHARE_A_ROW,
    a_delete_and_a_compaction_of_its_file_both_land => DELETE_AND_COMPACTION,
    of_compactions_of_the_same_files_one_lands => COMPACTIONS,
    of_two_overwrites_one_lands => OVERWRITES,
    a_delete_and_an_overwrite_get_along => DELETE_AND_OVERWRITE,
    two_appends_both_land => APPENDS,
    an_append_lands_beside_a_delete => APPEND_AND_DELETE,
    an_append_lands_beside_a_delete_of_what_it_adds => APPEND_AND_DELETE_OF_IT,
    an_append_lands_beside_an_overwrite => APPEND_AND_OVERWRITE,
    an_append_lands_beside_a_compaction => APPEND_AND_COMPACTION,
    an_append_lands_beside_a_restore => APPEND_AND_RESTORE,
    an_append_lands_beside_a_harmless_property => APPEND_AND_PROPERTY,
    of_an_append_and_a_constraint_one_lands => APPEND_AND_CONSTRAINT,
}

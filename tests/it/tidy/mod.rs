//! Is the house in order? What `STYLE` asks of files, functions, names, manifests and modules, checked by text.
//!
//! Each check is a function from sources to findings, and is tested on a sample that it has to find.

mod manifests;
mod modules;
mod names;
mod pitfalls;
mod size;
mod source;

use source::{Finding, Source, tracked};

/// Panics with every finding of `check`.
fn assert_none(check: fn(&[Source]) -> Vec<Finding>) {
    let sources = tracked();
    assert!(sources.iter().any(|s| s.path == "txlog/src/lib.rs"), "the repository's files are listed");
    let lines: Vec<String> = check(&sources).into_iter().map(|f| format!("{}: {}", f.place, f.what)).collect();
    assert!(lines.is_empty(), "{} findings:\n{}", lines.len(), lines.join("\n"));
}

macro_rules! house {
    ($($test:ident => $check:path),* $(,)?) => {
        $(
            #[test]
            fn $test() {
                assert_none($check);
            }
        )*
    };
}

house! {
    a_crate_uses_only_those_to_its_left => manifests::out_of_order,
    versions_stand_in_the_workspace => manifests::own_versions,
    every_member_takes_the_lints => manifests::unlinted,
    locks_beside_know_what_our_crates_need => manifests::stale_locks,
    no_module_imports_itself_through_others => modules::import_cycles,
    every_file_is_reached => modules::dead_files,
    modules_are_named_after_their_question => names::catch_all_modules,
    crates_are_named_in_their_module_only => names::kept_apart,
    clock_and_randomness_come_through_the_ports => names::impure,
    no_path_of_a_machine_is_tracked => names::machine_paths,
    every_file_says_what_it_answers => names::unintroduced,
    every_pitfall_has_a_test_of_its_name => pitfalls::untested,
    files_answer_one_question => size::long_files,
    functions_fit_one_screen => size::long_functions,
}

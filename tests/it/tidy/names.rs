//! What code may name: clocks, randomness, environment, other people's crates, catch-all modules, machines.

use super::source::{Finding, Source, words};

/// The crates that ship, in the order in which they may use each other.
pub(super) const PRODUCT: [&str; 6] = ["txlog", "engine", "compaction", "vacuum", "lake", "cli"];

/// Where time, randomness and the environment may enter.
const PORTS: [&str; 2] = ["txlog/src/env.rs", "cli/"];

const IMPURE: [&str; 11] = [
    "SystemTime::now",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "new_v4",
    "env::var",
    "env::vars",
    "env::var_os",
    "rand",
    "getrandom",
    "OsRng",
];

/// Wall clock, randomness and environment outside the ports.
pub(super) fn impure(sources: &[Source]) -> Vec<Finding> {
    let mut out = Vec::new();
    for source in shipped(sources).filter(|s| !PORTS.iter().any(|port| s.path.starts_with(port))) {
        for name in IMPURE {
            let found = words(&source.code, name);
            out.extend(
                found.map(|at| source.finding(at, format!("`{name}`: take an `Arc<dyn Env>`, or a typed setting"))),
            );
        }
    }
    out
}

/// (who is bound, what they may not name, the only place of theirs that may).
const KEPT_APART: [(&str, &str, Option<&str>); 3] = [
    ("txlog/", "datafusion", None),
    ("txlog/", "object_store", Some("txlog/src/drive")),
    ("engine/src/", "datafusion", Some("engine/src/query")),
];

/// Crates named outside the one module that is theirs.
pub(super) fn kept_apart(sources: &[Source]) -> Vec<Finding> {
    let mut out = Vec::new();
    for (bound, name, place) in KEPT_APART {
        let at_home = |s: &Source| place.is_some_and(|place| s.path.starts_with(place));
        for source in sources.iter().filter(|s| s.is_rust() && s.path.starts_with(bound) && !at_home(s)) {
            let what = place.map_or_else(|| "nowhere here".to_owned(), |place| format!("only in {place}"));
            out.extend(words(&source.code, name).map(|at| source.finding(at, format!("`{name}`: {what}"))));
        }
    }
    out
}

const CATCH_ALL: [&str; 9] = ["utils", "util", "common", "helpers", "helper", "misc", "legacy", "shared", "stuff"];

/// Modules whose name says nothing about what is in them.
pub(super) fn catch_all_modules(sources: &[Source]) -> Vec<Finding> {
    let mut out = Vec::new();
    for source in sources.iter().filter(|s| s.is_rust()) {
        let mut parts = source.path.trim_end_matches(".rs").split('/');
        let named = parts.find(|part| CATCH_ALL.contains(part));
        out.extend(named.map(|name| source.finding(0, format!("`{name}`: a module is named after its question"))));
        for name in CATCH_ALL {
            let inline = format!("mod {name} {{");
            let found = source.code.match_indices(&inline);
            out.extend(
                found.map(|(at, _)| source.finding(at, format!("`{name}`: a module is named after its question"))),
            );
        }
    }
    out
}

/// Top folders of the machines that this was written on; a repository has none of them.
const MACHINE: [&str; 4] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/fa", "rm/")];

/// Absolute paths of some machine.
pub(super) fn machine_paths(sources: &[Source]) -> Vec<Finding> {
    let mut out = Vec::new();
    for source in sources {
        for name in MACHINE {
            // Inside a longer path it is an ordinary folder.
            let part_of_path = |c: char| c.is_alphanumeric() || "_-.}*~)$>".contains(c);
            let found = source.text.match_indices(name).filter(|(at, _)| !source.text[..*at].ends_with(part_of_path));
            out.extend(found.map(|(at, _)| source.finding(at, format!("`{name}`: a path of one machine"))));
        }
    }
    out
}

/// Files of crates that ship, without a first line that says which question they answer.
pub(super) fn unintroduced(sources: &[Source]) -> Vec<Finding> {
    let silent = shipped(sources).filter(|s| s.path.contains("/src/") && !s.text.starts_with("//!"));
    silent.map(|s| s.finding(0, "starts without `//!` and the question it answers")).collect()
}

fn shipped(sources: &[Source]) -> impl Iterator<Item = &Source> {
    sources.iter().filter(|s| s.is_rust() && PRODUCT.contains(&s.folder()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(check: fn(&[Source]) -> Vec<Finding>, path: &str, text: &str) -> usize {
        check(&[Source::new(path, text)]).len()
    }

    #[test]
    fn a_clock_is_found_outside_the_ports_only() {
        for call in ["SystemTime::now()", "chrono::Utc::now()", "Uuid::new_v4()", "std::env::var(x)", "rand::random()"]
        {
            assert_eq!(found(impure, "engine/src/a.rs", call), 1, "{call}");
            assert_eq!(found(impure, "txlog/src/env.rs", call), 0, "{call}");
            assert_eq!(found(impure, "cli/src/main.rs", call), 0, "{call}");
            assert_eq!(found(impure, "tests/it/a.rs", call), 0, "{call}");
            assert_eq!(found(impure, "engine/src/a.rs", &format!("// {call}")), 0, "{call}");
        }
    }

    #[test]
    fn a_crate_is_found_outside_its_module_only() {
        assert_eq!(found(kept_apart, "txlog/src/dv/mod.rs", "use datafusion::x;"), 1);
        assert_eq!(found(kept_apart, "txlog/src/dv/mod.rs", "use object_store::x;"), 1);
        assert_eq!(found(kept_apart, "txlog/src/drive/mod.rs", "use object_store::x;"), 0);
        assert_eq!(found(kept_apart, "engine/src/table/mod.rs", "use datafusion::x;"), 1);
        assert_eq!(found(kept_apart, "engine/src/query/scan.rs", "use datafusion::x;"), 0);
        assert_eq!(found(kept_apart, "engine/src/store/mod.rs", "use object_store::x;"), 0);
    }

    #[test]
    fn a_catch_all_module_is_found_as_file_folder_and_block() {
        assert_eq!(found(catch_all_modules, "lake/src/utils.rs", ""), 1);
        assert_eq!(found(catch_all_modules, "tests/it/common/mod.rs", ""), 1);
        assert_eq!(found(catch_all_modules, "lake/src/a.rs", "mod helpers {\n}"), 1);
        assert_eq!(found(catch_all_modules, "lake/src/utility.rs", "mod commonest {}"), 0);
    }

    #[test]
    fn a_machine_path_is_found_in_any_text() {
        for name in MACHINE {
            assert_eq!(found(machine_paths, "docs/A.md", &format!("in {name}x")), 1, "{name}");
            assert_eq!(found(machine_paths, "docs/A.md", &format!("in target{name}x or ${{A}}{name}")), 0, "{name}");
        }
    }

    #[test]
    fn a_file_without_its_question_is_found() {
        assert_eq!(found(unintroduced, "lake/src/a.rs", "use x;\n"), 1);
        assert_eq!(found(unintroduced, "lake/src/a.rs", "//! What?\n"), 0);
    }
}

//! How modules hang together: files that no `mod` reaches, modules that import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};

use super::names::PRODUCT;
use super::source::{Finding, Source, words};

/// Rust files that no crate root reaches by `mod`.
pub(super) fn dead_files(sources: &[Source]) -> Vec<Finding> {
    let rust: BTreeMap<&str, &Source> = sources.iter().filter(|s| s.is_rust()).map(|s| (s.path.as_str(), s)).collect();
    let mut alive: BTreeSet<&str> = rust.keys().copied().filter(|path| is_root(path, sources)).collect();
    let mut todo: Vec<&str> = alive.iter().copied().collect();
    while let Some(path) = todo.pop() {
        for child in children(rust[path], is_root(path, sources)) {
            if let Some((child, _)) = rust.get_key_value(child.as_str())
                && alive.insert(child)
            {
                todo.push(child);
            }
        }
    }
    let dead = rust.values().filter(|s| !alive.contains(s.path.as_str()));
    dead.map(|s| s.finding(0, "no `mod` reaches this file")).collect()
}

/// True for what cargo compiles as a crate of its own.
fn is_root(path: &str, sources: &[Source]) -> bool {
    // The folder of the nearest manifest: a crate may lie inside another's folder.
    let folders = path.rmatch_indices('/').map(|(at, _)| &path[..at]);
    let mut crates = folders.filter(|folder| sources.iter().any(|s| s.path == format!("{folder}/Cargo.toml")));
    let folder = crates.next().unwrap_or(path.split('/').next().unwrap_or_default());
    let Some(inside) = path.strip_prefix(folder).and_then(|inside| inside.strip_prefix('/')) else { return false };
    let alone = |dir: &str| inside.strip_prefix(dir).is_some_and(|name| !name.contains('/'));
    let named = || {
        sources.iter().any(|s| s.path == format!("{folder}/Cargo.toml") && s.text.contains(&format!("\"{inside}\"")))
    };
    ["src/lib.rs", "src/main.rs", "build.rs"].contains(&inside)
        || ["src/bin/", "examples/", "benches/", "tests/", "fuzz_targets/"].iter().any(|dir| alone(dir))
        || named()
}

/// The files that the `mod name;` lines of a file, and its `#[path]`s, may stand for.
fn children(source: &Source, root: bool) -> Vec<String> {
    let (path, code) = (source.path.as_str(), source.code.as_str());
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let base = if root || path.ends_with("/mod.rs") { folder } else { path.trim_end_matches(".rs") };
    let paths = source.text.match_indices("#[path = \"").map(|(at, found)| &source.text[at + found.len()..]);
    let mut out: Vec<String> =
        paths.filter_map(|rest| rest.split_once('"')).map(|(name, _)| format!("{folder}/{name}")).collect();
    for at in words(code, "mod") {
        let Some((name, _)) = code[at + 3..].split_once(';') else { continue };
        let name = name.trim().trim_start_matches("r#");
        out.extend([format!("{base}/{name}.rs"), format!("{base}/{name}/mod.rs")]);
    }
    out
}

/// Circles of imports between the top-level modules of a crate that ships; unit tests may import what they like.
pub(super) fn import_cycles(sources: &[Source]) -> Vec<Finding> {
    let mut out = Vec::new();
    for krate in PRODUCT {
        let imports = imports(krate, sources);
        for circle in circles(&imports) {
            let what = format!("import each other: {}", circle.join(" -> "));
            out.push(Finding { place: format!("{krate}/src"), what });
        }
    }
    out
}

/// Which top-level module of a crate names which.
fn imports(krate: &str, sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let prefix = format!("{krate}/src/");
    let files: Vec<(Vec<&str>, &Source)> = sources
        .iter()
        .filter(|s| s.is_rust())
        .filter_map(|s| Some((place(s.path.strip_prefix(&prefix)?)?, s)))
        .collect();
    let modules: BTreeSet<&str> = files.iter().map(|(place, _)| place[0]).collect();
    let root = sources.iter().find(|s| s.path == format!("{prefix}lib.rs") || s.path == format!("{prefix}main.rs"));
    let exports = root.map(|s| exports(&s.code)).unwrap_or_default();
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (place, source) in &files {
        for name in named_from_root(source.product(), place.len()) {
            let module = exports.get(&name).unwrap_or(&name);
            if modules.contains(module.as_str()) && module != place[0] {
                out.entry(place[0].to_owned()).or_default().insert(module.clone());
            }
        }
    }
    out
}

/// The module path of a file, from its path below `src`; none for the root.
fn place(file: &str) -> Option<Vec<&str>> {
    let stem = file.strip_suffix(".rs")?;
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    (!["lib", "main"].contains(&stem)).then(|| stem.split('/').collect())
}

/// What the root re-exports: item to module, from `pub use module::{A, B};`.
fn exports(root: &str) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for at in words(root, "use") {
        let Some((path, _)) = root[at + 3..].split_once(';') else { continue };
        let path = path.trim().trim_start_matches("self::").trim_start_matches("crate::");
        let Some((module, items)) = path.split_once("::") else { continue };
        for item in items.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|item| !item.is_empty()) {
            out.insert(item.to_owned(), module.to_owned());
        }
    }
    out
}

/// The first names after `crate::`, and after as many `super::` as lead from a module at `depth` to the root.
fn named_from_root(code: &str, depth: usize) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for root in ["crate::".to_owned(), "super::".repeat(depth)] {
        let outside = |at: &usize| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        for at in code.match_indices(&root).map(|(at, _)| at).filter(outside) {
            first_names(&code[at + root.len()..], &mut out);
        }
    }
    out
}

/// The name that a path starts with; of a group `{a::b, c}`, the names that its members start with.
fn first_names(path: &str, out: &mut BTreeSet<String>) {
    let Some(group) = path.strip_prefix('{') else {
        let name: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        out.insert(name);
        return;
    };
    let mut depth = 0;
    let mut member = true;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return,
            '}' => depth -= 1,
            ',' if depth == 0 => member = true,
            c if member && !c.is_whitespace() => {
                member = false;
                first_names(&group[at..], out);
            }
            _ => {}
        }
    }
}

/// The groups of nodes that reach each other, each sorted.
fn circles(edges: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<Vec<String>> {
    let reach = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut todo = vec![from];
        while let Some(node) = todo.pop() {
            todo.extend(edges.get(node).into_iter().flatten().filter(|next| seen.insert((*next).clone())));
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> = edges.keys().map(|node| (node, reach(node))).collect();
    let mut out = BTreeSet::new();
    for (node, after) in &reached {
        if after.contains(*node) {
            let mutual = after.iter().filter(|other| reached.get(other).is_some_and(|back| back.contains(*node)));
            out.insert(mutual.cloned().collect());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_no_mod_reaches_is_dead() {
        let sources = [
            Source::new("lake/src/lib.rs", "pub mod a;\nmod c { }\n// mod d;\n"),
            Source::new("lake/src/a/mod.rs", "mod b;\n#[path = \"t.rs\"]\nmod tests;"),
            Source::new("lake/src/a/t.rs", ""),
            Source::new("lake/src/a/b.rs", "mod e;"),
            Source::new("lake/src/a/b/e.rs", ""),
            Source::new("lake/src/d.rs", ""),
            Source::new("lake/examples/x.rs", ""),
            Source::new("tests/Cargo.toml", "path = \"it/main.rs\""),
            Source::new("tests/it/main.rs", "mod f;"),
            Source::new("tests/it/f.rs", ""),
            Source::new("tests/it/g/mod.rs", ""),
            Source::new("tests/inner/Cargo.toml", ""),
            Source::new("tests/inner/src/main.rs", "mod h;"),
            Source::new("tests/inner/src/h.rs", ""),
            Source::new("tests/inner/src/i.rs", ""),
        ];
        let dead: Vec<String> = dead_files(&sources).into_iter().map(|finding| finding.place).collect();
        assert_eq!(dead, ["lake/src/d.rs:1", "tests/inner/src/i.rs:1", "tests/it/g/mod.rs:1"]);
    }

    #[test]
    fn modules_that_import_each_other_are_found_through_groups_supers_and_reexports() {
        let circle = |a: &str, b: &str, c: &str| {
            let sources = [
                Source::new("lake/src/lib.rs", "mod a; mod b; mod c; pub use b::{Thing, Other};"),
                Source::new("lake/src/a.rs", a),
                Source::new("lake/src/b/mod.rs", "mod deep;"),
                Source::new("lake/src/b/deep.rs", b),
                Source::new("lake/src/c.rs", c),
            ];
            import_cycles(&sources).into_iter().map(|finding| finding.what).collect::<Vec<_>>()
        };
        let both = ["import each other: a -> b"];
        assert_eq!(circle("use crate::b::X;", "use crate::a::Y;", ""), both);
        assert_eq!(circle("use crate::{c::{X, Y}, b};", "use super::super::a::Y;", ""), both);
        assert_eq!(circle("use super::Thing;", "use crate::a::Y;", ""), both);
        assert_eq!(circle("use super::b;", "use crate::c;", "use crate::a;"), ["import each other: a -> b -> c"]);
        assert_eq!(
            circle("use crate::b::X;", "use super::a::Y;", ""),
            [""; 0],
            "one super leads to b, not to the root"
        );
        assert_eq!(circle("use crate::b::X;", "use x::crate_::a;", "use crate::{a, b};"), [""; 0]);
        let unit_test = "\n#[cfg(test)]\nmod tests {\n use crate::a::Y;\n}";
        assert_eq!(circle("use crate::b::X;", unit_test, ""), [""; 0]);
    }
}

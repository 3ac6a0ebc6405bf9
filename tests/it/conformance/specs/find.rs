//! Which workload specs does a folder hold, and about which tables?
//!
//! A table's folder has `specs/NAME.json`, or `specs/NAME/spec.json`; `table_info.json` says its name and, where it isn't
//! `delta/` beside it, its place; `expected/NAME/expected_data/*.parquet` are the rows that a read has to find.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::spec::{Reject, Spec, parse};

/// Folders deeper than this aren't looked into.
const MAX_DEPTH: usize = 8;

/// A spec and the table that it is about.
#[derive(Debug)]
pub(super) struct Workload {
    /// The table's name and the spec's.
    pub(super) name: String,
    /// The table's root.
    pub(super) table: PathBuf,
    /// The Parquet files with the rows that it has to find; none where it doesn't say them.
    pub(super) rows: Vec<PathBuf>,
    pub(super) spec: Result<Spec, Reject>,
}

#[derive(Default, Deserialize)]
struct TableInfo {
    name: Option<String>,
    #[serde(alias = "tablePath", alias = "table_root_path", alias = "tableRootPath")]
    table_path: Option<String>,
    #[serde(default, alias = "isCatalogManaged")]
    is_catalog_managed: bool,
    #[serde(alias = "catalogInfo", alias = "catalogManagedInfo", alias = "catalog_managed_info")]
    catalog_info: Option<serde_json::Value>,
}

/// Every spec below a folder, by name.
pub(super) fn below(folder: &Path) -> Vec<Workload> {
    let mut found = Vec::new();
    look(folder, MAX_DEPTH, &mut found);
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn look(folder: &Path, depth: usize, found: &mut Vec<Workload>) {
    if folder.join("specs").is_dir() {
        return of_table(folder, found);
    }
    let no_table = |path: &PathBuf| !path.join("_delta_log").is_dir();
    for inner in entries(folder).into_iter().filter(|path| depth > 0 && path.is_dir()).filter(no_table) {
        look(&inner, depth - 1, found);
    }
}

/// The specs of a table.
fn of_table(folder: &Path, found: &mut Vec<Workload>) {
    let info = table_info(folder);
    let folder_name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = info.as_ref().ok().and_then(|info| info.name.clone()).unwrap_or(folder_name);
    let table = info.and_then(|info| root(folder, &info));
    for path in entries(&folder.join("specs")) {
        let file = if path.is_dir() { path.join("spec.json") } else { path.clone() };
        let Some(spec_name) = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()) else { continue };
        if file.extension().is_none_or(|extension| extension != "json") || !file.is_file() {
            continue;
        }
        let spec = match &table {
            Ok(_) => fs::read_to_string(&file).map_err(|e| Reject::Malformed(e.to_string())).and_then(|t| parse(&t)),
            // Why its table can't be opened says more than what it asks, unless that is no spec or not known either.
            Err(reject) => fs::read_to_string(&file)
                .map_err(|e| Reject::Malformed(e.to_string()))
                .and_then(|text| parse(&text))
                .and(Err(reject.clone())),
        };
        found.push(Workload {
            name: format!("{name}/{spec_name}"),
            table: table.clone().unwrap_or_default(),
            rows: rows(&folder.join("expected").join(&spec_name).join("expected_data")),
            spec,
        });
    }
}

fn table_info(folder: &Path) -> Result<TableInfo, Reject> {
    let names = ["table_info.json", "tableInfo.json"];
    let Some(path) = names.iter().map(|name| folder.join(name)).find(|path| path.is_file()) else {
        return Ok(TableInfo::default()); // tables that are damaged have none
    };
    let wrong = |e: &dyn std::fmt::Display| Reject::Malformed(format!("table_info.json: {e}"));
    serde_json::from_slice(&fs::read(path).map_err(|e| wrong(&e))?).map_err(|e| wrong(&e))
}

/// Where the table lies.
fn root(folder: &Path, info: &TableInfo) -> Result<PathBuf, Reject> {
    if info.is_catalog_managed || info.catalog_info.is_some() || folder.join("catalog_managed_info.json").is_file() {
        return Err(Reject::NotYet("catalog-managed tables".to_owned()));
    }
    match &info.table_path {
        Some(path) => match path.strip_prefix("file://").unwrap_or(path) {
            local if local.starts_with('/') => Ok(PathBuf::from(local)),
            _ => Err(Reject::NotYet(format!("a table at {path}"))),
        },
        // In the corpus, specs lie in a folder of their own beside the table.
        None => [folder.join("delta"), folder.join("../delta")]
            .into_iter()
            .find(|path| path.is_dir())
            .map_or_else(|| Ok(folder.join("delta")), Ok),
    }
}

/// The Parquet files of a folder, without those that Spark leaves beside them.
fn rows(folder: &Path) -> Vec<PathBuf> {
    let hidden = |path: &PathBuf| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(['.', '_']));
    let parquet = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "parquet");
    entries(folder).into_iter().filter(|path| parquet(path) && !hidden(path)).collect()
}

/// What a folder holds, sorted.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    paths
}

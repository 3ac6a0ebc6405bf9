//! The tables that queries know: those below a folder, and those named one by one.

use std::collections::BTreeMap;

use lakebed::Table;
use lakebed::query::Session;
use lakebed::store::{TableStore, TableUrl};
use lakebed_txlog::{Error, Result};
use object_store::ObjectStore;
use object_store::path::Path;

use super::open;
use super::promote::named;
use crate::args::TablesArgs;
use crate::context::Context;

/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 6;
/// Most folders that are listed.
const MAX_FOLDERS: usize = 10_000;

/// Tables by the names that queries give them.
pub(crate) struct Lake {
    tables: BTreeMap<String, TableUrl>,
}

impl Lake {
    /// The tables that `args` name: a LIST for each folder below the lake that isn't a table.
    ///
    /// # Errors
    /// A lake that isn't there; a name that two tables would have.
    pub(crate) async fn find(args: &TablesArgs, context: &Context) -> Result<Lake> {
        let mut lake = Lake { tables: BTreeMap::new() };
        if let Some(folder) = &args.lake {
            lake.add_folder(&TableUrl::parse(folder)?, context).await?;
        }
        for given in &args.tables {
            let (name, table) = named(given)?;
            lake.add(name.to_owned(), TableUrl::parse(table)?)?;
        }
        Ok(lake)
    }

    /// The tables by name.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&str, &TableUrl)> {
        self.tables.iter().map(|(name, url)| (name.as_str(), url))
    }

    /// Their names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// A session that knows the tables of which the last part of the name is `wanted`.
    ///
    /// # Errors
    /// A table that can't be opened.
    pub(crate) async fn session(&self, wanted: impl Fn(&str) -> bool, context: &Context) -> Result<Session> {
        let session = Session::new();
        for (name, url) in self.tables() {
            if wanted(name.rsplit('.').next().unwrap_or(name)) {
                let table = open::table(&url.to_string(), context).await?;
                session.register_log(name, table.store(), std::sync::Arc::clone(table.log()))?;
            }
        }
        Ok(session)
    }

    /// The columns of every table that can be opened.
    pub(crate) async fn columns(&self, context: &Context) -> Vec<(String, Vec<String>)> {
        let mut all = Vec::new();
        for (name, url) in self.tables() {
            // What can't be opened offers no columns; a query says why.
            if let Ok(table) = open::table(&url.to_string(), context).await {
                all.push((name.to_owned(), columns_of(&table)));
            }
        }
        all
    }

    fn add(&mut self, name: String, url: TableUrl) -> Result<()> {
        match self.tables.insert(name.clone(), url) {
            None => Ok(()),
            Some(other) => Err(Error::invalid(format!("two tables would be {name}: one is {other}"))
                .hint("give them different names with --table NAME=TABLE")),
        }
    }

    async fn add_folder(&mut self, url: &TableUrl, context: &Context) -> Result<()> {
        let store = TableStore::open(url, &context.settings, &context.env)?;
        let mut folders = vec![(store.root().clone(), Vec::<String>::new())];
        let mut listed = 0;
        while let Some((folder, names)) = folders.pop() {
            listed += 1;
            if listed > MAX_FOLDERS {
                return Err(Error::exhausted(format!("there are more than {MAX_FOLDERS} folders to look into"))
                    .path(url.to_string())
                    .hint("name a folder further down, or single tables with --table NAME=TABLE"));
            }
            let found = store.data().list_with_delimiter(Some(&folder)).await;
            let found = found.map_err(|error| store.error(error, "looking for tables", &folder))?;
            let children: Vec<(Path, String)> = found
                .common_prefixes
                .into_iter()
                .filter_map(|path| path.filename().map(str::to_owned).map(|name| (path, name)))
                .collect();
            if children.iter().any(|(_, name)| name == "_delta_log") {
                let below = if names.is_empty() { url.clone() } else { url.join(&names.join("/"))? };
                self.add(name_of(&names, url), below)?;
            } else if names.len() < MAX_DEPTH {
                let visible = children.into_iter().filter(|(_, name)| !name.starts_with(['.', '_']));
                folders.extend(visible.map(|(path, name)| (path, names.iter().cloned().chain([name]).collect())));
            }
        }
        Ok(())
    }
}

/// The columns of a table, each with its type.
fn columns_of(table: &Table) -> Vec<String> {
    table.snapshot().schema().fields().iter().map(|field| field.name.clone()).collect()
}

/// `flights` for the folder `flights`, `gold.delays` for `gold/delays`, `eu_gold.delays` for `eu/gold/delays`; for the
/// lake's own folder, when it is a table, the folder's name.
fn name_of(names: &[String], url: &TableUrl) -> String {
    match names.split_last() {
        None => url.to_string().trim_end_matches('/').rsplit('/').next().unwrap_or("table").to_owned(),
        Some((table, [])) => table.clone(),
        Some((table, schema)) => format!("{}.{table}", schema.join("_")),
    }
}

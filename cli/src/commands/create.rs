//! `lakebed table create`.

use std::collections::BTreeMap;

use lakebed::CreateTable;
use lakebed_txlog::protocol::Profile;
use lakebed_txlog::{Error, Result};
use serde_json::json;

use super::open;
use crate::args::{CreateArgs, ProfileArg};
use crate::context::Context;
use crate::ddl;
use crate::render::Form;

pub(crate) async fn run(args: CreateArgs, context: &Context) -> Result<()> {
    let create = CreateTable {
        partition_columns: args.partition_by,
        properties: properties(&args.properties)?,
        profile: match args.profile {
            ProfileArg::Standard => Profile::Standard,
            ProfileArg::Compat => Profile::Compat,
        },
        ..CreateTable::new(ddl::parse(&args.columns)?)
    };
    let table = open::make(&args.table, &create, context).await?;
    let snapshot = table.snapshot();
    match context.form {
        Form::Json => context.print_json(&json!({
            "table": table.url().to_string(),
            "version": snapshot.version(),
            "id": snapshot.metadata().id,
        })),
        Form::People | Form::Csv => context.print(format!("created {} at version {}", table.url(), snapshot.version())),
    }
}

fn properties(given: &[String]) -> Result<BTreeMap<String, String>> {
    let mut properties = BTreeMap::new();
    for property in given {
        let (name, value) = property.split_once('=').ok_or_else(|| {
            Error::invalid(format!("{property:?} is no property")).hint("write --property NAME=VALUE")
        })?;
        if properties.insert(name.trim().to_owned(), value.to_owned()).is_some() {
            return Err(Error::invalid(format!("the property {name} is given twice")));
        }
    }
    Ok(properties)
}

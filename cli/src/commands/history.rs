//! `lakebed table history`.

use lakebed_txlog::Result;
use lakebed_txlog::drive::history::Entry;
use serde_json::{Value, json};

use super::open;
use crate::args::HistoryArgs;
use crate::context::Context;
use crate::render::{Form, people, units};

pub(crate) async fn run(args: HistoryArgs, context: &Context) -> Result<()> {
    let table = open::table(&args.table, context).await?;
    let entries = table.history(args.limit).await?;
    match context.form {
        Form::Json => {
            for entry in &entries {
                context.print_json(&for_programs(entry))?;
            }
            Ok(())
        }
        Form::Csv => {
            context.print("version,timestamp,operation,filesAdded,filesRemoved")?;
            for entry in &entries {
                let operation = operation(entry).replace('"', "\"\"");
                let (version, time) = (entry.version, entry.timestamp);
                context.print(format!("{version},{time},\"{operation}\",{},{}", entry.num_added, entry.num_removed))?;
            }
            Ok(())
        }
        Form::People => {
            let mut drawn = people::table(["version", "committed", "operation", "files", "by"]);
            for entry in &entries {
                drawn.add_row([
                    entry.version.to_string(),
                    entry.timestamp.to_string(),
                    people::printable(&operation(entry)),
                    format!("+{} −{}", entry.num_added, entry.num_removed),
                    people::printable(entry.info.engine_info.as_deref().unwrap_or_default()),
                ]);
            }
            let told = units::counted(entries.len() as u64, "version");
            let more = match entries.last() {
                Some(oldest) if oldest.version.0 > 0 && entries.len() == args.limit => " (--limit shows more)",
                _ => "",
            };
            context.print(format!("{drawn}\n{told}{more}"))
        }
    }
}

fn operation(entry: &Entry) -> String {
    let name = entry.info.operation.clone().unwrap_or_else(|| "unknown".to_owned());
    match &entry.info.user_metadata {
        Some(remark) => format!("{name} ({remark})"),
        None => name,
    }
}

fn for_programs(entry: &Entry) -> Value {
    let mut value = serde_json::to_value(&entry.info).unwrap_or_else(|_| json!({}));
    if let Some(object) = value.as_object_mut() {
        object.insert("version".to_owned(), json!(entry.version));
        object.insert("timestamp".to_owned(), json!(entry.timestamp.0));
        object.insert("numFilesAdded".to_owned(), json!(entry.num_added));
        object.insert("numFilesRemoved".to_owned(), json!(entry.num_removed));
    }
    value
}

//! `lakebed table describe`.

use lakebed::Table;
use lakebed_txlog::action::Protocol;
use lakebed_txlog::protocol::{check_read, check_write};
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Error, Result};
use serde_json::{Value, json};

use super::open;
use crate::args::DescribeArgs;
use crate::context::Context;
use crate::render::{Form, people, units};

pub(crate) async fn run(args: DescribeArgs, context: &Context) -> Result<()> {
    let table = open::table(&args.table, context).await?;
    let snapshot = open::snapshot(&table, &args.at).await?;
    match context.form {
        Form::Json => context.print_json(&for_programs(&table, &snapshot)?),
        Form::People | Form::Csv => context.print(for_people(&table, &snapshot)),
    }
}

fn for_programs(table: &Table, snapshot: &Snapshot) -> Result<Value> {
    let metadata = snapshot.metadata();
    let parsed = |text: &str| {
        serde_json::from_str::<Value>(text).map_err(|error| {
            Error::corrupt("the table's schema isn't JSON").table(table.url().to_string()).because(error)
        })
    };
    let with_vectors = snapshot.files().iter().filter(|file| file.deletion_vector().is_some()).count();
    Ok(json!({
        "table": table.url().to_string(),
        "id": metadata.id,
        "name": metadata.name,
        "description": metadata.description,
        "version": snapshot.version(),
        "timestamp": snapshot.timestamp().map(|time| time.0),
        "createdTime": metadata.created_time,
        "numFiles": snapshot.num_files(),
        "sizeInBytes": snapshot.size_in_bytes(),
        "numDeletionVectors": with_vectors,
        "protocol": of_protocol(snapshot.protocol()),
        "schema": parsed(&metadata.schema_string)?,
        "partitionColumns": metadata.partition_columns,
        "properties": metadata.configuration,
        "readable": check_read(snapshot.protocol()).is_ok(),
        "writable": check_write(snapshot.protocol(), metadata).is_ok(),
    }))
}

fn of_protocol(protocol: &Protocol) -> Value {
    let mut value = json!({
        "minReaderVersion": protocol.min_reader_version,
        "minWriterVersion": protocol.min_writer_version,
    });
    for (name, features) in
        [("readerFeatures", &protocol.reader_features), ("writerFeatures", &protocol.writer_features)]
    {
        if let (Some(features), Some(object)) = (features, value.as_object_mut()) {
            object.insert(name.to_owned(), json!(features));
        }
    }
    value
}

fn for_people(table: &Table, snapshot: &Snapshot) -> String {
    let metadata = snapshot.metadata();
    let with_vectors = snapshot.files().iter().filter(|file| file.deletion_vector().is_some()).count();
    let mut facts = vec![("table", table.url().to_string()), ("id", metadata.id.clone())];
    facts.extend(metadata.name.clone().map(|name| ("name", name)));
    facts.extend(metadata.description.clone().map(|description| ("description", description)));
    facts.push(("version", snapshot.version().to_string()));
    facts.extend(snapshot.timestamp().map(|time| ("committed", time.to_string())));
    facts.extend(metadata.created_time.map(|time| ("created", units::moment(time))));
    facts.push(("files", files(snapshot, with_vectors)));
    facts.push((
        "partitioned by",
        if metadata.partition_columns.is_empty() {
            "nothing".to_owned()
        } else {
            metadata.partition_columns.join(", ")
        },
    ));
    let (readers, writers) = needs(snapshot.protocol());
    facts.push(("readers need", readers));
    facts.push(("writers need", writers));
    if let Err(error) = check_write(snapshot.protocol(), metadata) {
        facts.push(("this release", format!("can't write to it: {}", error.message())));
    }
    let mut columns = people::table(["column", "type", "null", "partition"]);
    for field in snapshot.schema().fields() {
        let partition = metadata.partition_columns.iter().position(|column| *column == field.name);
        columns.add_row([
            people::printable(&field.name),
            people::printable(&field.data_type.to_string()),
            if field.nullable { "yes" } else { "no" }.to_owned(),
            partition.map(|place| (place + 1).to_string()).unwrap_or_default(),
        ]);
    }
    let mut properties = people::table(["property", "value"]);
    for (name, value) in &metadata.configuration {
        properties.add_row([people::printable(name), people::printable(value)]);
    }
    let properties = if metadata.configuration.is_empty() { String::new() } else { format!("\n{properties}") };
    format!("{}\n{columns}{properties}", people::facts(facts))
}

fn files(snapshot: &Snapshot, with_vectors: usize) -> String {
    let size = u64::try_from(snapshot.size_in_bytes()).unwrap_or(0);
    let vectors = match with_vectors {
        0 => String::new(),
        some => format!(", {} with a deletion vector", units::count(some as u64)),
    };
    format!("{}, {}{vectors}", units::count(snapshot.num_files()), units::bytes(size))
}

/// What a protocol asks of readers and of writers.
fn needs(protocol: &Protocol) -> (String, String) {
    let named = |version: i32, features: &Option<Vec<String>>| match features {
        Some(features) if !features.is_empty() => format!("version {version}: {}", features.join(", ")),
        _ => format!("version {version}"),
    };
    (
        named(protocol.min_reader_version, &protocol.reader_features),
        named(protocol.min_writer_version, &protocol.writer_features),
    )
}

//! Do partition strings stand for the values that other engines see (S5, S8)?

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType as ArrowType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use lakebed_txlog::ErrorKind;
use lakebed_txlog::action::{Metadata, Protocol};
use lakebed_txlog::partition::{self, PartitionColumn};
use lakebed_txlog::protocol::column_mapping_mode;
use lakebed_txlog::schema::{DataType, PrimitiveType, StructType};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::corpus::{Case, cases};

/// `expected/snapshot.json`, as far as partitions need it.
struct Expected {
    schema: StructType,
    partition_columns: Vec<String>,
    protocol: Protocol,
    metadata: Metadata,
    files: Vec<Value>,
}

fn expected(case: &Case) -> Option<Expected> {
    let text = std::fs::read_to_string(case.table().parent()?.join("expected/snapshot.json")).ok()?;
    let mut snapshot: Value = serde_json::from_str(&text).unwrap();
    let metadata = snapshot["metadata"].take();
    Some(Expected {
        schema: StructType::from_json(&metadata["schema"].to_string()).unwrap(),
        partition_columns: serde_json::from_value(metadata["partitionColumns"].clone()).unwrap(),
        protocol: serde_json::from_value(snapshot["protocol"].take()).unwrap(),
        metadata: Metadata {
            configuration: serde_json::from_value(metadata["configuration"].clone()).unwrap(),
            ..Metadata::default()
        },
        files: snapshot["files"].as_array().cloned().unwrap_or_default(),
    })
}

/// The values of a column as texts, each once; `None` is `null`.
fn distinct(array: &ArrayRef) -> BTreeSet<Option<String>> {
    let options = FormatOptions::default();
    // Instants as microseconds: Arrow can't print the zone without its tables of zones.
    let array = match array.data_type() {
        ArrowType::Timestamp(..) => &cast(array, &ArrowType::Int64).unwrap(),
        _ => array,
    };
    let formatter = ArrayFormatter::try_new(array, &options).unwrap();
    (0..array.len()).map(|row| array.is_valid(row).then(|| formatter.value(row).to_string())).collect()
}

/// The values that the expected rows have in a column.
fn values_in_rows(rows: &Path, column: &PartitionColumn<'_>) -> BTreeSet<Option<String>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(rows).unwrap()).unwrap();
    let mask = ProjectionMask::columns(reader.parquet_schema(), [column.field.name.as_str()]);
    let target = column.field.data_type.to_arrow().unwrap();
    let batches = reader.with_projection(mask).build().unwrap();
    batches.flat_map(|batch| distinct(&cast(batch.unwrap().column(0), &target).unwrap())).collect()
}

#[test]
fn s8_partition_values_are_those_that_the_other_engines_read() {
    let mut compared = 0;
    for case in cases("s8").iter().filter(|case| case.about.expect == "rows") {
        let rows = case.table().parent().unwrap().join("expected/rows.parquet");
        let Some(table) = expected(case).filter(|table| !table.partition_columns.is_empty() && rows.is_file()) else {
            continue;
        };
        let mode = column_mapping_mode(&table.protocol, &table.metadata).unwrap();
        for column in partition::columns(&table.schema, &table.partition_columns, mode).unwrap() {
            let texts = table.files.iter().map(|file| file["partitionValues"][&column.physical_name].as_str());
            let values = distinct(&partition::to_array(&column.field.data_type, texts).unwrap());
            let in_rows = values_in_rows(&rows, &column);
            // A file whose rows are all deleted has a value that no row has.
            let stray: Vec<_> = in_rows.difference(&values).collect();
            assert!(stray.is_empty(), "{}: {} has {stray:?}, read were {values:?}", case.name, column.field.name);
            compared += 1;
        }
    }
    assert!(compared == 0 || compared > 100, "only {compared} partition columns");
}

#[test]
fn s8_what_we_write_for_a_value_reads_back_as_it() {
    for case in cases("s8") {
        let Some(table) = expected(&case) else { continue };
        let mode = column_mapping_mode(&table.protocol, &table.metadata).unwrap();
        for column in partition::columns(&table.schema, &table.partition_columns, mode).unwrap() {
            let texts: BTreeSet<_> =
                table.files.iter().map(|file| file["partitionValues"][&column.physical_name].as_str()).collect();
            let values = partition::to_array(&column.field.data_type, texts).unwrap();
            let written: Vec<_> = (0..values.len()).map(|row| partition::format(&values, row).unwrap()).collect();
            let again = partition::to_array(&column.field.data_type, written.iter().map(Option::as_deref)).unwrap();
            assert_eq!(&again, &values, "{}: {}", case.name, column.field.name);
        }
    }
}

#[test]
fn s5_an_empty_string_is_null_when_read_and_refused_when_written() {
    for data_type in [PrimitiveType::String, PrimitiveType::Binary, PrimitiveType::Long, PrimitiveType::Timestamp] {
        assert_eq!(partition::parse(data_type, "").unwrap(), None);
        assert!(partition::to_array(&DataType::from(data_type), [Some("")]).unwrap().is_null(0));
    }
    let refused = partition::format(&StringArray::from(vec![""]), 0).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidRequest);
}

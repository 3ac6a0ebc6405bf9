//! Under which schema are a table's rows read?

use std::sync::Arc;

use arrow::datatypes::{DataType as ArrowType, Field, FieldRef, Fields, Schema, SchemaRef};
use datafusion::datasource::table_schema::TableSchema;
use lakebed_txlog::Result;
use lakebed_txlog::schema::{ColumnMappingMode, StructField, StructType};
use lakebed_txlog::snapshot::Snapshot;
use parquet::arrow::RowNumber;

/// The columns of a table, as queries see them and as files hold them.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// The table's schema, logical names.
    pub(super) table: Arc<StructType>,
    /// How names and ids of columns stand in files.
    pub(super) mapping: ColumnMappingMode,
    /// The partition columns, in schema order, with their keys in `partitionValues`.
    pub(super) partitions: Vec<PartitionField>,
    /// What queries see: every column, in schema order.
    pub(super) schema: SchemaRef,
    /// Per column of `schema`, its place in the file source's schema.
    places: Vec<usize>,
}

/// A partition column.
#[derive(Clone, Debug)]
pub(super) struct PartitionField {
    pub(super) field: StructField,
    pub(super) physical_name: String,
}

/// Whether a scan gives each row's position in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Positions {
    Absent,
    /// As the last column, of this name.
    In(String),
}

impl Columns {
    pub(super) fn of(snapshot: &Snapshot) -> Result<Columns> {
        let table = Arc::clone(snapshot.schema());
        let arrow = table.to_arrow()?;
        let mapping = snapshot.column_mapping();
        let is_partition = |name: &str| snapshot.partition_columns().iter().any(|column| column == name);
        let mut partitions = Vec::new();
        for field in table.fields().iter().filter(|field| is_partition(&field.name)) {
            partitions.push(PartitionField { field: field.clone(), physical_name: field.physical_name(mapping)? });
        }
        let in_files = table.len() - partitions.len();
        let (mut next_file, mut next_partition) = (0, in_files);
        let place = |field: &StructField| {
            let next = if is_partition(&field.name) { &mut next_partition } else { &mut next_file };
            *next += 1;
            *next - 1
        };
        let places = table.fields().iter().map(place).collect();
        let fields = arrow.fields().iter().map(plain).collect::<Fields>();
        Ok(Columns { table, mapping, partitions, schema: Arc::new(Schema::new(fields)), places })
    }

    pub(super) fn is_partition(&self, name: &str) -> bool {
        self.partitions.iter().any(|partition| partition.field.name == name)
    }

    /// What queries see, with positions where they are asked for.
    pub(super) fn seen(&self, positions: &Positions) -> SchemaRef {
        match position_field(positions) {
            None => Arc::clone(&self.schema),
            Some(position) => {
                let fields = self.schema.fields().iter().cloned().chain([position]);
                Arc::new(Schema::new(fields.collect::<Fields>()))
            }
        }
    }

    /// The file source's schema: columns of files, then partition columns, then the position.
    pub(super) fn source(&self, positions: &Positions) -> TableSchema {
        let split = |partitions: bool| {
            let fields = self.schema.fields().iter().filter(|field| self.is_partition(field.name()) == partitions);
            fields.cloned().collect::<Fields>()
        };
        TableSchema::builder(Arc::new(Schema::new(split(false))))
            .with_table_partition_cols(split(true))
            .with_virtual_columns(position_field(positions).into_iter().collect::<Fields>())
            .build()
    }

    /// Where a column of [`seen`](Self::seen) stands in [`source`](Self::source).
    pub(super) fn place(&self, index: usize) -> usize {
        self.places.get(index).copied().unwrap_or(index)
    }

    /// A name for the position column that no column has.
    pub(super) fn position_name(&self) -> String {
        let mut name = "_row".to_owned();
        while self.schema.fields().iter().any(|field| field.name().eq_ignore_ascii_case(&name)) {
            name.insert(0, '_');
        }
        name
    }
}

fn position_field(positions: &Positions) -> Option<FieldRef> {
    match positions {
        Positions::Absent => None,
        Positions::In(name) => Some(Arc::new(Field::new(name, ArrowType::Int64, false).with_extension_type(RowNumber))),
    }
}

/// The field without metadata but for its extension type: ids, defaults and comments belong to the table, not to the
/// rows that a query gives.
fn plain(field: &FieldRef) -> FieldRef {
    let mut metadata = field.metadata().clone();
    metadata.retain(|key, _| key.starts_with("ARROW:extension:"));
    let bare = Field::new(field.name(), plain_type(field.data_type()), field.is_nullable());
    Arc::new(bare.with_metadata(metadata))
}

fn plain_type(data_type: &ArrowType) -> ArrowType {
    match data_type {
        ArrowType::Struct(fields) => ArrowType::Struct(fields.iter().map(plain).collect()),
        ArrowType::List(element) => ArrowType::List(plain(element)),
        ArrowType::Map(entries, sorted) => ArrowType::Map(plain(entries), *sorted),
        other => other.clone(),
    }
}

//! What the data files of a table look like.

use std::collections::HashMap;

use arrow::datatypes::{Schema, SchemaRef};
use lakebed_txlog::action::Metadata;
use lakebed_txlog::schema::{ColumnMappingMode, StructField, StructType};
use lakebed_txlog::stats::ColumnPath;
use lakebed_txlog::{Error, Result, partition, stats};

/// What the data files of a table look like: columns, partitions, statistics.
#[derive(Clone, Debug)]
pub struct TableLayout {
    schema: StructType,
    mode: ColumnMappingMode,
    partitions: Vec<Partition>,
    file_schema: SchemaRef,
    stats_columns: Vec<ColumnPath>,
}

/// A partition column.
#[derive(Clone, Debug)]
pub(crate) struct Partition {
    /// Its key in `partitionValues`, and in the folder's name.
    pub(crate) physical_name: String,
    /// The column, as the table's schema has it.
    pub(crate) field: StructField,
}

impl TableLayout {
    /// The layout that a table's metadata asks for. `mode` is the table's column mapping: the property, where the
    /// protocol supports the feature.
    ///
    /// # Errors
    ///
    /// `Corrupt` where the metadata contradicts itself; `Unsupported` for a type that this release doesn't know, and,
    /// naming the column, for an invariant, a generation expression, an identity, or Spark's `char(n)`: their values
    /// aren't checked here;
    /// `InvalidRequest` where every column is `void` or a partition column.
    pub fn new(metadata: &Metadata, mode: ColumnMappingMode) -> Result<TableLayout> {
        let schema = StructType::from_json(&metadata.schema_string)?;
        refuse_unenforced(&schema)?;
        let partitions: Vec<Partition> = partition::columns(&schema, &metadata.partition_columns, mode)?
            .into_iter()
            .map(|column| Partition { physical_name: column.physical_name, field: column.field.clone() })
            .collect();
        let is_partition = |field: &StructField| partitions.iter().any(|column| column.field.name == field.name);
        let stored = StructType::new(schema.fields().iter().filter(|field| !is_partition(field)).cloned());
        let file_schema = stored.to_parquet(mode)?;
        if file_schema.fields().is_empty() {
            return Err(Error::invalid("no column is left for the data files"));
        }
        let stats_columns = stats_columns(&stored, &file_schema, mode, &metadata.configuration)?;
        Ok(TableLayout { schema, mode, partitions, file_schema: file_schema.into(), stats_columns })
    }

    /// The table's schema.
    #[must_use]
    pub fn schema(&self) -> &StructType {
        &self.schema
    }

    /// How the columns of the files are named.
    #[must_use]
    pub fn mode(&self) -> ColumnMappingMode {
        self.mode
    }

    /// The schema of the files: physical names and field ids, no partition columns.
    #[must_use]
    pub fn file_schema(&self) -> &SchemaRef {
        &self.file_schema
    }

    /// The leaves of the file schema that get statistics.
    #[must_use]
    pub fn stats_columns(&self) -> &[ColumnPath] {
        &self.stats_columns
    }

    pub(crate) fn partitions(&self) -> &[Partition] {
        &self.partitions
    }
}

/// The most characters that a value of Spark's `varchar(n)` may have. Not of `char(n)`, whose values are padded, nor of
/// one inside another type.
pub(crate) fn varchar_length(field: &StructField) -> Option<usize> {
    let declared = field.metadata.char_varchar_type()?;
    declared.strip_prefix("varchar(")?.strip_suffix(')')?.trim().parse().ok()
}

/// Columns whose values a writer must check or make are refused by name, since neither is done here.
fn refuse_unenforced(schema: &StructType) -> Result<()> {
    let mut refused = Vec::new();
    schema.any_field(&mut |field| {
        let metadata = &field.metadata;
        if metadata.invariants().is_some() {
            refused.push(format!("column {} has an invariant", field.name));
        }
        if metadata.generation_expression().is_some() {
            refused.push(format!("column {} is generated", field.name));
        }
        if let Some(declared) = metadata.char_varchar_type().filter(|_| varchar_length(field).is_none()) {
            refused.push(format!("column {} is a {declared}", field.name));
        }
        if metadata.is_identity() {
            refused.push(format!("column {} is an identity column", field.name));
        }
        false
    });
    if refused.is_empty() {
        return Ok(());
    }
    Err(Error::unsupported(format!("writing isn't implemented here: {}", refused.join("; ")))
        .hint("write to this table with an engine that enforces these, or drop them"))
}

/// The chosen leaves by the names they have in files: the properties name them as people do.
fn stats_columns(
    stored: &StructType,
    file_schema: &Schema,
    mode: ColumnMappingMode,
    properties: &std::collections::BTreeMap<String, String>,
) -> Result<Vec<ColumnPath>> {
    let chosen = stats::indexed_columns(&stored.to_arrow()?, properties)?;
    let physical: HashMap<Vec<String>, Vec<String>> = stored
        .leaves(mode)?
        .into_iter()
        .map(|leaf| (leaf.path.names().to_vec(), leaf.physical_path.names().to_vec()))
        .collect();
    let physical = chosen.iter().filter_map(|path| physical.get(path.names()));
    // A void column is in no file and has no statistics.
    Ok(physical.filter(|path| is_in(file_schema, path)).map(ColumnPath::new).collect())
}

fn is_in(schema: &Schema, path: &[String]) -> bool {
    let mut fields = Some(schema.fields());
    path.iter().all(|name| {
        let found = fields.and_then(|fields| fields.find(name));
        fields = found.and_then(|(_, field)| match field.data_type() {
            arrow::datatypes::DataType::Struct(inner) => Some(inner),
            _ => None,
        });
        found.is_some()
    })
}

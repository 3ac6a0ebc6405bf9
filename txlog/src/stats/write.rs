//! What `add.stats` says about a file, gathered while the file is encoded.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::compute::nullif;
use arrow::datatypes::{DataType, Fields, Schema};

use super::bounds::Bounds;
use super::column::ColumnPath;
use crate::{Error, Result};

/// Gathers the statistics of one file from the batches that go into it.
///
/// | type | `minValues`, `maxValues` |
/// |---|---|
/// | byte, short, integer, long, decimal | exact |
/// | float, double | exact; zero as `-0.0` and `0.0`; none beside a NaN; an infinite bound is left out (S3) |
/// | string | 32 characters; a longer maximum ends in a character above what was cut off, or is left out (S2) |
/// | date | `"2024-02-29"`; left out beyond the years 1 to 9999 |
/// | timestamp, timestamp_ntz | `"2024-02-29T12:00:00.123Z"`, without `Z` for ntz; whole milliseconds, max rounded up (S1) |
/// | boolean, binary, array, map, variant, void | none |
///
/// `nullCount` is written for every chosen column. A field of a null struct is null.
///
/// Memory: some hundred bytes a column, whatever the file's size. Time: two vectorised passes over each chosen column.
#[derive(Debug)]
pub struct StatsCollector {
    root: Vec<(String, Node)>,
    leaves: Vec<Leaf>,
    num_records: usize,
}

/// The tree that `minValues`, `maxValues` and `nullCount` all have.
#[derive(Debug)]
enum Node {
    Leaf(usize),
    Struct(Vec<(String, Node)>),
}

#[derive(Debug)]
struct Leaf {
    path: ColumnPath,
    /// Where the column stands in the batch, and within each struct on the way.
    indices: Vec<usize>,
    null_count: usize,
    bounds: Bounds,
}

impl StatsCollector {
    /// Gathers statistics of `columns`, leaves of `schema`, which is that of the batches and so of the file: its names
    /// are the physical ones and become the keys. See [`super::indexed_columns`] for which columns those are.
    ///
    /// # Errors
    /// `InvalidRequest` when a path isn't in the schema, is named twice, or lies within another one.
    pub fn new(schema: &Schema, columns: &[ColumnPath]) -> Result<StatsCollector> {
        let mut collector = StatsCollector { root: Vec::new(), leaves: Vec::new(), num_records: 0 };
        for path in columns {
            let indices = resolve(schema.fields(), path)
                .ok_or_else(|| Error::invalid(format!("statistics were asked for {path}, which isn't a column")))?;
            insert(&mut collector.root, path.names(), collector.leaves.len())
                .ok_or_else(|| Error::invalid(format!("statistics were asked for {path} twice, or within it")))?;
            collector.leaves.push(Leaf { path: path.clone(), indices, null_count: 0, bounds: Bounds::Empty });
        }
        Ok(collector)
    }

    /// Takes in the next batch of the file. After an error the collector must not be used for the file.
    ///
    /// # Errors
    /// `InvalidRequest` when the batch doesn't have the columns of the schema, or their types change between batches.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        self.num_records += batch.num_rows();
        for leaf in &mut self.leaves {
            let array = column_of(batch, &leaf.indices)
                .ok_or_else(|| Error::invalid(format!("a batch of the file lacks the column {}", leaf.path)))?;
            leaf.null_count += array.logical_null_count();
            let known = std::mem::take(&mut leaf.bounds);
            leaf.bounds = match known {
                Bounds::Unbounded => known,
                _ => known
                    .and(Bounds::of(&array)?)
                    .map_err(|e| Error::invalid(format!("can't gather statistics of {}", leaf.path)).because(e))?,
            };
        }
        Ok(())
    }

    /// The rows taken in so far.
    #[must_use]
    pub fn num_records(&self) -> usize {
        self.num_records
    }

    /// The text of `add.stats`. Bounds are tight: every row of the file is live.
    #[must_use]
    pub fn finish(self) -> String {
        let (min, max): (Vec<_>, Vec<_>) = self.leaves.iter().map(|leaf| leaf.bounds.to_json()).unzip();
        let null_count: Vec<_> = self.leaves.iter().map(|leaf| Some(leaf.null_count.to_string())).collect();
        let object = |values: &[Option<String>]| render(&self.root, values).unwrap_or_else(|| "{}".to_owned());
        format!(
            r#"{{"numRecords":{},"minValues":{},"maxValues":{},"nullCount":{},"tightBounds":true}}"#,
            self.num_records,
            object(&min),
            object(&max),
            object(&null_count)
        )
    }
}

fn resolve(fields: &Fields, path: &ColumnPath) -> Option<Vec<usize>> {
    let mut fields = Some(fields);
    let mut indices = Vec::with_capacity(path.names().len());
    for name in path.names() {
        let (index, field) = fields?.find(name)?;
        indices.push(index);
        fields = match field.data_type() {
            DataType::Struct(children) => Some(children),
            _ => None,
        };
    }
    (!indices.is_empty()).then_some(indices)
}

/// Adds the leaf at `path`; `None` when a leaf stands there, above it or below it.
fn insert(nodes: &mut Vec<(String, Node)>, path: &[String], leaf: usize) -> Option<()> {
    let (name, rest) = path.split_first()?;
    let position = nodes.iter().position(|(known, _)| known == name);
    if rest.is_empty() {
        if position.is_some() {
            return None;
        }
        nodes.push((name.clone(), Node::Leaf(leaf)));
        return Some(());
    }
    let position = position.unwrap_or_else(|| {
        nodes.push((name.clone(), Node::Struct(Vec::new())));
        nodes.len() - 1
    });
    match nodes.get_mut(position) {
        Some((_, Node::Struct(children))) => insert(children, rest, leaf),
        _ => None,
    }
}

/// The column at `indices`, null where a struct on the way is.
fn column_of(batch: &RecordBatch, indices: &[usize]) -> Option<ArrayRef> {
    let (first, rest) = indices.split_first()?;
    let mut array = batch.columns().get(*first)?.clone();
    let mut valid: Option<NullBuffer> = None;
    for index in rest {
        let parent = array.as_struct_opt()?;
        valid = NullBuffer::union(valid.as_ref(), parent.nulls());
        array = parent.columns().get(*index)?.clone();
    }
    match valid {
        Some(valid) if valid.null_count() > 0 => nullif(&array, &BooleanArray::new(!valid.inner(), None)).ok(),
        _ => Some(array),
    }
}

/// The object of the leaves that have a value; `None` when none has.
fn render(nodes: &[(String, Node)], values: &[Option<String>]) -> Option<String> {
    let mut text = String::new();
    for (name, node) in nodes {
        let value = match node {
            Node::Leaf(leaf) => values.get(*leaf).cloned().flatten(),
            Node::Struct(children) => render(children, values),
        };
        if let (Some(value), Ok(key)) = (value, serde_json::to_string(name)) {
            text.push(if text.is_empty() { '{' } else { ',' });
            text.push_str(&key);
            text.push(':');
            text.push_str(&value);
        }
    }
    (!text.is_empty()).then(|| text + "}")
}

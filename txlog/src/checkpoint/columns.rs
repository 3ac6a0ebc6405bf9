//! What are the columns of these file actions in a checkpoint?

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, MapArray, RecordBatch, StringArray, StructArray, UInt32Array,
    new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::take;
use arrow::datatypes::{DataType, Fields, SchemaRef};

use super::schema::{Layout, deletion_vector_fields, map, map_entries, remove_fields};
use crate::error::{Error, Result};
use crate::files::{FileColumns, map_lookup};
use crate::partition;

/// Rows of one batch of a snapshot. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    columns: Arc<FileColumns>,
    rows: Rows,
}

/// Which rows of a batch.
#[derive(Clone, Debug)]
enum Rows {
    /// All of a range: they are sliced, not copied.
    Range(Range<usize>),
    /// Those at some positions.
    At(UInt32Array),
}

impl Piece {
    /// These rows, in ascending order.
    pub(super) fn new(columns: &Arc<FileColumns>, rows: &[u32]) -> Piece {
        let rows = match (rows.first(), rows.last()) {
            (Some(first), Some(last)) if (last - first) as usize + 1 == rows.len() => {
                Rows::Range(*first as usize..*last as usize + 1)
            }
            _ => Rows::At(UInt32Array::from(rows.to_vec())),
        };
        Piece { columns: Arc::clone(columns), rows }
    }

    pub(super) fn num_rows(&self) -> usize {
        match &self.rows {
            Rows::Range(range) => range.len(),
            Rows::At(rows) => rows.len(),
        }
    }

    /// The rows as a batch of a checkpoint in which `schema` has the columns, with values in the column `add`.
    pub(super) fn adds(&self, schema: &SchemaRef, layout: &Layout) -> Result<RecordBatch> {
        only(schema, "add", self.add_columns(layout)?)
    }

    /// The rows as a batch of a checkpoint in which `schema` has the columns, with values in the column `remove`.
    pub(super) fn removes(&self, schema: &SchemaRef) -> Result<RecordBatch> {
        only(schema, "remove", self.remove_columns()?)
    }

    fn add_columns(&self, layout: &Layout) -> Result<StructArray> {
        let columns = &*self.columns;
        let fields = layout.add_fields()?;
        let mut arrays = Vec::with_capacity(fields.len());
        for field in &fields {
            arrays.push(match field.name().as_str() {
                "dataChange" => Arc::new(BooleanArray::from(vec![false; self.num_rows()])) as ArrayRef,
                // Required of every `add`: of an unpartitioned table's, it is empty.
                "partitionValues" => match &columns.partition_values {
                    Some(values) => self.some(values)?,
                    None => empty_maps(self.num_rows())?,
                },
                "deletionVector" => self.deletion_vectors()?,
                "stats" => or_null(self.stats_text(layout)?, field.data_type(), self.num_rows()),
                "stats_parsed" => or_null(self.stats_parsed(layout)?, field.data_type(), self.num_rows()),
                "partitionValues_parsed" => self.partition_values_parsed(layout)?,
                name => self.of_both(name, field.data_type())?,
            });
        }
        structure(fields, arrays)
    }

    /// `stats`: as they came, or made of the struct where only that is known.
    fn stats_text(&self, layout: &Layout) -> Result<Option<ArrayRef>> {
        if let Some(texts) = self.stored_texts()? {
            return Ok(Some(texts));
        }
        let Some(parsed) = self.stored_struct()? else { return Ok(None) };
        let today = layout.statistics.from_parsed(&parsed)?;
        Ok(Some(Arc::new(layout.statistics.to_texts(&today)?)))
    }

    /// `stats_parsed`: as it came where it says all that the table's has, else made of the text.
    fn stats_parsed(&self, layout: &Layout) -> Result<Option<ArrayRef>> {
        let has_texts = self.columns.stats.has_texts();
        let covers =
            |stored: &StructArray| stored.null_count() == 0 && layout.statistics.is_covered_by(stored.fields());
        if let Some(stored) = self.stored_struct()?.filter(|stored| !has_texts || covers(stored)) {
            return Ok(Some(Arc::new(layout.statistics.from_parsed(&stored)?)));
        }
        let Some(texts) = self.stored_texts()? else { return Ok(None) };
        let texts = texts.as_string_opt::<i32>().ok_or_else(|| Error::bug("statistics aren't text"))?;
        Ok(Some(Arc::new(layout.statistics.from_texts(texts)?)))
    }

    fn stored_texts(&self) -> Result<Option<ArrayRef>> {
        let (range, within) = self.rows.within_a_range();
        let Some(texts) = self.columns.stats.texts_of(range)? else { return Ok(None) };
        within.map_or_else(|| Ok(Arc::new(texts.clone()) as ArrayRef), |rows| chosen(&texts, &rows)).map(Some)
    }

    fn stored_struct(&self) -> Result<Option<StructArray>> {
        let (range, within) = self.rows.within_a_range();
        let Some(parsed) = self.columns.stats.parsed_of(range, None)? else { return Ok(None) };
        match within {
            None => Ok(Some(parsed)),
            Some(rows) => Ok(chosen(&parsed, &rows)?.as_struct_opt().cloned()),
        }
    }

    fn partition_values_parsed(&self, layout: &Layout) -> Result<ArrayRef> {
        let values = self.columns.partition_values.as_ref().map(|values| self.some(values)).transpose()?;
        let values = values.as_ref().and_then(|values| values.as_map_opt());
        let parsed = layout.partition_values.iter().map(|(name, data_type)| {
            let text = |row| values.and_then(|values| map_lookup(values, row, name));
            partition::to_array(data_type, (0..self.num_rows()).map(text))
        });
        let arrays = parsed.collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(structure(layout.partition_fields()?, arrays)?))
    }

    fn remove_columns(&self) -> Result<StructArray> {
        let columns = &*self.columns;
        let fields = remove_fields();
        let mut arrays = Vec::with_capacity(fields.len());
        for field in &fields {
            arrays.push(match field.name().as_str() {
                "deletionTimestamp" => self.maybe(columns.deletion_timestamp.as_ref(), field.data_type())?,
                "dataChange" => self.maybe(columns.data_change.as_ref(), field.data_type())?,
                "extendedFileMetadata" => self.extended()?,
                "partitionValues" => self.maybe(columns.partition_values.as_ref(), field.data_type())?,
                "deletionVector" => self.deletion_vectors()?,
                name => self.of_both(name, field.data_type())?,
            });
        }
        structure(fields, arrays)
    }

    /// A column that needs nothing special.
    fn of_both(&self, name: &str, to: &DataType) -> Result<ArrayRef> {
        let columns = &*self.columns;
        match name {
            "path" => self.some(&columns.path),
            "size" => self.some(&columns.size),
            "modificationTime" => self.maybe(columns.modification_time.as_ref(), to),
            "tags" => self.maybe(columns.tags.as_ref(), to),
            "baseRowId" => self.maybe(columns.base_row_id.as_ref(), to),
            "defaultRowCommitVersion" => self.maybe(columns.default_row_commit_version.as_ref(), to),
            "clusteringProvider" => self.maybe(columns.clustering_provider.as_ref(), to),
            _ => Err(Error::bug(format!("nothing is known of the checkpoint's column {name}"))),
        }
    }

    fn some(&self, array: &dyn Array) -> Result<ArrayRef> {
        match &self.rows {
            Rows::Range(range) => Ok(array.slice(range.start, range.len())),
            Rows::At(rows) => chosen(array, rows),
        }
    }

    fn maybe<A: Array>(&self, array: Option<&A>, to: &DataType) -> Result<ArrayRef> {
        let array = array.map(|array| self.some(array)).transpose()?;
        Ok(or_null(array, to, self.num_rows()))
    }

    /// `extendedFileMetadata`: whether size and partition values are there.
    fn extended(&self) -> Result<ArrayRef> {
        let sized = arrow::compute::is_not_null(&self.some(&self.columns.size)?).map_err(unencodable)?;
        let placed = match &self.columns.partition_values {
            Some(values) => arrow::compute::is_not_null(&self.some(values)?).map_err(unencodable)?,
            None => BooleanArray::from(vec![false; self.num_rows()]),
        };
        Ok(Arc::new(arrow::compute::and(&sized, &placed).map_err(unencodable)?))
    }

    fn deletion_vectors(&self) -> Result<ArrayRef> {
        let fields = deletion_vector_fields();
        let Some(vectors) = &self.columns.deletion_vector else {
            return Ok(new_null_array(&DataType::Struct(fields), self.num_rows()));
        };
        let (arrays, nulls): (_, Option<NullBuffer>) = vectors.arrays();
        self.some(&StructArray::try_new(fields, arrays, nulls).map_err(unencodable)?)
    }
}

impl Rows {
    /// A range that holds the rows, and where in it they are unless it holds nothing else.
    fn within_a_range(&self) -> (Range<usize>, Option<UInt32Array>) {
        match self {
            Rows::Range(range) => (range.clone(), None),
            Rows::At(rows) => match (rows.values().first(), rows.values().last()) {
                (Some(first), Some(last)) => (*first as usize..*last as usize + 1, Some(rows.unary(|row| row - first))),
                _ => (0..0, None),
            },
        }
    }
}

fn chosen(array: &dyn Array, rows: &UInt32Array) -> Result<ArrayRef> {
    take(array, rows, None).map_err(unencodable)
}

fn or_null(array: Option<ArrayRef>, to: &DataType, len: usize) -> ArrayRef {
    array.unwrap_or_else(|| new_null_array(to, len))
}

/// Bytes of the texts of a batch that are long: paths and statistics.
pub(super) fn text_bytes(columns: &FileColumns) -> usize {
    columns.path.value_data().len() + columns.stats.text_bytes()
}

/// A batch whose rows have a value in one column only.
fn only(schema: &SchemaRef, action: &str, rows: StructArray) -> Result<RecordBatch> {
    let num_rows = rows.len();
    let rows: ArrayRef = Arc::new(rows);
    let of = |name: &str, to: &DataType| if name == action { Arc::clone(&rows) } else { new_null_array(to, num_rows) };
    let columns = schema.fields().iter().map(|field| of(field.name(), field.data_type())).collect();
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(unencodable)
}

fn empty_maps(len: usize) -> Result<ArrayRef> {
    let no_text = || Arc::new(StringArray::from(Vec::<Option<&str>>::new())) as ArrayRef;
    let entries = StructArray::try_new(map_entries(), vec![no_text(), no_text()], None).map_err(unencodable)?;
    let DataType::Map(field, _) = map("partitionValues").data_type().clone() else {
        return Err(Error::bug("a map column isn't a map"));
    };
    let maps = MapArray::try_new(field, OffsetBuffer::new_zeroed(len), entries, None, false).map_err(unencodable)?;
    Ok(Arc::new(maps))
}

fn structure(fields: Fields, arrays: Vec<ArrayRef>) -> Result<StructArray> {
    StructArray::try_new(fields, arrays, None).map_err(unencodable)
}

pub(super) fn unencodable(e: arrow::error::ArrowError) -> Error {
    Error::bug("file actions don't fit the checkpoint's columns").because(e)
}

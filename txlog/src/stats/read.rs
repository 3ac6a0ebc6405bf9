//! What the statistics of *n* files say, as columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, BooleanBuilder, Int64Array, Int64Builder, StringArray, StructArray, new_null_array,
};

use super::column::{ColumnPath, StatsColumn};
use super::scan::{Kind, Values, Wanted};
use super::typed;
use super::value::{self, BoundBuilder, Side};

pub(super) const NUM_RECORDS: &str = "numRecords";
pub(super) const TIGHT_BOUNDS: &str = "tightBounds";

/// Statistics of `n` files as columns of `n` values. Null is unknown, wherever it stands.
///
/// Cheap to clone. A caller that keeps columns read at different times puts them together by their public fields.
#[derive(Clone, Debug)]
pub struct ParsedStats {
    /// Physical rows of each file, those under its deletion vector included.
    pub num_records: Int64Array,
    /// What the statistics say of their bounds; null where they don't. The protocol reads that as tight, but some
    /// writers (Trino) say nothing when they add a deletion vector: null on a file with a vector is loose (S6).
    pub tight_bounds: BooleanArray,
    /// The columns asked for, in that order.
    pub columns: Vec<ColumnStats>,
}

/// Statistics of one column in `n` files.
///
/// `min` and `max` are *outer bounds* of the values in the file that aren't null, in the column's type today: rounded
/// outwards where the writer may have cut the value off (strings, timestamps in milliseconds, decimals through a
/// double, floats before a widening). They answer "may this file hold …", never "what is the smallest value" (S6).
/// In floats, `-0.0` is `0.0`, and never NaN.
#[derive(Clone, Debug)]
pub struct ColumnStats {
    /// The name that the column was asked for by.
    pub path: ColumnPath,
    /// At most every value.
    pub min: ArrayRef,
    /// At least every value.
    pub max: ArrayRef,
    /// How many physical rows are null. Once rows are deleted only 0 and the file's `num_records` say something.
    pub null_count: Int64Array,
}

impl ParsedStats {
    /// Files of which nothing is known.
    #[must_use]
    pub fn unknown(num_files: usize, columns: &[StatsColumn]) -> ParsedStats {
        ParsedStats {
            num_records: Int64Array::new_null(num_files),
            tight_bounds: BooleanArray::new_null(num_files),
            columns: columns.iter().map(|column| ColumnStats::unknown(num_files, column)).collect(),
        }
    }

    /// Reads `add.stats` of each file. Only what `columns` asks for is decoded. Whatever is absent, malformed, said
    /// twice, of another type or out of the type's range is null; this never fails.
    ///
    /// Cost: one pass over the text, no allocation per file but for strings with escapes.
    #[must_use]
    pub fn from_json(stats: &StringArray, columns: &[StatsColumn]) -> ParsedStats {
        ParsedStats::from_texts(stats.iter(), columns)
    }

    /// [`ParsedStats::from_json`] of any sequence of texts.
    pub fn from_texts<'a>(
        texts: impl ExactSizeIterator<Item = Option<&'a str>>,
        columns: &[StatsColumn],
    ) -> ParsedStats {
        let num_files = texts.len();
        let wanted = Wanted::new(columns.iter().map(|column| &column.stored));
        let mut values = Values::new(columns.len());
        let mut num_records = Int64Builder::with_capacity(num_files);
        let mut tight_bounds = BooleanBuilder::with_capacity(num_files);
        let mut building: Vec<_> = columns.iter().map(|column| ColumnBuilder::new(num_files, column)).collect();
        for text in texts {
            let text = text.unwrap_or_default();
            values.locate(text, &wanted);
            num_records.append_option(values.num_records(text).and_then(value::count));
            tight_bounds.append_option(values.tight_bounds(text).and_then(value::boolean));
            for (at, column) in building.iter_mut().enumerate() {
                column.min.push(values.column(text, at, Kind::Min));
                column.max.push(values.column(text, at, Kind::Max));
                column.null_count.append_option(values.column(text, at, Kind::NullCount).and_then(value::count));
            }
        }
        ParsedStats {
            num_records: num_records.finish(),
            tight_bounds: tight_bounds.finish(),
            columns: columns.iter().zip(building).map(|(column, built)| built.finish(column)).collect(),
        }
    }

    /// Reads the `stats_parsed` column of a checkpoint: a struct of `numRecords`, `tightBounds`, `minValues`,
    /// `maxValues`, `nullCount`, each where the writer had it, in the types the columns had when it was written.
    /// Vectorised; what can't be brought into today's type without loss is null.
    #[must_use]
    pub fn from_parsed(stats: &StructArray, columns: &[StatsColumn]) -> ParsedStats {
        typed::read(stats, columns)
    }

    /// How many files these are statistics of.
    #[must_use]
    pub fn num_files(&self) -> usize {
        arrow::array::Array::len(&self.num_records)
    }

    /// The statistics of the column asked for as `path`, if it was.
    #[must_use]
    pub fn column(&self, path: &ColumnPath) -> Option<&ColumnStats> {
        self.columns.iter().find(|column| column.path == *path)
    }
}

impl ColumnStats {
    /// A column of which nothing is known.
    #[must_use]
    pub fn unknown(num_files: usize, column: &StatsColumn) -> ColumnStats {
        let bounds = new_null_array(&column.data_type, num_files);
        ColumnStats {
            path: column.path.clone(),
            min: Arc::clone(&bounds),
            max: bounds,
            null_count: Int64Array::new_null(num_files),
        }
    }
}

#[derive(Debug)]
struct ColumnBuilder {
    min: Box<dyn BoundBuilder>,
    max: Box<dyn BoundBuilder>,
    null_count: Int64Builder,
}

impl ColumnBuilder {
    fn new(num_files: usize, column: &StatsColumn) -> ColumnBuilder {
        ColumnBuilder {
            min: value::builder(column, Side::Min, num_files),
            max: value::builder(column, Side::Max, num_files),
            null_count: Int64Builder::with_capacity(num_files),
        }
    }

    fn finish(mut self, column: &StatsColumn) -> ColumnStats {
        ColumnStats {
            path: column.path.clone(),
            min: self.min.finish(),
            max: self.max.finish(),
            null_count: self.null_count.finish(),
        }
    }
}

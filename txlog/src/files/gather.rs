//! How do several batches become one, and how much memory does one hold?

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, MapArray, StringArray, new_null_array};
use arrow::compute::concat;
use arrow::datatypes::DataType;

use super::columns::{DeletionVectorColumns, FileColumns};
use super::stats::{FileStats, StatsSource};
use crate::error::{Error, Result};

impl FileColumns {
    /// The rows of `parts`, one batch after the other.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) where statistics that stand in a damaged checkpoint can't be read;
    /// [`Bug`](crate::ErrorKind::Bug) where columns don't go together.
    pub fn concatenated(parts: &[&FileColumns]) -> Result<FileColumns> {
        let parts = Parts(parts);
        let stats: Vec<_> = parts.0.iter().map(|part| (&part.stats, part.len())).collect();
        Ok(FileColumns {
            path: required(parts.column(|part| Some(&part.path))?)?,
            partition_values: parts.column::<MapArray>(|part| part.partition_values.as_ref())?,
            size: required::<Int64Array>(parts.column(|part| Some(&part.size))?)?,
            modification_time: parts.column(|part| part.modification_time.as_ref())?,
            stats: FileStats::concatenated(&stats)?,
            tags: parts.column(|part| part.tags.as_ref())?,
            deletion_vector: parts.deletion_vector()?,
            base_row_id: parts.column(|part| part.base_row_id.as_ref())?,
            default_row_commit_version: parts.column(|part| part.default_row_commit_version.as_ref())?,
            clustering_provider: parts.column(|part| part.clustering_provider.as_ref())?,
            deletion_timestamp: parts.column(|part| part.deletion_timestamp.as_ref())?,
            data_change: parts.column(|part| part.data_change.as_ref())?,
        })
    }

    /// The rows in parts of at most `rows`.
    ///
    /// # Errors
    /// As [`FileStats::texts`].
    pub(super) fn in_parts(self, rows: usize) -> Result<Vec<FileColumns>> {
        if self.len() <= rows {
            return Ok(if self.is_empty() { Vec::new() } else { vec![self] });
        }
        (0..self.len()).step_by(rows).map(|from| self.slice(from, rows.min(self.len() - from))).collect()
    }

    fn slice(&self, from: usize, len: usize) -> Result<FileColumns> {
        let long = |column: &Option<Int64Array>| column.as_ref().map(|column| column.slice(from, len));
        Ok(FileColumns {
            path: self.path.slice(from, len),
            partition_values: self.partition_values.as_ref().map(|column| column.slice(from, len)),
            size: self.size.slice(from, len),
            modification_time: long(&self.modification_time),
            stats: self.stats.slice(from, len)?,
            tags: self.tags.as_ref().map(|column| column.slice(from, len)),
            deletion_vector: self.deletion_vector.as_ref().map(|vector| vector.slice(from, len)),
            base_row_id: long(&self.base_row_id),
            default_row_commit_version: long(&self.default_row_commit_version),
            clustering_provider: self.clustering_provider.as_ref().map(|column| column.slice(from, len)),
            deletion_timestamp: long(&self.deletion_timestamp),
            data_change: self.data_change.as_ref().map(|column| column.slice(from, len)),
        })
    }

    /// Gives back memory that was reserved for rows that didn't come.
    pub fn shrink(&mut self) {
        self.path.shrink_to_fit();
        self.size.shrink_to_fit();
        self.partition_values.iter_mut().for_each(Array::shrink_to_fit);
        self.modification_time.iter_mut().for_each(Array::shrink_to_fit);
        self.tags.iter_mut().for_each(Array::shrink_to_fit);
        self.base_row_id.iter_mut().for_each(Array::shrink_to_fit);
        self.default_row_commit_version.iter_mut().for_each(Array::shrink_to_fit);
        self.deletion_timestamp.iter_mut().for_each(Array::shrink_to_fit);
        if let Some(vector) = &mut self.deletion_vector {
            vector.storage_type.shrink_to_fit();
            vector.path_or_inline_dv.shrink_to_fit();
            vector.offset.shrink_to_fit();
            vector.size_in_bytes.shrink_to_fit();
            vector.cardinality.shrink_to_fit();
        }
    }

    /// Bytes of memory that the columns hold, but for the sources of their statistics: those are given to `source`.
    pub fn memory_size(&self, source: &mut dyn FnMut(&Arc<dyn StatsSource>)) -> usize {
        let mut bytes = size_of::<FileColumns>() + self.stats.memory_size(source);
        self.each_column(&mut |column| bytes += column.get_buffer_memory_size());
        bytes
    }

    fn each_column(&self, see: &mut dyn FnMut(&dyn Array)) {
        let optional = |column: Option<&dyn Array>, see: &mut dyn FnMut(&dyn Array)| {
            if let Some(column) = column {
                see(column);
            }
        };
        see(&self.path);
        see(&self.size);
        optional(self.partition_values.as_ref().map(|c| c as &dyn Array), see);
        optional(self.modification_time.as_ref().map(|c| c as &dyn Array), see);
        optional(self.tags.as_ref().map(|c| c as &dyn Array), see);
        optional(self.base_row_id.as_ref().map(|c| c as &dyn Array), see);
        optional(self.default_row_commit_version.as_ref().map(|c| c as &dyn Array), see);
        optional(self.clustering_provider.as_ref().map(|c| c as &dyn Array), see);
        optional(self.deletion_timestamp.as_ref().map(|c| c as &dyn Array), see);
        optional(self.data_change.as_ref().map(|c| c as &dyn Array), see);
        if let Some(vector) = &self.deletion_vector {
            let columns: [&dyn Array; 5] = [
                &vector.storage_type,
                &vector.path_or_inline_dv,
                &vector.offset,
                &vector.size_in_bytes,
                &vector.cardinality,
            ];
            columns.into_iter().for_each(see);
        }
    }
}

impl DeletionVectorColumns {
    fn slice(&self, from: usize, len: usize) -> DeletionVectorColumns {
        DeletionVectorColumns {
            storage_type: self.storage_type.slice(from, len),
            path_or_inline_dv: self.path_or_inline_dv.slice(from, len),
            offset: self.offset.slice(from, len),
            size_in_bytes: self.size_in_bytes.slice(from, len),
            cardinality: self.cardinality.slice(from, len),
        }
    }
}

struct Parts<'a>(&'a [&'a FileColumns]);

impl Parts<'_> {
    /// One column of all parts, NULL where a part hasn't got it; `None` where none has.
    fn column<A: Array + Clone + 'static>(&self, of: impl Fn(&FileColumns) -> Option<&A>) -> Result<Option<A>> {
        let Some(data_type) = self.0.iter().find_map(|part| of(part)).map(|column| column.data_type().clone()) else {
            return Ok(None);
        };
        let columns: Vec<ArrayRef> = self
            .0
            .iter()
            .map(|part| match of(part) {
                Some(column) => Arc::new(column.clone()),
                None => new_null_array(&data_type, part.len()),
            })
            .collect();
        joined(&columns).map(Some)
    }

    fn deletion_vector(&self) -> Result<Option<DeletionVectorColumns>> {
        let field = |of: fn(&DeletionVectorColumns) -> &dyn Array, data_type: &DataType| {
            let columns = self.0.iter().map(|part| match &part.deletion_vector {
                Some(vector) => of(vector).slice(0, part.len()),
                None => new_null_array(data_type, part.len()),
            });
            columns.collect::<Vec<ArrayRef>>()
        };
        if self.0.iter().all(|part| part.deletion_vector.is_none()) {
            return Ok(None);
        }
        Ok(Some(DeletionVectorColumns {
            storage_type: joined::<StringArray>(&field(|dv| &dv.storage_type, &DataType::Utf8))?,
            path_or_inline_dv: joined(&field(|dv| &dv.path_or_inline_dv, &DataType::Utf8))?,
            offset: joined(&field(|dv| &dv.offset, &DataType::Int32))?,
            size_in_bytes: joined(&field(|dv| &dv.size_in_bytes, &DataType::Int32))?,
            cardinality: joined(&field(|dv| &dv.cardinality, &DataType::Int64))?,
        }))
    }
}

fn joined<A: Array + Clone + 'static>(columns: &[ArrayRef]) -> Result<A> {
    let columns: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
    let apart = || Error::bug("columns of file actions can't be put together");
    let all = concat(&columns).map_err(|e| apart().because(e))?;
    all.as_any().downcast_ref::<A>().cloned().ok_or_else(apart)
}

fn required<A>(column: Option<A>) -> Result<A> {
    column.ok_or_else(|| Error::bug("a batch of files lacks a column"))
}

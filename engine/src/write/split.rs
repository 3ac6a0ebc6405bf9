//! Which rows belong to which partition.

use std::collections::HashMap;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::row::{RowConverter, SortField};
use lakebed_txlog::{Error, Result, partition};

use super::conform::Conformed;
use super::layout::TableLayout;

/// A value for each partition column, as `partitionValues` has it.
pub(crate) type Values = Vec<Option<String>>;

/// Splits batches by the values of the partition columns.
#[derive(Debug)]
pub(crate) struct Split {
    names: Vec<String>,
    /// Compares rows by value; `None` where the table has no partitions.
    converter: Option<RowConverter>,
}

impl Split {
    pub(crate) fn new(layout: &TableLayout) -> Result<Split> {
        let names: Vec<_> = layout.partitions().iter().map(|column| column.field.name.clone()).collect();
        if names.is_empty() {
            return Ok(Split { names, converter: None });
        }
        let fields = layout.partitions().iter().map(|column| Ok(SortField::new(column.field.data_type.to_arrow()?)));
        let converter = RowConverter::new(fields.collect::<Result<_>>()?)
            .map_err(|error| Error::unsupported("rows can't be told apart by the partition columns").because(error))?;
        Ok(Split { names, converter: Some(converter) })
    }

    /// The rows of each partition, in their order; partitions in the order of their first rows. Rows are copied unless
    /// all belong to one partition, so that a part doesn't keep the whole batch in memory.
    ///
    /// # Errors
    ///
    /// `InvalidRequest`, naming the column, for a value that the log can't hold (pitfall S5).
    pub(crate) fn apply(&self, batch: Conformed) -> Result<Vec<(Values, RecordBatch)>> {
        let Some(converter) = &self.converter else { return Ok(vec![(Values::new(), batch.stored)]) };
        if batch.stored.num_rows() == 0 {
            return Ok(Vec::new());
        }
        let rows = converter
            .convert_columns(&batch.partitions)
            .map_err(|error| Error::bug("the partition columns aren't of the announced types").because(error))?;
        let mut groups: Vec<Vec<u32>> = Vec::new();
        let mut of_row: HashMap<&[u8], usize> = HashMap::new();
        let mut last: Option<(&[u8], usize)> = None;
        for (index, row) in (0u32..).zip(rows.iter()) {
            let bytes = row.data();
            // Sorted data repeats: one comparison instead of a hash.
            let group = match last {
                Some((known, group)) if known == bytes => group,
                _ => *of_row.entry(bytes).or_insert_with(|| {
                    groups.push(Vec::new());
                    groups.len() - 1
                }),
            };
            last = Some((bytes, group));
            if let Some(group) = groups.get_mut(group) {
                group.push(index);
            }
        }
        let is_whole = groups.len() == 1;
        groups
            .into_iter()
            .map(|group| {
                let first = group.first().map_or(0, |first| *first as usize);
                let values = self.values(&batch.partitions, first)?;
                let rows = if is_whole { batch.stored.clone() } else { taken(&batch.stored, group)? };
                Ok((values, rows))
            })
            .collect()
    }

    fn values(&self, columns: &[ArrayRef], row: usize) -> Result<Values> {
        let format = |(name, column): (&String, &ArrayRef)| {
            partition::format(column, row).map_err(|error| {
                let named = Error::new(error.kind(), format!("partition column {name}: {}", error.message()));
                named.hint(error.what_to_do().unwrap_or("partition by another column").to_owned()).because(error)
            })
        };
        self.names.iter().zip(columns).map(format).collect()
    }
}

fn taken(batch: &RecordBatch, rows: Vec<u32>) -> Result<RecordBatch> {
    take_record_batch(batch, &UInt32Array::from(rows))
        .map_err(|error| Error::bug("the rows of a partition can't be taken").because(error))
}

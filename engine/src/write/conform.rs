//! Given batches as the table's: its columns, in its order, under the names and types of its files.
//!
//! | given | becomes |
//! |---|---|
//! | the column in another representation, or a narrower type | the table's type, exactly |
//! | the column under a name that differs in case | the table's column |
//! | no such column, or one of Arrow's type `Null` | nulls |
//! | null where the table's column can't be | an error with the number of rows |
//! | anything else that differs | an error with every difference, before any batch is looked at |
//!
//! The same holds for the fields of structs, at every depth.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, RecordBatch, StructArray, UInt64Array, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{concat, concat_batches, take};
use arrow::datatypes::{ArrowNativeType, DataType as ArrowType, FieldRef, Fields, Schema, SchemaRef};
use lakebed_txlog::schema::{ColumnMappingMode, ColumnPath, DataType, StructType, check_writable};
use lakebed_txlog::{Error, Result};

use super::exact;
use super::layout::{TableLayout, varchar_length};

/// Turns batches of one schema into the table's.
#[derive(Debug)]
pub(crate) struct Conform {
    partitions: Vec<Column>,
    stored: Vec<Column>,
    given_columns: usize,
    file_schema: SchemaRef,
    rows_seen: u64,
}

/// A batch in the table's types.
#[derive(Debug)]
pub(crate) struct Conformed {
    /// The partition columns, in the order of the layout.
    pub(crate) partitions: Vec<ArrayRef>,
    /// What the files hold.
    pub(crate) stored: RecordBatch,
}

impl Conformed {
    /// All batches as one, in their order; `None` where there are none. A single batch is not copied.
    pub(crate) fn concat(mut batches: Vec<Conformed>) -> Result<Option<Conformed>> {
        if batches.len() < 2 {
            return Ok(batches.pop());
        }
        let Some(first) = batches.first() else { return Ok(None) };
        let bug = |error: arrow::error::ArrowError| Error::bug("batches of one schema don't join").because(error);
        let partitions = (0..first.partitions.len()).map(|index| {
            let parts: Vec<&dyn Array> =
                batches.iter().filter_map(|batch| batch.partitions.get(index)).map(AsRef::as_ref).collect();
            concat(&parts).map_err(bug)
        });
        let partitions = partitions.collect::<Result<_>>()?;
        let stored = concat_batches(first.stored.schema_ref(), batches.iter().map(|batch| &batch.stored));
        Ok(Some(Conformed { partitions, stored: stored.map_err(bug)? }))
    }

    /// The bytes of the rows.
    pub(crate) fn bytes(&self) -> usize {
        batch_bytes(&self.stored) + self.partitions.iter().map(array_bytes).sum::<usize>()
    }
}

/// How one column is made from a given one.
#[derive(Debug)]
struct Column {
    path: ColumnPath,
    /// Where it stands in the given batch or struct.
    given: Option<usize>,
    target: FieldRef,
    shape: Shape,
    /// The most characters that a value may have: the column is a `varchar(n)`.
    max_chars: Option<usize>,
}

#[derive(Debug)]
enum Shape {
    Flat,
    Struct(Vec<Column>),
    List(Box<Column>),
    Map(Box<Column>, Box<Column>),
}

impl Conform {
    /// The way from batches of `given` schema to files of `layout`.
    ///
    /// # Errors
    ///
    /// `InvalidRequest` that lists every difference which prevents it.
    pub(crate) fn new(layout: &TableLayout, given: &Schema) -> Result<Conform> {
        let given_columns = given.fields().len();
        let given = StructType::from_arrow(given)?;
        check_writable(layout.schema(), &given)?;
        let partitions = layout.partitions().iter().map(|column| {
            let field = &column.field;
            let target = Arc::new(field.to_arrow()?);
            let given = given.resolve(&field.name)?.map(|(index, _)| index);
            let max_chars = varchar_length(field);
            Ok(Column { path: ColumnPath::new([&field.name]), given, target, shape: Shape::Flat, max_chars })
        });
        let partitions = partitions.collect::<Result<Vec<_>>>()?;
        let file_schema = Arc::clone(layout.file_schema());
        let planner = Planner { mode: layout.mode() };
        let stored = planner.columns(layout.schema(), &given, file_schema.fields(), &ColumnPath::default())?;
        Ok(Conform { partitions, stored, given_columns, file_schema, rows_seen: 0 })
    }

    /// The batch in the table's types. Arrays that have them already are shared, not copied.
    ///
    /// # Errors
    ///
    /// `InvalidRequest`, naming the column: nulls where the table has none, a value that doesn't survive, a batch that
    /// doesn't have the schema which was announced.
    pub(crate) fn apply(&mut self, batch: &RecordBatch) -> Result<Conformed> {
        if batch.num_columns() != self.given_columns {
            let (given, announced) = (batch.num_columns(), self.given_columns);
            return Err(Error::invalid(format!("a batch has {given} columns where {announced} were announced")));
        }
        let mut refused = Vec::new();
        let mut make = |columns: &[Column]| {
            let made = columns.iter().map(|column| column.make(batch.columns(), batch.num_rows(), None));
            made.filter_map(|made| made.map_err(|error| refused.push(error)).ok()).collect::<Vec<ArrayRef>>()
        };
        let (partitions, stored) = (make(&self.partitions), make(&self.stored));
        if let Some(error) = all_of(refused) {
            return Err(error.hint(format!("the batch starts at row {} of the data given", self.rows_seen)));
        }
        self.rows_seen += batch.num_rows() as u64;
        let stored = RecordBatch::try_new(Arc::clone(&self.file_schema), stored)
            .map_err(|error| Error::bug("a conformed batch isn't of the files' schema").because(error))?;
        Ok(Conformed { partitions, stored })
    }
}

/// One error that says what all of them do.
fn all_of(mut errors: Vec<Error>) -> Option<Error> {
    match errors.len() {
        0 | 1 => errors.pop(),
        _ => {
            let messages: Vec<_> = errors.iter().map(Error::message).collect();
            Some(Error::invalid(messages.join("; ")).because(errors.swap_remove(0)))
        }
    }
}

struct Planner {
    mode: ColumnMappingMode,
}

impl Planner {
    /// The columns of `targets`: fields of `table` under their physical names, without `void` and partition columns.
    fn columns(
        &self,
        table: &StructType,
        given: &StructType,
        targets: &Fields,
        path: &ColumnPath,
    ) -> Result<Vec<Column>> {
        let mut columns = Vec::with_capacity(targets.len());
        for field in table.fields() {
            let Some((_, target)) = targets.find(&field.physical_name(self.mode)?) else { continue };
            let path = path.child(&field.name);
            let found = given.resolve(&field.name)?;
            let given_type = found.map(|(_, given)| &given.data_type);
            let shape = self.shape(&field.data_type, given_type, target, &path)?;
            let (given, target) = (found.map(|(index, _)| index), Arc::clone(target));
            columns.push(Column { path, given, target, shape, max_chars: varchar_length(field) });
        }
        if columns.len() == targets.len() {
            return Ok(columns);
        }
        Err(Error::bug("a column of the files isn't in the table's schema"))
    }

    fn shape(&self, table: &DataType, given: Option<&DataType>, target: &FieldRef, path: &ColumnPath) -> Result<Shape> {
        let inside = |name: &str, table: &DataType, given: &DataType, target: &FieldRef| {
            let path = path.child(name);
            let shape = self.shape(table, Some(given), target, &path)?;
            let target = Arc::clone(target);
            Ok::<_, Error>(Box::new(Column { path, given: Some(0), target, shape, max_chars: None }))
        };
        Ok(match (table, given, target.data_type()) {
            (DataType::Struct(table), Some(DataType::Struct(given)), ArrowType::Struct(targets)) => {
                Shape::Struct(self.columns(table, given, targets, path)?)
            }
            (DataType::Array(table), Some(DataType::Array(given)), ArrowType::List(target)) => {
                Shape::List(inside("element", &table.element_type, &given.element_type, target)?)
            }
            (DataType::Map(table), Some(DataType::Map(given)), ArrowType::Map(entries, _)) => {
                let (key, value) = key_and_value(entries)?;
                Shape::Map(
                    inside("key", &table.key_type, &given.key_type, key)?,
                    inside("value", &table.value_type, &given.value_type, value)?,
                )
            }
            // Without a given column, or with one of nulls, there is nothing to go into.
            _ => Shape::Flat,
        })
    }
}

fn key_and_value(entries: &FieldRef) -> Result<(&FieldRef, &FieldRef)> {
    match entries.data_type() {
        ArrowType::Struct(fields) => match fields.as_ref() {
            [key, value] => Ok((key, value)),
            _ => Err(Error::bug("the entries of a map aren't a key and a value")),
        },
        _ => Err(Error::bug("the entries of a map aren't a struct")),
    }
}

impl Column {
    /// The column of `rows` rows. `outer` says which rows of the struct around it are there at all.
    fn make(&self, given: &[ArrayRef], rows: usize, outer: Option<&NullBuffer>) -> Result<ArrayRef> {
        let made = match self.given {
            None => new_null_array(self.target.data_type(), rows),
            Some(index) => {
                let array = given.get(index).ok_or_else(|| Error::bug("a given column has gone").path(self.name()))?;
                self.convert(array, outer).map_err(|error| self.named(error))?
            }
        };
        if !self.target.is_nullable() {
            self.refuse_nulls(&made, outer)?;
        }
        if let Some(max_chars) = self.max_chars {
            self.refuse_longer(&made, max_chars)?;
        }
        Ok(made)
    }

    fn convert(&self, array: &ArrayRef, outer: Option<&NullBuffer>) -> Result<ArrayRef> {
        let target = self.target.data_type();
        if array.data_type() == &ArrowType::Null {
            return Ok(new_null_array(target, array.len()));
        }
        let array = &exact::unencoded(array)?;
        match &self.shape {
            Shape::Flat => exact::in_type(array, target),
            Shape::Struct(columns) => self.convert_struct(array, columns, outer),
            Shape::List(element) => self.convert_list(array, element, outer),
            Shape::Map(key, value) => self.convert_map(array, key, value, outer),
        }
    }

    fn convert_struct(&self, array: &ArrayRef, columns: &[Column], outer: Option<&NullBuffer>) -> Result<ArrayRef> {
        let (ArrowType::Struct(fields), Some(given)) = (self.target.data_type(), array.as_struct_opt()) else {
            return Err(self.not_as_announced(array));
        };
        let valid = NullBuffer::union(given.nulls(), outer);
        let children = columns.iter().map(|column| column.make(given.columns(), given.len(), valid.as_ref()));
        let children = children.collect::<Result<Vec<_>>>()?;
        let made = StructArray::try_new_with_length(fields.clone(), children, valid, given.len());
        Ok(Arc::new(made.map_err(|error| self.misshapen(error))?))
    }

    fn convert_list(&self, array: &ArrayRef, element: &Column, outer: Option<&NullBuffer>) -> Result<ArrayRef> {
        let list = exact::as_list(array)?;
        let list = list.as_list_opt::<i32>().ok_or_else(|| self.not_as_announced(array))?;
        let valid = NullBuffer::union(list.nulls(), outer);
        let (offsets, values) = only_referenced(list.offsets(), list.values(), valid.as_ref())?;
        let rows = values.len();
        let values = element.make(&[values], rows, None)?;
        let made = ListArray::try_new(Arc::clone(&element.target), offsets, values, valid);
        Ok(Arc::new(made.map_err(|error| self.misshapen(error))?))
    }

    fn convert_map(
        &self,
        array: &ArrayRef,
        key: &Column,
        value: &Column,
        outer: Option<&NullBuffer>,
    ) -> Result<ArrayRef> {
        let (ArrowType::Map(entries, sorted), Some(map)) = (self.target.data_type(), array.as_map_opt()) else {
            return Err(self.not_as_announced(array));
        };
        let valid = NullBuffer::union(map.nulls(), outer);
        let given: ArrayRef = Arc::new(map.entries().clone());
        let (offsets, given) = only_referenced(map.offsets(), &given, valid.as_ref())?;
        let given = given.as_struct_opt().ok_or_else(|| self.not_as_announced(array))?;
        let part = |index: usize, column: &Column| {
            let array = given.columns().get(index).cloned().ok_or_else(|| self.not_as_announced(array))?;
            column.make(&[array], given.len(), None)
        };
        let (keys, values) = (part(0, key)?, part(1, value)?);
        let ArrowType::Struct(fields) = entries.data_type() else { return Err(self.not_as_announced(array)) };
        let made = StructArray::try_new(fields.clone(), vec![keys, values], None)
            .and_then(|made| MapArray::try_new(Arc::clone(entries), offsets, made, valid, *sorted));
        Ok(Arc::new(made.map_err(|error| self.misshapen(error))?))
    }

    fn refuse_nulls(&self, made: &ArrayRef, outer: Option<&NullBuffer>) -> Result<()> {
        // A void inside the type has no buffer of nulls: logical nulls know it.
        let Some(nulls) = made.logical_nulls() else { return Ok(()) };
        let masked = match outer {
            Some(outer) => nulls.iter().zip(outer.iter()).filter(|(valid, outer)| !valid && *outer).count(),
            None => nulls.null_count(),
        };
        if masked == 0 {
            return Ok(());
        }
        let are = if masked == 1 { "is" } else { "are" };
        Err(Error::invalid(format!(
            "column {} can't be null, and {masked} of the {} values {are} null",
            self.path,
            made.len()
        )))
    }

    fn refuse_longer(&self, made: &ArrayRef, max_chars: usize) -> Result<()> {
        let Some(values) = made.as_string_opt::<i32>() else { return Ok(()) };
        // A character is at least one byte.
        let is_longer = |value: &str| value.len() > max_chars && value.chars().count() > max_chars;
        match values.iter().flatten().find(|value| is_longer(value)) {
            None => Ok(()),
            Some(value) => Err(Error::invalid(format!(
                "column {} is a varchar({max_chars}), and a value has {} characters",
                self.path,
                value.chars().count()
            ))),
        }
    }

    fn name(&self) -> String {
        self.path.to_string()
    }

    /// The error with the column's name in front, unless a column inside has put its own there.
    fn named(&self, error: Error) -> Error {
        if error.message().starts_with("column ") {
            return error;
        }
        let named = Error::new(error.kind(), format!("column {}: {}", self.path, error.message()));
        let named = match error.what_to_do() {
            Some(hint) => named.hint(hint),
            None => named,
        };
        named.because(error)
    }

    fn not_as_announced(&self, array: &ArrayRef) -> Error {
        Error::invalid(format!("a batch has {} where the announced schema has another type", array.data_type()))
    }

    fn misshapen(&self, error: arrow::error::ArrowError) -> Error {
        Error::invalid("the nested values don't fit together").because(error)
    }
}

/// Offsets from zero, and the values that they reach: what a slice or a null leaves unreached may be anything, nulls
/// included.
fn only_referenced(
    offsets: &OffsetBuffer<i32>,
    values: &ArrayRef,
    valid: Option<&NullBuffer>,
) -> Result<(OffsetBuffer<i32>, ArrayRef)> {
    let is_reached = |row: usize| valid.is_none_or(|valid| valid.is_valid(row));
    let lengths: Vec<usize> =
        offsets.lengths().enumerate().map(|(row, length)| if is_reached(row) { length } else { 0 }).collect();
    let first = offsets.first().map_or(0, |first| first.as_usize());
    let end = offsets.last().map_or(first, |last| last.as_usize());
    let reached: usize = lengths.iter().sum();
    if reached == end - first {
        return Ok((OffsetBuffer::from_lengths(lengths), values.slice(first, reached)));
    }
    let mut indices = Vec::with_capacity(reached);
    for (start, length) in offsets.iter().zip(&lengths) {
        let start = start.as_usize() as u64;
        indices.extend(start..start + *length as u64);
    }
    let values = take(values, &UInt64Array::from(indices), None)
        .map_err(|error| Error::bug("the values of a list can't be taken").because(error))?;
    Ok((OffsetBuffer::from_lengths(lengths), values))
}

/// The bytes of the rows that a batch shows, whatever larger buffers stand behind them.
pub(crate) fn batch_bytes(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(array_bytes).sum()
}

fn array_bytes(array: &ArrayRef) -> usize {
    array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size())
}

//! What are the statistics as the struct that a checkpoint holds, and back as text?
//!
//! `stats_parsed` has `numRecords`, `tightBounds`, and `minValues`, `maxValues`, `nullCount` with a field for each
//! column, nested as the columns are, under physical names (protocol section "Checkpoints"). Its bounds are what the
//! text says, unlike those that pruning reads: a value is rounded, outwards, only where the type can't hold it, and null
//! where it isn't one of the type.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBuilder, Int64Array, Int64Builder, StringArray, StringBuilder,
    StructArray, new_null_array,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields, TimeUnit, TimestampMicrosecondType};

use super::bounds::{write_integer, write_max_of_row, write_min_of_row};
use super::column::StatsColumn;
use super::read::{NUM_RECORDS, TIGHT_BOUNDS};
use super::scan::{Kind, Values, Wanted};
use super::typed::{cast_or_null, counts, descend};
use super::value::{self, BoundBuilder, Rounding, Side};
use crate::error::{Error, Result};

const KINDS: [(&str, Kind); 3] = [("minValues", Kind::Min), ("maxValues", Kind::Max), ("nullCount", Kind::NullCount)];

/// The fields of a table's `stats_parsed`.
#[derive(Clone, Debug, PartialEq)]
pub struct StatsStruct {
    columns: Vec<StatsColumn>,
    /// For each of [`KINDS`].
    trees: [Vec<Node>; 3],
    fields: Fields,
}

#[derive(Clone, Debug, PartialEq)]
struct Node {
    name: String,
    /// The name as JSON has it before a value: in quotes, and with a colon.
    key: String,
    below: Below,
}

#[derive(Clone, Debug, PartialEq)]
enum Below {
    /// A column, by its place in the list.
    Leaf(usize),
    Struct(Vec<Node>),
}

impl Node {
    fn new(name: &str, below: Below) -> Node {
        Node { name: name.to_owned(), key: format!("{}:", serde_json::Value::from(name)), below }
    }
}

/// Arrays of a kind, a column each.
type Columns = Vec<ArrayRef>;

impl StatsStruct {
    /// That of these columns: none is named twice, and none lies within another. Bounds have those whose type has an
    /// order; all have a null count.
    #[must_use]
    pub fn new(columns: Vec<StatsColumn>) -> StatsStruct {
        let tree = |kind: Kind| {
            let mut nodes = Vec::new();
            for (at, column) in columns.iter().enumerate() {
                if kind == Kind::NullCount || has_bounds(&column.data_type) {
                    insert(&mut nodes, column.stored.names(), at);
                }
            }
            nodes
        };
        let trees = KINDS.map(|(_, kind)| tree(kind));
        let mut fields =
            vec![Field::new(NUM_RECORDS, DataType::Int64, true), Field::new(TIGHT_BOUNDS, DataType::Boolean, true)];
        for ((name, kind), nodes) in KINDS.iter().zip(&trees).filter(|(_, nodes)| !nodes.is_empty()) {
            let of = |at: usize| match kind {
                Kind::NullCount => DataType::Int64,
                Kind::Min | Kind::Max => columns[at].data_type.clone(),
            };
            fields.push(Field::new(*name, DataType::Struct(fields_of(nodes, &of)), true));
        }
        StatsStruct { trees, fields: fields.into(), columns }
    }

    /// The fields.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Whether a struct of this type says all that this one can say.
    #[must_use]
    pub fn is_covered_by(&self, found: &Fields) -> bool {
        covers(found, &self.fields)
    }

    /// The struct of statistics as JSON text, null where there is no text. One pass over the text.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) when the columns don't fit the fields.
    pub fn from_texts(&self, texts: &StringArray) -> Result<StructArray> {
        let num_files = texts.len();
        let wanted = Wanted::new(self.columns.iter().map(|column| &column.stored));
        let mut values = Values::new(self.columns.len());
        let mut num_records = Int64Builder::with_capacity(num_files);
        let mut tight_bounds = BooleanBuilder::with_capacity(num_files);
        let build = |side| {
            let new = |column| value::rounding_builder(column, side, Rounding::AsWritten, num_files);
            self.columns.iter().map(new).collect::<Vec<Box<dyn BoundBuilder>>>()
        };
        let (mut min, mut max) = (build(Side::Min), build(Side::Max));
        let mut null_count: Vec<_> = self.columns.iter().map(|_| Int64Builder::with_capacity(num_files)).collect();
        for text in texts {
            let text = text.unwrap_or_default();
            values.locate(text, &wanted);
            num_records.append_option(values.num_records(text).and_then(value::count));
            tight_bounds.append_option(values.tight_bounds(text).and_then(value::boolean));
            for at in 0..self.columns.len() {
                min[at].push(values.column(text, at, Kind::Min));
                max[at].push(values.column(text, at, Kind::Max));
                null_count[at].append_option(values.column(text, at, Kind::NullCount).and_then(value::count));
            }
        }
        let finish = |mut built: Vec<Box<dyn BoundBuilder>>| built.iter_mut().map(|b| b.finish()).collect::<Columns>();
        let null_count = null_count.iter_mut().map(|b| Arc::new(b.finish()) as ArrayRef).collect();
        let columns = [finish(min), finish(max), null_count];
        self.assemble(num_records.finish(), tight_bounds.finish(), &columns, texts.nulls().cloned())
    }

    /// The same of statistics that are a struct already, in the types of when it was written.
    ///
    /// # Errors
    /// As [`from_texts`](Self::from_texts).
    pub fn from_parsed(&self, parsed: &StructArray) -> Result<StructArray> {
        let num_files = parsed.len();
        let found = |kind: &str, column: &StatsColumn| {
            let names = std::iter::once(kind).chain(column.stored.names().iter().map(String::as_str));
            descend(parsed, &names.collect::<Vec<_>>())
        };
        let bounds = |kind: &str| {
            let bound = |column: &StatsColumn| found(kind, column).and_then(|array| today(&array, column));
            let or_null =
                |column: &StatsColumn| bound(column).unwrap_or_else(|| new_null_array(&column.data_type, num_files));
            self.columns.iter().map(or_null).collect::<Columns>()
        };
        let null_count = |column: &StatsColumn| Arc::new(counts(found("nullCount", column), num_files)) as ArrayRef;
        let columns =
            [bounds("minValues"), bounds("maxValues"), self.columns.iter().map(null_count).collect::<Columns>()];
        let tight_bounds = descend(parsed, &[TIGHT_BOUNDS]).and_then(|array| array.as_boolean_opt().cloned());
        self.assemble(
            counts(descend(parsed, &[NUM_RECORDS]), num_files),
            tight_bounds.unwrap_or_else(|| BooleanArray::new_null(num_files)),
            &columns,
            parsed.nulls().cloned(),
        )
    }

    /// The JSON text of a struct of these [`fields`](Self::fields): as [`StatsCollector`](super::StatsCollector) writes
    /// it, so with times of whole milliseconds and without what JSON can't say. For tables whose checkpoint has only
    /// the struct; some microseconds a file.
    ///
    /// # Errors
    /// As [`Bounds::of`](super::bounds::Bounds): for a type that has none.
    pub fn to_texts(&self, parsed: &StructArray) -> Result<StringArray> {
        let num_records = descend(parsed, &[NUM_RECORDS]);
        let tight_bounds = descend(parsed, &[TIGHT_BOUNDS]);
        let tight_bounds = tight_bounds.as_ref().and_then(|array| array.as_boolean_opt());
        let below = KINDS.map(|(name, _)| parsed.column_by_name(name).and_then(|array| array.as_struct_opt()));
        let mut texts = StringBuilder::with_capacity(parsed.len(), parsed.len() * 64);
        let mut text = String::new();
        for row in 0..parsed.len() {
            if parsed.is_null(row) {
                texts.append_null();
                continue;
            }
            text.clear();
            text.push('{');
            if let Some(count) = num_records.as_ref().and_then(|array| integer(array, row)) {
                next(&mut text, NUM_RECORDS);
                write_integer(count, &mut text);
            }
            for (((name, kind), nodes), below) in KINDS.iter().zip(&self.trees).zip(&below) {
                next(&mut text, name);
                let written = match below {
                    Some(below) => write_object(nodes, below, row, *kind, &mut text)?,
                    None => false,
                };
                if !written {
                    text.push_str("{}");
                }
            }
            if let Some(tight) = tight_bounds.filter(|tight| tight.is_valid(row)) {
                next(&mut text, TIGHT_BOUNDS);
                text.push_str(if tight.value(row) { "true" } else { "false" });
            }
            text.push('}');
            texts.append_value(&text);
        }
        Ok(texts.finish())
    }

    fn assemble(
        &self,
        num_records: Int64Array,
        tight_bounds: BooleanArray,
        columns: &[Columns; 3],
        nulls: Option<NullBuffer>,
    ) -> Result<StructArray> {
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(num_records), Arc::new(tight_bounds)];
        let kinds = self.trees.iter().zip(columns).filter(|(nodes, _)| !nodes.is_empty());
        for ((nodes, columns), field) in kinds.zip(self.fields.iter().skip(2)) {
            arrays.push(structure(nodes, field, columns)?);
        }
        StructArray::try_new(self.fields.clone(), arrays, nulls).map_err(misfit)
    }
}

fn has_bounds(data_type: &DataType) -> bool {
    use DataType::{Boolean, Date32, Decimal128, Timestamp, Utf8};
    let simple = matches!(data_type, Boolean | Date32 | Decimal128(..) | Timestamp(..) | Utf8);
    simple || data_type.is_signed_integer() || matches!(data_type, DataType::Float32 | DataType::Float64)
}

fn insert(nodes: &mut Vec<Node>, path: &[String], column: usize) {
    let Some((name, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        nodes.push(Node::new(name, Below::Leaf(column)));
        return;
    }
    let known = nodes.iter().position(|known| known.name == *name);
    let at = known.unwrap_or_else(|| {
        nodes.push(Node::new(name, Below::Struct(Vec::new())));
        nodes.len() - 1
    });
    if let Some(Node { below: Below::Struct(children), .. }) = nodes.get_mut(at) {
        insert(children, rest, column);
    }
}

fn fields_of(nodes: &[Node], of: &impl Fn(usize) -> DataType) -> Fields {
    let field = |node: &Node| match &node.below {
        Below::Leaf(column) => Field::new(&node.name, of(*column), true),
        Below::Struct(children) => Field::new(&node.name, DataType::Struct(fields_of(children, of)), true),
    };
    nodes.iter().map(field).collect()
}

fn structure(nodes: &[Node], field: &Field, columns: &Columns) -> Result<ArrayRef> {
    let DataType::Struct(fields) = field.data_type() else { return Err(Error::bug("a struct's field isn't one")) };
    let arrays = nodes.iter().zip(fields).map(|(node, field)| match &node.below {
        Below::Leaf(column) => Ok(Arc::clone(&columns[*column])),
        Below::Struct(children) => structure(children, field, columns),
    });
    let arrays = arrays.collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(StructArray::try_new(fields.clone(), arrays, None).map_err(misfit)?))
}

fn misfit(e: arrow::error::ArrowError) -> Error {
    Error::bug("statistics don't fit their columns").because(e)
}

fn covers(found: &Fields, wanted: &Fields) -> bool {
    wanted.iter().all(|wanted| match (found.find(wanted.name()), wanted.data_type()) {
        (Some((_, found)), DataType::Struct(below)) => match found.data_type() {
            DataType::Struct(found) => covers(found, below),
            _ => false,
        },
        // A writer that never says whether bounds are tight says nothing by it.
        (found, _) => found.is_some() || wanted.name() == TIGHT_BOUNDS,
    })
}

/// The values in today's type where it holds them all; `None` where the types don't go together.
fn today(array: &ArrayRef, column: &StatsColumn) -> Option<ArrayRef> {
    use DataType::{Date32, Decimal128, Float32, Float64, Timestamp};
    let (from, to) = (array.data_type(), &column.data_type);
    if from == to {
        return Some(Arc::clone(array));
    }
    match (from, to) {
        (from, to) if from.is_signed_integer() && to.is_signed_integer() => cast_or_null(array, to),
        (DataType::Int8 | DataType::Int16 | DataType::Int32 | Float32, Float64) => cast_or_null(array, to),
        (from, Decimal128(..)) if from.is_signed_integer() => cast_or_null(array, to),
        (Decimal128(_, written), Decimal128(_, today)) if written <= today => cast_or_null(array, to),
        (Date32, Timestamp(_, None)) => cast_or_null(array, to),
        (from, to) if from.is_string() && to.is_string() => cast_or_null(array, to),
        // INT96 is an instant, and comes out of the Parquet reader as nanoseconds without a zone.
        (Timestamp(unit, zone), Timestamp(TimeUnit::Microsecond, today))
            if zone.is_some() == today.is_some() || *unit == TimeUnit::Nanosecond =>
        {
            let micros = cast_or_null(array, &Timestamp(TimeUnit::Microsecond, zone.clone()))?;
            let micros = micros.as_primitive_opt::<TimestampMicrosecondType>()?.clone();
            Some(Arc::new(micros.with_timezone_opt(today.clone())))
        }
        _ => None,
    }
}

fn integer(array: &ArrayRef, row: usize) -> Option<i64> {
    let array = array.as_primitive_opt::<arrow::datatypes::Int64Type>()?;
    array.is_valid(row).then(|| array.value(row))
}

/// Begins the next field of the outermost object, whose names need no escapes.
fn next(text: &mut String, name: &str) {
    if text.len() > 1 {
        text.push(',');
    }
    text.push('"');
    text.push_str(name);
    text.push_str("\":");
}

/// Writes the object of the columns that have a value in `row`; whether any has. Where none has, nothing is written.
fn write_object(nodes: &[Node], parent: &StructArray, row: usize, kind: Kind, text: &mut String) -> Result<bool> {
    if parent.is_null(row) {
        return Ok(false);
    }
    let start = text.len();
    for (node, array) in nodes.iter().zip(parent.columns()) {
        let before = text.len();
        text.push(if before == start { '{' } else { ',' });
        text.push_str(&node.key);
        let written = match (&node.below, array.as_struct_opt()) {
            (Below::Struct(children), Some(below)) => write_object(children, below, row, kind, text)?,
            (Below::Struct(_), None) => false,
            (Below::Leaf(_), _) => write_leaf(array, row, kind, text)?,
        };
        if !written {
            text.truncate(before);
        }
    }
    let any = text.len() > start;
    if any {
        text.push('}');
    }
    Ok(any)
}

/// Writes the value of a column in `row`; whether there is one.
fn write_leaf(array: &ArrayRef, row: usize, kind: Kind, text: &mut String) -> Result<bool> {
    if array.is_null(row) {
        return Ok(false);
    }
    if let Some(booleans) = array.as_boolean_opt() {
        text.push_str(if booleans.value(row) { "true" } else { "false" });
        return Ok(true);
    }
    match kind {
        Kind::NullCount => Ok(integer(array, row).is_some_and(|count| {
            write_integer(count, text);
            true
        })),
        Kind::Min => write_min_of_row(array, row, text),
        Kind::Max => write_max_of_row(array, row, text),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Date32Array, Decimal128Array, Float64Array, Int8Array, Int32Array, TimestampMicrosecondArray};

    use super::super::bounds::Bounds;
    use super::*;
    use crate::schema::ColumnPath;

    fn column(path: &[&str], data_type: DataType) -> StatsColumn {
        StatsColumn::new(ColumnPath::new(path.iter().copied()), data_type)
    }

    fn instants() -> DataType {
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
    }

    fn statistics() -> StatsStruct {
        StatsStruct::new(vec![
            column(&["b"], DataType::Int8),
            column(&["s", "d"], DataType::Date32),
            column(&["s", "t", "at"], instants()),
            column(&["n"], DataType::Decimal128(20, 2)),
            column(&["text"], DataType::Utf8),
            column(&["f"], DataType::Float64),
            column(&["flag"], DataType::Boolean),
            column(&["blob"], DataType::Binary),
        ])
    }

    fn found(parsed: &StructArray, names: &[&str]) -> ArrayRef {
        descend(parsed, names).unwrap_or_else(|| panic!("{names:?}"))
    }

    #[test]
    fn values_are_as_they_are_written_and_null_where_they_are_none() {
        let long = "x".repeat(40);
        let first = format!(
            r#"{{"numRecords":3,"tightBounds":false,"minValues":{{"b":-1,"s":{{"d":"1500-01-01","t":{{"at":"2024-01-01T00:00:00.123Z"}}}},
            "n":12345678901234567.89,"text":"{long}","f":-0.5,"flag":false}},"maxValues":{{"b":1,"s":{{"t":{{"at":"2024-01-01T00:00:00.123Z"}}}},
            "text":"{long}","f":"NaN"}},"nullCount":{{"b":0,"s":{{"d":2}},"blob":3}}}}"#
        );
        let second = r#"{"minValues":{"b":300,"s":{"d":7},"n":"x","text":1},"nullCount":{"b":-1}}"#;
        let texts = StringArray::from(vec![Some(first.as_str()), Some(second), Some("no JSON"), None]);
        let parsed = statistics().from_texts(&texts).unwrap();
        assert_eq!((parsed.is_valid(2), parsed.is_valid(3)), (true, false));
        let check = |names: &[&str], expected: &dyn Array| {
            assert_eq!(found(&parsed, names).slice(0, 3).as_ref(), expected, "{names:?}");
        };
        check(&["numRecords"], &Int64Array::from(vec![Some(3), None, None]));
        check(&["tightBounds"], &BooleanArray::from(vec![Some(false), None, None]));
        check(&["minValues", "b"], &Int8Array::from(vec![Some(-1), None, None]));
        check(&["minValues", "s", "d"], &Date32Array::from(vec![Some(-171_664), None, None]));
        let at = TimestampMicrosecondArray::from(vec![Some(1_704_067_200_123_000), None, None]).with_timezone("UTC");
        check(&["maxValues", "s", "t", "at"], &at);
        let decimal = Decimal128Array::from(vec![Some(1_234_567_890_123_456_789), None, None]);
        check(&["minValues", "n"], &decimal.with_precision_and_scale(20, 2).unwrap());
        check(&["maxValues", "text"], &StringArray::from(vec![Some(long.as_str()), None, None]));
        check(&["maxValues", "f"], &Float64Array::new_null(3));
        check(&["minValues", "flag"], &BooleanArray::from(vec![Some(false), None, None]));
        check(&["nullCount", "blob"], &Int64Array::from(vec![Some(3), None, None]));
        assert!(descend(&parsed, &["minValues", "blob"]).is_none(), "bytes have no bounds");
    }

    #[test]
    fn text_of_a_struct_gives_the_struct_again() {
        let text = r#"{"numRecords":3,"minValues":{"b":-1,"s":{"d":"2024-02-29","t":{"at":"2024-01-01T00:00:00.123Z"}},"n":1.25,"text":"é\"","f":1.5,"flag":true},"maxValues":{},"nullCount":{"blob":3},"tightBounds":true}"#;
        let statistics = statistics();
        let parsed = statistics.from_texts(&StringArray::from(vec![Some(text), None, Some("{}")])).unwrap();
        let again = statistics.to_texts(&parsed).unwrap();
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(json(again.value(0)), json(text));
        assert!(again.is_null(1));
        assert_eq!(statistics.from_texts(&again).unwrap(), parsed);
        assert_eq!(statistics.from_parsed(&parsed).unwrap(), parsed);
        assert!(statistics.is_covered_by(statistics.fields()));
    }

    fn of_row(
        write: fn(&dyn Array, usize, &mut String) -> Result<bool>,
        array: &ArrayRef,
        row: usize,
    ) -> Option<String> {
        let mut text = String::from("before");
        write(array, row, &mut text).unwrap().then(|| text.split_off(6)).or_else(|| {
            assert_eq!(text, "before");
            None
        })
    }

    #[test]
    fn bounds_of_a_row_are_those_of_its_array_alone() {
        let micros =
            vec![0, 1, -1, 999, 1_704_067_200_123_456, -62_135_596_800_000_000, 253_402_300_799_999_999, i64::MAX];
        let days = [0, -1, 19_782, -719_162, -719_163, 2_932_896, 2_932_897, i32::MIN];
        let long = ["x".repeat(40), "é".repeat(33), char::MAX.to_string().repeat(70)];
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(Int8Array::from(vec![i8::MIN, 0, i8::MAX])),
            Arc::new(Int32Array::from(vec![i32::MIN, 0, i32::MAX])),
            Arc::new(Int64Array::from(vec![i64::MIN, 0, i64::MAX])),
            Arc::new(Float64Array::from(vec![
                0.0,
                -0.0,
                0.1,
                -1e300,
                f64::NAN,
                -f64::NAN,
                f64::INFINITY,
                f64::NEG_INFINITY,
            ])),
            Arc::new(Date32Array::from(days.to_vec())),
            Arc::new(TimestampMicrosecondArray::from(micros.clone()).with_timezone("UTC")),
            Arc::new(TimestampMicrosecondArray::from(micros)),
            Arc::new(StringArray::from_iter_values(["", "\"\\\n"].into_iter().chain(long.iter().map(String::as_str)))),
            Arc::new(
                Decimal128Array::from(vec![1, -125, 12_345_678_901_234_567]).with_precision_and_scale(20, 2).unwrap(),
            ),
        ];
        let mut some = 0;
        for array in &arrays {
            for row in 0..array.len() {
                let alone = Bounds::of(&array.slice(row, 1)).unwrap().to_json();
                let of_row = (of_row(write_min_of_row, array, row), of_row(write_max_of_row, array, row));
                assert_eq!(of_row, alone, "row {row} of {}", array.data_type());
                some += usize::from(alone.0.is_some());
            }
        }
        assert!(some > 30, "{some} bounds");
    }

    #[test]
    fn a_struct_of_before_comes_into_todays_types() {
        let before = StatsStruct::new(vec![column(&["a"], DataType::Int32), column(&["gone"], DataType::Utf8)]);
        let text = r#"{"minValues":{"a":7,"gone":"x"},"maxValues":{"a":8},"nullCount":{"a":1}}"#;
        let stored = before.from_texts(&StringArray::from(vec![text])).unwrap();
        assert_eq!(found(&stored, &["minValues", "a"]).as_ref(), &Int32Array::from(vec![7]) as &dyn Array);
        let now = StatsStruct::new(vec![column(&["a"], DataType::Int64), column(&["new"], DataType::Utf8)]);
        assert!(!now.is_covered_by(stored.fields()));
        let parsed = now.from_parsed(&stored).unwrap();
        assert_eq!(parsed.fields(), now.fields());
        assert_eq!(found(&parsed, &["minValues", "a"]).as_ref(), &Int64Array::from(vec![7]) as &dyn Array);
        assert_eq!(found(&parsed, &["nullCount", "a"]).as_ref(), &Int64Array::from(vec![1]) as &dyn Array);
        assert!(found(&parsed, &["minValues", "new"]).is_null(0));
    }
}

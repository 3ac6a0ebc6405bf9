//! JSON values under way to Arrow arrays of a settled type.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, MapArray, NullBufferBuilder, StringBuilder, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use lakebed_txlog::{Error, Result};
use serde_json::value::RawValue;

use super::shape::Misfit;
use super::value::{Value, open};
use crate::ingest::column::{Column, column};
use crate::ingest::fault::shown;
use crate::ingest::kind::type_name;

/// Whether a value may be null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nulls {
    Allowed,
    Refused,
}

impl Nulls {
    /// What `field` says.
    pub(super) fn of(field: &Field) -> Nulls {
        if field.is_nullable() { Nulls::Allowed } else { Nulls::Refused }
    }
}

/// A column being filled.
pub(super) enum Node {
    Scalar { column: Box<dyn Column>, data_type: DataType },
    Array { field: FieldRef, element: Box<Node>, lengths: Vec<usize>, nulls: NullBufferBuilder },
    Object(Box<Members>),
    Map { entries: FieldRef, keys: StringBuilder, values: Box<Node>, lengths: Vec<usize>, nulls: NullBufferBuilder },
}

/// The members of an object, each a column.
pub(super) struct Members {
    fields: Fields,
    nodes: Vec<Node>,
    /// By the exact name, and by the lower-case one.
    exact: HashMap<String, usize>,
    folded: HashMap<String, usize>,
    /// The row in which each member was last given, to see doubles and gaps.
    given: Vec<u64>,
    row: u64,
    nulls: NullBufferBuilder,
}

impl Node {
    /// An empty column of `data_type`.
    ///
    /// # Errors
    /// The name of a type that JSON can't hold.
    pub(super) fn new(data_type: &DataType) -> Result<Node, String> {
        let nulls = NullBufferBuilder::new(0);
        Ok(match data_type {
            DataType::List(field) => {
                let element = Box::new(Node::new(field.data_type())?);
                Node::Array { field: Arc::clone(field), element, lengths: Vec::new(), nulls }
            }
            DataType::Struct(fields) => {
                let names = fields.iter().map(|field| field.name().clone()).collect();
                Node::Object(Box::new(Members::new(fields.clone(), names)?))
            }
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(parts) => match parts.as_ref() {
                    [key, value] if key.data_type() == &DataType::Utf8 => {
                        let values = Box::new(Node::new(value.data_type())?);
                        let (entries, keys) = (Arc::clone(entries), StringBuilder::new());
                        Node::Map { entries, keys, values, lengths: Vec::new(), nulls }
                    }
                    _ => return Err(type_name(data_type)),
                },
                _ => return Err(type_name(data_type)),
            },
            _ => {
                let column = column(data_type).ok_or_else(|| type_name(data_type))?;
                Node::Scalar { column, data_type: data_type.clone() }
            }
        })
    }

    /// Appends a value. After an error the column is of no further use.
    pub(super) fn push(&mut self, raw: &RawValue, nulls: Nulls) -> Result<(), Misfit> {
        let value = open(raw).map_err(Misfit::new)?;
        if matches!(value, Value::Null) {
            if nulls == Nulls::Refused {
                return Err(Misfit::new("the value is missing and may not be null"));
            }
            self.push_null();
            return Ok(());
        }
        match (&mut *self, value) {
            (Node::Scalar { column, data_type }, value) => push_scalar(column.as_mut(), data_type, raw, &value),
            (Node::Array { field, element, lengths, nulls }, Value::Array(values)) => {
                for value in &values {
                    element.push(value, Nulls::of(field)).map_err(|misfit| misfit.under("[]"))?;
                }
                lengths.push(values.len());
                nulls.append_non_null();
                Ok(())
            }
            (Node::Object(object), Value::Object(members)) => object.push(members),
            (Node::Map { entries, keys, values, lengths, nulls }, Value::Object(members)) => {
                let of_values = match entries.data_type() {
                    DataType::Struct(parts) => parts.get(1).map_or(Nulls::Allowed, |value| Nulls::of(value)),
                    _ => Nulls::Allowed,
                };
                let mut seen = HashSet::new();
                for (key, value) in &members {
                    if !seen.insert(&**key) {
                        return Err(Misfit::new("the name stands twice in one object").under(key));
                    }
                    keys.append_value(key);
                    values.push(value, of_values).map_err(|misfit| misfit.under(key))?;
                }
                lengths.push(members.len());
                nulls.append_non_null();
                Ok(())
            }
            (node, _) => Err(Misfit::new(format!("{} isn't a value of the type {}", shown(raw.get()), node.name()))),
        }
    }

    /// Appends null.
    pub(super) fn push_null(&mut self) {
        match self {
            Node::Scalar { column, .. } => column.push_null(),
            Node::Array { lengths, nulls, .. } | Node::Map { lengths, nulls, .. } => {
                lengths.push(0);
                nulls.append_null();
            }
            Node::Object(object) => {
                object.nodes.iter_mut().for_each(Node::push_null);
                object.nulls.append_null();
            }
        }
    }

    /// What was appended, and starts over.
    pub(super) fn finish(&mut self) -> Result<ArrayRef> {
        Ok(match self {
            Node::Scalar { column, .. } => column.finish(),
            Node::Array { field, element, lengths, nulls } => {
                let offsets = OffsetBuffer::from_lengths(std::mem::take(lengths));
                let list = ListArray::try_new(Arc::clone(field), offsets, element.finish()?, nulls.finish());
                Arc::new(list.map_err(inconsistent)?)
            }
            Node::Object(object) => {
                let rows = object.nulls.len();
                let nulls = object.nulls.finish();
                let arrays = object.nodes.iter_mut().map(Node::finish).collect::<Result<_>>()?;
                let made = StructArray::try_new_with_length(object.fields.clone(), arrays, nulls, rows);
                Arc::new(made.map_err(inconsistent)?)
            }
            Node::Map { entries, keys, values, lengths, nulls } => {
                let DataType::Struct(parts) = entries.data_type() else {
                    return Err(Error::bug("a map's entries are no struct"));
                };
                let pairs = vec![Arc::new(keys.finish()) as ArrayRef, values.finish()?];
                let pairs = StructArray::try_new(parts.clone(), pairs, None).map_err(inconsistent)?;
                let offsets = OffsetBuffer::from_lengths(std::mem::take(lengths));
                let map = MapArray::try_new(Arc::clone(entries), offsets, pairs, nulls.finish(), false);
                Arc::new(map.map_err(inconsistent)?)
            }
        })
    }

    fn name(&self) -> String {
        match self {
            Node::Scalar { data_type, .. } => type_name(data_type),
            Node::Array { field, .. } => format!("array<{}>", type_name(field.data_type())),
            Node::Object(object) => type_name(&DataType::Struct(object.fields.clone())),
            Node::Map { entries, .. } => type_name(&DataType::Map(Arc::clone(entries), false)),
        }
    }
}

impl Members {
    /// Columns of `fields`, found in objects under `names`.
    pub(super) fn new(fields: Fields, names: Vec<String>) -> Result<Members, String> {
        let mut nodes = Vec::with_capacity(fields.len());
        for field in &fields {
            nodes.push(Node::new(field.data_type()).map_err(|name| format!("{name} (column {})", field.name()))?);
        }
        let folded = names.iter().enumerate().map(|(index, name)| (name.to_lowercase(), index)).collect();
        let exact = names.into_iter().enumerate().map(|(index, name)| (name, index)).collect();
        let given = vec![0; nodes.len()];
        Ok(Members { fields, nodes, exact, folded, given, row: 0, nulls: NullBufferBuilder::new(0) })
    }

    /// Appends one object; members that it lacks are null.
    pub(super) fn push(&mut self, members: Vec<(std::borrow::Cow<'_, str>, &RawValue)>) -> Result<(), Misfit> {
        self.row += 1;
        for (name, value) in members {
            let found = self.exact.get(name.as_ref()).or_else(|| self.folded.get(&name.to_lowercase()));
            let Some(index) = found.copied() else {
                return Err(Misfit::new("there is no such field in the type").under(&name));
            };
            let (Some(node), Some(given), Some(field)) =
                (self.nodes.get_mut(index), self.given.get_mut(index), self.fields.get(index))
            else {
                return Err(Misfit::new("the object lost a member").under(&name));
            };
            if std::mem::replace(given, self.row) == self.row {
                return Err(Misfit::new("the name stands twice in one object").under(&name));
            }
            node.push(value, Nulls::of(field)).map_err(|misfit| misfit.under(&name))?;
        }
        for ((node, given), field) in self.nodes.iter_mut().zip(&self.given).zip(&self.fields) {
            if *given != self.row {
                if !field.is_nullable() {
                    return Err(Misfit::new("the value is missing and may not be null").under(field.name()));
                }
                node.push_null();
            }
        }
        self.nulls.append_non_null();
        Ok(())
    }

    /// What was appended, column by column, and starts over.
    pub(super) fn finish(&mut self) -> Result<Vec<ArrayRef>> {
        self.nulls = NullBufferBuilder::new(0);
        self.nodes.iter_mut().map(Node::finish).collect()
    }
}

fn inconsistent(error: arrow::error::ArrowError) -> Error {
    Error::bug("JSON values don't make an array").because(error)
}

/// Appends what JSON has for a scalar: numbers and their special values, texts for what JSON has no form of its own for.
fn push_scalar(column: &mut dyn Column, data_type: &DataType, raw: &RawValue, value: &Value<'_>) -> Result<(), Misfit> {
    let taken = match (data_type, value) {
        (DataType::Boolean, Value::Boolean(value)) => column.push(if *value { "true" } else { "false" }),
        (
            DataType::Utf8 | DataType::Date32 | DataType::Timestamp(_, _) | DataType::Decimal128(_, _),
            Value::Text(text),
        ) => column.push(text),
        (DataType::Float32 | DataType::Float64, Value::Text(text)) => {
            matches!(text.as_ref(), "NaN" | "Infinity" | "-Infinity") && column.push(text)
        }
        (data_type, Value::Number(digits)) if is_number(data_type) => column.push(digits),
        _ => false,
    };
    if taken {
        return Ok(());
    }
    Err(Misfit::new(format!("{} isn't a value of the type {}", shown(raw.get()), type_name(data_type))))
}

fn is_number(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Float32
            | DataType::Float64
            | DataType::Decimal128(_, _)
    )
}

#[cfg(test)]
mod tests {
    use arrow::array::Array;
    use arrow::util::display::{ArrayFormatter, FormatOptions};

    use super::*;

    fn nullable(name: &str, data_type: DataType) -> FieldRef {
        Arc::new(Field::new(name, data_type, true))
    }

    fn filled(data_type: DataType, values: &[&str]) -> Vec<String> {
        let mut node = Node::new(&data_type).unwrap();
        for value in values {
            node.push(serde_json::from_str(value).unwrap(), Nulls::Allowed).unwrap();
        }
        let array = node.finish().unwrap();
        assert_eq!(array.data_type(), &data_type);
        assert_eq!(node.finish().unwrap().len(), 0);
        let shown = ArrayFormatter::try_new(&array, &FormatOptions::new().with_null("null")).unwrap();
        (0..array.len()).map(|row| shown.value(row).to_string()).collect()
    }

    fn refused(data_type: &DataType, value: &str) -> Misfit {
        Node::new(data_type).unwrap().push(serde_json::from_str(value).unwrap(), Nulls::Allowed).unwrap_err()
    }

    fn of_struct() -> DataType {
        let list = DataType::List(nullable("element", DataType::Int64));
        DataType::Struct(vec![nullable("a", DataType::Int64), nullable("b", list)].into())
    }

    #[test]
    fn nested_values_and_gaps() {
        assert_eq!(
            filled(of_struct(), &["{\"a\":1,\"b\":[1,null]}", "{\"b\":[]}", "null", "{\"A\":2}"]),
            ["{a: 1, b: [1, null]}", "{a: null, b: []}", "null", "{a: 2, b: null}"]
        );
    }

    #[test]
    fn maps_keep_every_key() {
        let entries = DataType::Struct(
            vec![Arc::new(Field::new("key", DataType::Utf8, false)), nullable("value", DataType::Int64)].into(),
        );
        let map = DataType::Map(Arc::new(Field::new("key_value", entries, false)), false);
        assert!(refused(&map, "{\"x\":1,\"x\":2}").reason.contains("twice"));
        assert_eq!(filled(map, &["{\"x\":1,\"y\":null}", "null", "{}"]), ["{x: 1, y: null}", "null", "{}"]);
    }

    #[test]
    fn texts_stand_for_what_json_has_no_form_for() {
        assert_eq!(filled(DataType::Date32, &["\"2013-01-01\""]), ["2013-01-01"]);
        assert_eq!(filled(DataType::Decimal128(5, 2), &["1.5", "\"1.50\""]), ["1.50", "1.50"]);
        assert_eq!(filled(DataType::Float64, &["\"NaN\"", "1"]), ["NaN", "1.0"]);
    }

    #[test]
    fn what_a_type_cannot_hold_is_refused_with_its_path() {
        assert_eq!(refused(&DataType::Int64, "1.5").reason, "'1.5' isn't a value of the type long");
        assert_eq!(refused(&DataType::Int64, "\"1\"").reason, "'\"1\"' isn't a value of the type long");
        assert_eq!(refused(&DataType::Utf8, "1").reason, "'1' isn't a value of the type string");
        assert_eq!(refused(&of_struct(), "{\"b\":[1,\"x\"]}").path, "b[]");
        assert_eq!(refused(&of_struct(), "{\"c\":1}").path, "c");
        assert!(refused(&of_struct(), "{\"a\":1,\"A\":1}").reason.contains("twice"));
    }
}

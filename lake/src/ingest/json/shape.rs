//! What JSON values look like together: one shape that fits all of them, or the first that doesn't.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};
use lakebed_txlog::limits::{MAX_SCHEMA_DEPTH, MAX_SCHEMA_FIELDS};
use serde_json::value::RawValue;

use super::value::{Value, open};
use crate::ingest::fault::shown;
use crate::ingest::kind::Kinds;
use crate::ingest::names;

/// The shape of every value seen of a column.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::ingest) enum Shape {
    /// Nothing but null.
    #[default]
    Null,
    Boolean,
    Number(Kinds),
    Text,
    Array(Box<Shape>),
    Object(StructShape),
}

/// The members of objects, in the order of their first appearance.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::ingest) struct StructShape {
    names: HashMap<String, usize>,
    pub(in crate::ingest) members: Vec<Member>,
}

/// One member.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::ingest) struct Member {
    pub(in crate::ingest) name: String,
    pub(in crate::ingest) shape: Shape,
    /// The last object that had it, to see a name twice in one.
    last_seen: u64,
}

/// A value that doesn't fit: the path below the column, and why.
#[derive(Debug, PartialEq)]
pub(super) struct Misfit {
    pub(super) path: String,
    pub(super) reason: String,
}

impl Misfit {
    pub(super) fn new(reason: impl Into<String>) -> Misfit {
        Misfit { path: String::new(), reason: reason.into() }
    }

    /// The same, one step further up.
    pub(super) fn under(mut self, step: &str) -> Misfit {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{step}{dot}{}", self.path);
        self
    }
}

impl Shape {
    /// Takes one more value. `stamp` differs from object to object of the same level's parent.
    pub(super) fn see(&mut self, raw: &RawValue, stamp: &mut u64, depth: usize) -> Result<(), Misfit> {
        if depth > MAX_SCHEMA_DEPTH {
            return Err(Misfit::new(format!("values are nested deeper than {MAX_SCHEMA_DEPTH} levels")));
        }
        let value = open(raw).map_err(Misfit::new)?;
        if matches!(value, Value::Null) {
            return Ok(());
        }
        if *self == Shape::Null {
            *self = Shape::of(&value);
        }
        match (self, value) {
            (Shape::Boolean, Value::Boolean(_)) | (Shape::Text, Value::Text(_)) => Ok(()),
            (Shape::Number(kinds), Value::Number(digits)) => see_number(kinds, digits),
            (Shape::Array(element), Value::Array(values)) => {
                for value in values {
                    element.see(value, stamp, depth + 1).map_err(|misfit| misfit.under("[]"))?;
                }
                Ok(())
            }
            (Shape::Object(shape), Value::Object(members)) => {
                *stamp += 1;
                let object = *stamp;
                for (name, value) in members {
                    let member = shape.member(&name, object)?;
                    member.see(value, stamp, depth + 1).map_err(|misfit| misfit.under(&name))?;
                }
                Ok(())
            }
            (shape, _) => {
                Err(Misfit::new(format!("{} where earlier values are {}", shown(raw.get()), shape.in_words())))
            }
        }
    }

    fn of(value: &Value<'_>) -> Shape {
        match value {
            Value::Null => Shape::Null,
            Value::Boolean(_) => Shape::Boolean,
            Value::Number(_) => Shape::Number(Kinds::any()),
            Value::Text(_) => Shape::Text,
            Value::Array(_) => Shape::Array(Box::default()),
            Value::Object(_) => Shape::Object(StructShape::default()),
        }
    }

    fn in_words(&self) -> &'static str {
        match self {
            Shape::Null => "null",
            Shape::Boolean => "true or false",
            Shape::Number(_) => "numbers",
            Shape::Text => "strings",
            Shape::Array(_) => "arrays",
            Shape::Object(_) => "objects",
        }
    }

    /// One shape for two files.
    pub(in crate::ingest) fn and(self, other: Shape) -> Result<Shape, String> {
        Ok(match (self, other) {
            (Shape::Null, shape) | (shape, Shape::Null) => shape,
            (Shape::Boolean, Shape::Boolean) => Shape::Boolean,
            (Shape::Text, Shape::Text) => Shape::Text,
            (Shape::Number(a), Shape::Number(b)) => match a.and(b) {
                kinds if kinds.is_empty() => return Err(NO_NUMBER_TYPE.to_owned()),
                kinds => Shape::Number(kinds),
            },
            (Shape::Array(a), Shape::Array(b)) => Shape::Array(Box::new(a.and(*b)?)),
            (Shape::Object(mut a), Shape::Object(b)) => {
                for member in b.members {
                    let place = a.member(&member.name, 0).map_err(|misfit| misfit.reason)?;
                    *place = std::mem::take(place).and(member.shape)?;
                }
                Shape::Object(a)
            }
            (a, b) => return Err(format!("{} in one file, {} in another", a.in_words(), b.in_words())),
        })
    }

    /// The type that holds it.
    pub(in crate::ingest) fn data_type(&self) -> Result<DataType, String> {
        Ok(match self {
            // A table has no column without a type; a string column can take whatever comes later.
            Shape::Null => DataType::Null,
            Shape::Boolean => DataType::Boolean,
            Shape::Number(kinds) => kinds.narrowest(),
            Shape::Text => DataType::Utf8,
            Shape::Array(element) => DataType::List(Arc::new(Field::new("element", known(element.data_type()?), true))),
            Shape::Object(shape) if shape.members.is_empty() => {
                return Err("holds only empty objects, for which a table has no type".to_owned());
            }
            Shape::Object(shape) => DataType::Struct(shape.fields()?),
        })
    }
}

/// `Null` as a type that a table can have.
pub(in crate::ingest) fn known(data_type: DataType) -> DataType {
    if data_type == DataType::Null { DataType::Utf8 } else { data_type }
}

const NO_NUMBER_TYPE: &str =
    "integers too large for a double stand beside fractions, so that no type holds both exactly";

fn see_number(kinds: &mut Kinds, digits: &str) -> Result<(), Misfit> {
    let mut alone = Kinds::any();
    alone.see(digits);
    if alone.is_empty() {
        return Err(Misfit::new(format!("no number type holds {} exactly", shown(digits))));
    }
    *kinds = kinds.and(alone);
    if kinds.is_empty() { Err(Misfit::new(format!("{}: {NO_NUMBER_TYPE}", shown(digits)))) } else { Ok(()) }
}

impl StructShape {
    /// The member called `name`, made where there is none; `object` says which object has it.
    pub(super) fn member(&mut self, name: &str, object: u64) -> Result<&mut Shape, Misfit> {
        let next = self.members.len();
        let index = match self.names.get(name) {
            Some(index) => *index,
            None if next >= MAX_SCHEMA_FIELDS => {
                return Err(Misfit::new(format!("objects have more than {MAX_SCHEMA_FIELDS} different names")));
            }
            None => {
                self.names.insert(name.to_owned(), next);
                self.members.push(Member { name: name.to_owned(), shape: Shape::Null, last_seen: 0 });
                next
            }
        };
        let Some(member) = self.members.get_mut(index) else {
            return Err(Misfit::new("the shape lost a member"));
        };
        if object != 0 && member.last_seen == object {
            return Err(Misfit::new(format!("the name {} stands twice in one object", shown(name))));
        }
        member.last_seen = object;
        Ok(&mut member.shape)
    }

    /// The fields of a nested struct, whose names have to be good as they are.
    fn fields(&self) -> Result<Fields, String> {
        let (_, renamed) = names::settle(self.members.iter().map(|member| member.name.as_str()));
        if let Some(renamed) = renamed.first() {
            return Err(format!("has a nested field {}, which a table can't hold as a name", shown(&renamed.from)));
        }
        let mut fields = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let data_type = member.shape.data_type().map_err(|why| format!("{}: {why}", member.name))?;
            fields.push(Field::new(&member.name, known(data_type), true));
        }
        Ok(fields.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::kind::type_name;

    fn of(values: &[&str]) -> Result<Shape, Misfit> {
        let mut shape = Shape::Null;
        let mut stamp = 0;
        for value in values {
            shape.see(serde_json::from_str(value).unwrap(), &mut stamp, 0)?;
        }
        Ok(shape)
    }

    fn type_of(values: &[&str]) -> String {
        type_name(&of(values).unwrap().data_type().unwrap())
    }

    #[test]
    fn one_type_for_all_values() {
        assert_eq!(type_of(&["1", "null", "2"]), "long");
        assert_eq!(type_of(&["1", "2.5"]), "double");
        assert_eq!(type_of(&["18446744073709551615"]), "decimal(38,0)");
        assert_eq!(type_of(&["[]", "[null,1]", "null"]), "array<long>");
        assert_eq!(type_of(&["[]"]), "array<string>");
        assert_eq!(type_of(&["{\"a\":1}", "{\"b\":[{\"c\":true}]}"]), "struct<a: long, b: array<struct<c: boolean>>>");
    }

    #[test]
    fn a_value_of_another_kind_names_its_path() {
        let misfit = of(&["{\"a\":[{\"b\":1}]}", "{\"a\":[{\"b\":\"x\"}]}"]).unwrap_err();
        assert_eq!(misfit.path, "a[].b");
        assert_eq!(misfit.reason, "'\"x\"' where earlier values are numbers");
    }

    #[test]
    fn numbers_that_no_type_holds_are_refused() {
        assert!(of(&["9007199254740993", "0.5"]).unwrap_err().reason.contains("no type holds both"));
        assert!(of(&["1e400"]).unwrap_err().reason.contains("no number type"));
        assert!(of(&[&"9".repeat(39)]).is_err());
    }

    #[test]
    fn a_name_twice_in_an_object_is_refused_and_in_two_is_not() {
        assert!(of(&["{\"a\":1,\"a\":2}"]).unwrap_err().reason.contains("twice"));
        assert!(of(&["[{\"a\":1},{\"a\":2}]", "{}"]).is_err());
        assert!(of(&["[{\"a\":1},{\"a\":2}]", "[{\"a\":{\"a\":1}}]"]).is_err());
        assert!(of(&["{\"a\":{\"a\":{\"a\":1}}}", "{\"a\":{\"a\":{\"a\":2}}}"]).is_ok());
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = format!("{}{}", "[".repeat(70), "]".repeat(70));
        assert!(of(&[&deep]).unwrap_err().reason.contains("nested deeper"));
    }
}

//! How the schema of given data differs from a table's, and which schema holds both.
//!
//! Columns are matched by name: the exact one first, else the only one that equals it when case is folded, as Spark
//! does. Order doesn't count.
//!
//! | case | difference | can the data be written? |
//! |---|---|---|
//! | a | the data lacks a column that can be `null` | yes, as `null` |
//! | b | the data lacks a column that can't be `null` | no |
//! | c | the data has a column that the table lacks | no; [`merge`] adds it |
//! | d | the types differ, and every given value fits the table's type | yes, cast up |
//! | e | the types differ otherwise | no |
//! | f | given values can be `null`, the table's can't | yes, if none is: the writer looks at them |
//! | g | the names differ in case | yes, under the table's name |
//! | h | several given names equal the table's when case is folded | no |

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::data_type::{DataType, PrimitiveType};
use super::field::{ArrayType, ColumnPath, MapType, StructField, StructType, fold_case};
use super::metadata::key;
use crate::error::{Error, Result};

/// One way in which given data differs from the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The column, by the table's names where the table has it.
    pub path: ColumnPath,
    /// What differs.
    pub kind: DifferenceKind,
}

/// What differs (the letters are those of the [module](self)'s table).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DifferenceKind {
    /// Cases a and b: the data lacks the column.
    Missing {
        /// Whether the table's column can be `null`.
        nullable: bool,
    },
    /// Case c: the table lacks the column.
    Extra {
        /// The given type.
        given: DataType,
    },
    /// Case d: every given value fits the table's type.
    Widens {
        /// The table's type.
        table: DataType,
        /// The given type.
        given: DataType,
    },
    /// Case e: not every given value fits the table's type.
    Type {
        /// The table's type.
        table: DataType,
        /// The given type.
        given: DataType,
    },
    /// Case f: the table's values can't be `null`.
    Nullable,
    /// Case g: the same name but for its case.
    Case {
        /// The given name.
        given: String,
    },
    /// Case h: several given columns could be meant.
    Ambiguous {
        /// The given names.
        given: Vec<String>,
    },
}

impl Difference {
    /// Whether the data can't be written to the table as it is.
    #[must_use]
    pub fn prevents_write(&self) -> bool {
        match &self.kind {
            DifferenceKind::Missing { nullable } => !nullable,
            DifferenceKind::Extra { .. } | DifferenceKind::Type { .. } | DifferenceKind::Ambiguous { .. } => true,
            DifferenceKind::Widens { .. } | DifferenceKind::Nullable | DifferenceKind::Case { .. } => false,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.kind {
            DifferenceKind::Missing { nullable: true } => write!(f, "{path} is missing (null is written)"),
            DifferenceKind::Missing { nullable: false } => write!(f, "{path} is missing and can't be null"),
            DifferenceKind::Extra { given } => write!(f, "{path} ({given}) isn't in the table"),
            DifferenceKind::Widens { table, given } => write!(f, "{path} is {given} and is written as {table}"),
            DifferenceKind::Type { table, given } => write!(f, "{path} is {given}, the table has {table}"),
            DifferenceKind::Nullable => write!(f, "{path} can be null, the table's column can't"),
            DifferenceKind::Case { given } => write!(f, "{path} is given as {given:?}"),
            DifferenceKind::Ambiguous { given } => write!(f, "{path} could be any of the given {}", given.join(", ")),
        }
    }
}

/// Every difference between the table's schema and that of given data, in the table's order, extra columns last.
#[must_use]
pub fn differences(table: &StructType, given: &StructType) -> Vec<Difference> {
    let mut found = Found::default();
    found.structs(table, given);
    found.differences
}

/// That given data can be written to the table.
///
/// # Errors
/// `InvalidRequest` that lists every difference that prevents it.
pub fn check_writable(table: &StructType, given: &StructType) -> Result<()> {
    let fatal: Vec<_> = differences(table, given)
        .iter()
        .filter(|difference| difference.prevents_write())
        .map(Difference::to_string)
        .collect();
    if fatal.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(format!("the data doesn't fit the table's schema: {}", fatal.join("; ")))
        .hint("change the data, or allow the schema to be merged where columns are to be added"))
}

/// The table's schema with the columns that given data adds: appended, nested ones too, and nullable. Nothing is
/// narrowed, renamed or reordered; a `void` column takes the given type. In a table with mapped columns the added
/// columns still need ids and physical names.
///
/// # Errors
/// `InvalidRequest` that lists every column whose type doesn't fit, and every name that would clash.
pub fn merge(table: &StructType, given: &StructType) -> Result<StructType> {
    let mut merger = Merger::default();
    let merged = merger.structs(table, given);
    if !merger.refused.is_empty() {
        return Err(Error::invalid(format!("the schemas can't be merged: {}", merger.refused.join("; ")))
            .hint("cast the data to the table's types"));
    }
    merged.check_unique_names()?;
    Ok(merged)
}

impl PrimitiveType {
    /// Whether this type can be widened to `to`: the changes of the protocol's section "Type Widening", and those from
    /// an integer to any decimal that has room for its digits (the protocol asks for 10, or 20, whatever the integer;
    /// tables with fewer are about). Every value of this type is then one of `to`, exactly.
    #[must_use]
    pub fn widens_to(self, to: PrimitiveType) -> bool {
        use PrimitiveType::{Byte, Date, Decimal, Double, Float, Integer, Long, Short, TimestampNtz};
        let has_room = |digits: u8, precision: u8, scale: u8| precision.saturating_sub(scale) >= digits;
        match (self, to) {
            (Byte, Short | Integer | Long | Double)
            | (Short, Integer | Long | Double)
            | (Integer, Long | Double)
            | (Float, Double)
            | (Date, TimestampNtz) => true,
            (Byte, Decimal { precision, scale }) => has_room(3, precision, scale),
            (Short, Decimal { precision, scale }) => has_room(5, precision, scale),
            (Integer, Decimal { precision, scale }) => has_room(10, precision, scale),
            (Long, Decimal { precision, scale }) => has_room(19, precision, scale),
            (Decimal { precision: p, scale: s }, Decimal { precision, scale }) => {
                scale >= s && has_room(p.saturating_sub(s), precision, scale) && (p, s) != (precision, scale)
            }
            _ => false,
        }
    }
}

/// Whether the given type's values fit the table's without loss.
fn fits(table: &DataType, given: &DataType) -> bool {
    match (table.primitive(), given.primitive()) {
        (_, Some(PrimitiveType::Void)) => true,
        (Some(table), Some(given)) => given.widens_to(table),
        _ => false,
    }
}

/// Which given field each field of a table's struct means, and which given fields it has no place for.
struct Matching<'a> {
    of_table: Vec<Match<'a>>,
    extra: Vec<&'a StructField>,
}

enum Match<'a> {
    None,
    One(&'a StructField),
    Several(Vec<&'a StructField>),
}

fn match_fields<'a>(table: &StructType, given: &'a StructType) -> Matching<'a> {
    let in_table: HashSet<&str> = table.fields().iter().map(|field| field.name.as_str()).collect();
    let mut exact: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut folded: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, field) in given.fields().iter().enumerate() {
        exact.entry(&field.name).or_default().push(index);
        // A given field that a table column means exactly isn't meant by another.
        if !in_table.contains(field.name.as_str()) {
            folded.entry(fold_case(&field.name)).or_default().push(index);
        }
    }
    let mut taken: HashSet<usize> = HashSet::new();
    let mut of_table = Vec::with_capacity(table.len());
    for field in table.fields() {
        let indexes = exact.get(field.name.as_str()).or_else(|| folded.get(&fold_case(&field.name)));
        let indexes = indexes.map_or([].as_slice(), Vec::as_slice);
        taken.extend(indexes);
        let candidates: Vec<_> = indexes.iter().filter_map(|index| given.fields().get(*index)).collect();
        of_table.push(match candidates.as_slice() {
            [] => Match::None,
            [one] => Match::One(one),
            _ => Match::Several(candidates),
        });
    }
    let extra = given.fields().iter().enumerate();
    let extra = extra.filter(|(index, _)| !taken.contains(index)).map(|(_, field)| field).collect();
    Matching { of_table, extra }
}

#[derive(Default)]
struct Found {
    path: ColumnPath,
    differences: Vec<Difference>,
}

impl Found {
    fn add(&mut self, kind: DifferenceKind) {
        self.differences.push(Difference { path: self.path.clone(), kind });
    }

    fn structs(&mut self, table: &StructType, given: &StructType) {
        let matching = match_fields(table, given);
        for (field, matched) in table.fields().iter().zip(&matching.of_table) {
            self.path.push(&field.name);
            match matched {
                Match::None => self.add(DifferenceKind::Missing { nullable: field.nullable }),
                Match::Several(fields) => {
                    let given = fields.iter().map(|field| format!("{:?}", field.name)).collect();
                    self.add(DifferenceKind::Ambiguous { given });
                }
                Match::One(given) => {
                    if given.name != field.name {
                        self.add(DifferenceKind::Case { given: given.name.clone() });
                    }
                    if given.nullable && !field.nullable {
                        self.add(DifferenceKind::Nullable);
                    }
                    self.types(&field.data_type, &given.data_type);
                }
            }
            self.path.pop();
        }
        for field in matching.extra {
            self.path.push(&field.name);
            self.add(DifferenceKind::Extra { given: field.data_type.clone() });
            self.path.pop();
        }
    }

    fn types(&mut self, table: &DataType, given: &DataType) {
        match (table, given) {
            (DataType::Struct(table), DataType::Struct(given)) => self.structs(table, given),
            (DataType::Array(table), DataType::Array(given)) => {
                let may_be_null = given.contains_null && !table.contains_null;
                self.inside("element", &table.element_type, &given.element_type, may_be_null);
            }
            (DataType::Map(table), DataType::Map(given)) => {
                self.inside("key", &table.key_type, &given.key_type, false);
                let may_be_null = given.value_contains_null && !table.value_contains_null;
                self.inside("value", &table.value_type, &given.value_type, may_be_null);
            }
            (table, given) if table == given => {}
            (table, given) => {
                let (table, given) = (table.clone(), given.clone());
                self.add(match fits(&table, &given) {
                    true => DifferenceKind::Widens { table, given },
                    false => DifferenceKind::Type { table, given },
                });
            }
        }
    }

    fn inside(&mut self, name: &str, table: &DataType, given: &DataType, may_be_null: bool) {
        self.path.push(name);
        if may_be_null {
            self.add(DifferenceKind::Nullable);
        }
        self.types(table, given);
        self.path.pop();
    }
}

#[derive(Default)]
struct Merger {
    path: ColumnPath,
    refused: Vec<String>,
}

impl Merger {
    fn structs(&mut self, table: &StructType, given: &StructType) -> StructType {
        let matching = match_fields(table, given);
        let mut fields = table.fields().to_vec();
        for (field, matched) in fields.iter_mut().zip(&matching.of_table) {
            match matched {
                Match::None => {}
                Match::One(given) => field.data_type = self.inside(&field.name, &field.data_type, &given.data_type),
                Match::Several(_) => {
                    let names = "several given columns equal it when case is folded";
                    self.refused.push(format!("{}: {names}", self.path.child(&field.name)));
                }
            }
        }
        for field in matching.extra {
            if field.data_type.any(&mut |inner| *inner == DataType::VOID) {
                self.refused.push(format!("{} is new and has no type yet (void)", self.path.child(&field.name)));
            }
            fields.push(as_new_column(field));
        }
        StructType::new(fields)
    }

    fn inside(&mut self, name: &str, table: &DataType, given: &DataType) -> DataType {
        self.path.push(name);
        let merged = self.types(table, given);
        self.path.pop();
        merged
    }

    fn types(&mut self, table: &DataType, given: &DataType) -> DataType {
        match (table, given) {
            (DataType::Struct(table), DataType::Struct(given)) => DataType::Struct(self.structs(table, given)),
            (DataType::Array(table), DataType::Array(given)) => DataType::Array(Box::new(ArrayType {
                element_type: self.inside("element", &table.element_type, &given.element_type),
                contains_null: table.contains_null,
            })),
            (DataType::Map(table), DataType::Map(given)) => DataType::Map(Box::new(MapType {
                key_type: self.inside("key", &table.key_type, &given.key_type),
                value_type: self.inside("value", &table.value_type, &given.value_type),
                value_contains_null: table.value_contains_null,
            })),
            (DataType::Primitive(PrimitiveType::Void), given) => all_nullable(given),
            (table, given) => {
                if table != given && !fits(table, given) {
                    self.refused.push(format!("{} is {given}, the table has {table}", self.path));
                }
                table.clone()
            }
        }
    }
}

/// A given column as a table takes it: nullable at every depth, without what only a table can say of its own columns.
fn as_new_column(given: &StructField) -> StructField {
    let mut metadata = given.metadata.clone();
    metadata.retain(|name| !name.starts_with("delta.") && name != key::CURRENT_DEFAULT);
    StructField { name: given.name.clone(), data_type: all_nullable(&given.data_type), nullable: true, metadata }
}

fn all_nullable(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Primitive(_) | DataType::Unknown(_) => data_type.clone(),
        DataType::Struct(inner) => DataType::Struct(StructType::new(inner.fields().iter().map(as_new_column))),
        DataType::Array(array) => DataType::array(all_nullable(&array.element_type)),
        DataType::Map(map) => DataType::map(all_nullable(&map.key_type), all_nullable(&map.value_type)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(table: &StructType, given: &StructType) -> Vec<String> {
        differences(table, given).iter().map(Difference::to_string).collect()
    }

    fn table() -> StructType {
        StructType::new([
            StructField::not_null("id", DataType::LONG),
            StructField::nullable("Name", DataType::STRING),
            StructField::nullable(
                "place",
                StructType::new([
                    StructField::nullable("lat", DataType::DOUBLE),
                    StructField::nullable("lon", DataType::DOUBLE),
                ]),
            ),
            StructField::nullable("tags", DataType::array(DataType::INTEGER)),
            StructField::nullable("none", DataType::VOID),
        ])
    }

    #[test]
    fn every_difference_is_listed_at_once() {
        let given = StructType::new([
            StructField::nullable("id", DataType::INTEGER),
            StructField::nullable("name", DataType::LONG),
            StructField::nullable("place", StructType::new([StructField::nullable("lat", DataType::STRING)])),
            StructField::nullable("tags", DataType::array(DataType::LONG)),
            StructField::nullable("more", DataType::DATE),
        ]);
        assert_eq!(
            shown(&table(), &given),
            [
                "id can be null, the table's column can't",
                "id is integer and is written as long",
                "Name is given as \"name\"",
                "Name is long, the table has string",
                "place.lat is string, the table has double",
                "place.lon is missing (null is written)",
                "tags.element is long, the table has integer",
                "none is missing (null is written)",
                "more (date) isn't in the table",
            ]
        );
        let refused = check_writable(&table(), &given).unwrap_err().to_string();
        for fatal in ["Name is long", "place.lat is string", "tags.element is long", "more (date)"] {
            assert!(refused.contains(fatal), "{refused}");
        }
        assert!(!refused.contains("place.lon"), "{refused}");
    }

    #[test]
    fn a_missing_column_that_cannot_be_null_prevents_the_write() {
        let given = StructType::new([StructField::nullable("Name", DataType::STRING)]);
        let refused = check_writable(&table(), &given).unwrap_err();
        assert!(refused.message().ends_with("id is missing and can't be null"), "{refused}");
    }

    #[test]
    fn merging_appends_nullable_columns_at_every_depth_and_keeps_the_rest() {
        let given = StructType::new([
            StructField::not_null("extra", StructType::new([StructField::not_null("x", DataType::LONG)])),
            StructField::nullable("PLACE", StructType::new([StructField::not_null("alt", DataType::FLOAT)])),
            StructField::nullable("none", DataType::DATE),
            StructField::nullable("id", DataType::INTEGER),
        ]);
        let merged = merge(&table(), &given).unwrap();
        assert_eq!(
            DataType::from(merged.clone()).to_string(),
            "struct<id: long, Name: string, place: struct<lat: double, lon: double, alt: float>, \
             tags: array<integer>, none: date, extra: struct<x: long>>"
        );
        assert!(!merged.fields()[0].nullable);
        assert!(merged.field("extra").unwrap().nullable);
        assert!(merged.field_at(&["extra", "x"]).unwrap().nullable);
        assert!(merged.field_at(&["place", "alt"]).unwrap().nullable);
    }

    #[test]
    fn merging_refuses_with_every_reason() {
        let given = StructType::new([
            StructField::nullable("id", DataType::STRING),
            StructField::nullable("tags", DataType::array(DataType::LONG)),
            StructField::nullable("unknown", DataType::VOID),
        ]);
        let refused = merge(&table(), &given).unwrap_err().to_string();
        for reason in ["id is string", "tags.element is long", "unknown is new"] {
            assert!(refused.contains(reason), "{refused}");
        }
        let clash = StructType::new([
            StructField::nullable("New", DataType::LONG),
            StructField::nullable("new", DataType::LONG),
        ]);
        assert!(merge(&table(), &clash).unwrap_err().message().contains("New and new"));
    }

    #[test]
    fn an_exact_name_wins_over_one_of_another_case() {
        let table =
            StructType::new([StructField::nullable("a", DataType::LONG), StructField::nullable("A", DataType::STRING)]);
        assert!(differences(&table, &table).is_empty());
        let table = StructType::new([StructField::nullable("a", DataType::LONG)]);
        let given =
            StructType::new([StructField::nullable("A", DataType::LONG), StructField::nullable("a", DataType::LONG)]);
        assert_eq!(shown(&table, &given), ["A (long) isn't in the table"]);
        let table = StructType::new([StructField::nullable("ab", DataType::LONG)]);
        let given =
            StructType::new([StructField::nullable("AB", DataType::LONG), StructField::nullable("Ab", DataType::LONG)]);
        assert_eq!(shown(&table, &given), ["ab could be any of the given \"AB\", \"Ab\""]);
    }

    #[test]
    fn widening_follows_the_protocol() {
        let decimal = |precision, scale| PrimitiveType::Decimal { precision, scale };
        for (from, to) in [
            (PrimitiveType::Byte, PrimitiveType::Short),
            (PrimitiveType::Integer, PrimitiveType::Double),
            (PrimitiveType::Float, PrimitiveType::Double),
            (PrimitiveType::Date, PrimitiveType::TimestampNtz),
            (PrimitiveType::Integer, decimal(10, 0)),
            (PrimitiveType::Byte, decimal(4, 1)),
            (PrimitiveType::Long, decimal(22, 2)),
            (decimal(5, 2), decimal(7, 4)),
        ] {
            assert!(from.widens_to(to), "{from} to {to}");
        }
        for (from, to) in [
            (PrimitiveType::Long, PrimitiveType::Double),
            (PrimitiveType::Long, PrimitiveType::Integer),
            (PrimitiveType::Date, PrimitiveType::Timestamp),
            (PrimitiveType::Integer, decimal(10, 1)),
            (PrimitiveType::Long, decimal(18, 0)),
            (PrimitiveType::Byte, decimal(4, 2)),
            (decimal(5, 2), decimal(6, 4)),
            (decimal(5, 2), decimal(5, 2)),
            (PrimitiveType::Integer, PrimitiveType::String),
        ] {
            assert!(!from.widens_to(to), "{from} to {to}");
        }
    }
}

//! How does a column of a file become the column that the table has?
//!
//! | | in the table | in the file | read as |
//! |---|---|---|---|
//! | a | any | no such column | NULL |
//! | b | any | the same type | it is |
//! | c | a wider type | a narrower one (protocol: "Type Widening"), or another layout of the same values | a cast |
//! | d | struct | struct | field by field: by name, or by id in mode `id`; fields that aren't there are NULL |
//! | e | array, map | list, map | element by element |
//! | f | variant | struct of `metadata` and `value` | as they are; with `typed_value` too, put together |
//! | g | void | whatever | NULL |
//!
//! Everything else is refused: a value is never cut to fit.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType as ArrowType, Field, FieldRef, Fields};
use arrow::error::ArrowError;
use lakebed_txlog::schema::{ColumnMappingMode, DataType, MapType, PrimitiveType, StructField, StructType, fold_case};
use lakebed_txlog::{Error, Result};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use crate::variant::unshredded;

/// What has to be done to the arrays of one column of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fit {
    /// b
    Same,
    /// a, g
    Null(ArrowType),
    /// c
    Cast(ArrowType),
    /// d, f: per field of the table, the file's field and what is done to it; `None`: no such field.
    Struct(Fields, Vec<Option<(usize, Fit)>>),
    /// e
    List(FieldRef, Box<Fit>),
    /// e: entries, key, value
    Map(FieldRef, bool, Box<[Fit; 2]>),
    /// f: a shredded one
    Unshredded(Fields),
}

impl Fit {
    /// How the file's column `file` becomes `field`, which is `target` in Arrow.
    ///
    /// # Errors
    /// `Corrupt`, naming the column, where the types don't go together.
    pub(super) fn of(
        field: &StructField,
        target: &ArrowType,
        file: &ArrowType,
        mapping: ColumnMappingMode,
    ) -> Result<Fit> {
        of_type(&field.data_type, target, file, mapping).map_err(|refusal| match refusal {
            Refusal::Types { table, file } => Error::corrupt(format!(
                "column {:?} has type {file} in the file where the table has {table}",
                field.name
            ))
            .hint("no engine can read this file as this table: restore an earlier version, or write the file again"),
            Refusal::Other(error) => error,
        })
    }

    /// The array as the table has it.
    pub(super) fn apply(&self, array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        match self {
            Fit::Same => Ok(Arc::clone(array)),
            Fit::Null(data_type) => Ok(new_null_array(data_type, array.len())),
            Fit::Cast(data_type) => {
                cast_with_options(array, data_type, &CastOptions { safe: false, ..CastOptions::default() })
            }
            Fit::Struct(fields, parts) => {
                let of = array.as_struct_opt().ok_or_else(|| unexpected(array))?;
                let part = |(field, part): (&FieldRef, &Option<(usize, Fit)>)| match part {
                    Some((index, fit)) => fit.apply(of.columns().get(*index).ok_or_else(|| unexpected(array))?),
                    None => Ok(new_null_array(field.data_type(), array.len())),
                };
                let columns = fields.iter().zip(parts).map(part).collect::<Result<Vec<_>, _>>()?;
                let nulls = of.nulls().cloned();
                Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, array.len())?))
            }
            Fit::List(element, fit) => {
                let of = array.as_list_opt::<i32>().ok_or_else(|| unexpected(array))?;
                let values = fit.apply(of.values())?;
                Ok(Arc::new(ListArray::try_new(
                    Arc::clone(element),
                    of.offsets().clone(),
                    values,
                    of.nulls().cloned(),
                )?))
            }
            Fit::Map(entries, sorted, fits) => {
                let of = array.as_map_opt().ok_or_else(|| unexpected(array))?;
                let ArrowType::Struct(fields) = entries.data_type() else { return Err(unexpected(array)) };
                let columns = vec![fits[0].apply(of.keys())?, fits[1].apply(of.values())?];
                let structs = StructArray::try_new(fields.clone(), columns, None)?;
                let nulls = of.nulls().cloned();
                Ok(Arc::new(MapArray::try_new(Arc::clone(entries), of.offsets().clone(), structs, nulls, *sorted)?))
            }
            Fit::Unshredded(fields) => unshredded(array, fields),
        }
    }
}

fn unexpected(array: &ArrayRef) -> ArrowError {
    ArrowError::SchemaError(format!("an array of type {} isn't what the file's schema says", array.data_type()))
}

enum Refusal {
    Types { table: String, file: String },
    Other(Error),
}

fn of_type(table: &DataType, target: &ArrowType, file: &ArrowType, mapping: ColumnMappingMode) -> Result<Fit, Refusal> {
    let refused = || Refusal::Types { table: table.to_string(), file: file.to_string() };
    match (table, target, file) {
        (DataType::Primitive(PrimitiveType::Void), ..) => Ok(Fit::Null(target.clone())),
        (DataType::Primitive(PrimitiveType::Variant), ArrowType::Struct(fields), ArrowType::Struct(found)) => {
            variant(fields, found).ok_or_else(refused)
        }
        (DataType::Struct(structure), ArrowType::Struct(fields), ArrowType::Struct(found)) => {
            let parts = structure.fields().iter().zip(fields).map(|(field, target)| {
                let Some((index, file)) = find(field, found, mapping).map_err(Refusal::Other)? else { return Ok(None) };
                Ok(Some((index, of_type(&field.data_type, target.data_type(), file.data_type(), mapping)?)))
            });
            let parts = parts.collect::<Result<Vec<_>, Refusal>>()?;
            Ok(if target == file { Fit::Same } else { Fit::Struct(fields.clone(), parts) })
        }
        (DataType::Array(array), ArrowType::List(element), ArrowType::List(found)) => {
            let fit = of_type(&array.element_type, element.data_type(), found.data_type(), mapping)?;
            Ok(if target == file { Fit::Same } else { Fit::List(Arc::clone(element), Box::new(fit)) })
        }
        (DataType::Map(map), ArrowType::Map(entries, sorted), ArrowType::Map(found, _)) => {
            let fits = entries_fit(map, entries, found, mapping)?.ok_or_else(refused)?;
            Ok(if target == file { Fit::Same } else { Fit::Map(Arc::clone(entries), *sorted, Box::new(fits)) })
        }
        (DataType::Primitive(_), ..) if target == file => Ok(Fit::Same),
        (DataType::Primitive(_), ..) if holds_every_value(target, file) => Ok(Fit::Cast(target.clone())),
        _ => Err(refused()),
    }
}

fn entries_fit(
    map: &MapType,
    entries: &Field,
    found: &Field,
    mapping: ColumnMappingMode,
) -> Result<Option<[Fit; 2]>, Refusal> {
    let (ArrowType::Struct(target), ArrowType::Struct(file)) = (entries.data_type(), found.data_type()) else {
        return Ok(None);
    };
    let ([key, value], [file_key, file_value]) = (target.as_ref(), file.as_ref()) else { return Ok(None) };
    Ok(Some([
        of_type(&map.key_type, key.data_type(), file_key.data_type(), mapping)?,
        of_type(&map.value_type, value.data_type(), file_value.data_type(), mapping)?,
    ]))
}

fn variant(fields: &Fields, found: &Fields) -> Option<Fit> {
    if found.find("typed_value").is_some() {
        return Some(Fit::Unshredded(fields.clone()));
    }
    let part = |target: &FieldRef| {
        let (index, file) = found.find(target.name())?;
        let fit = match (target.data_type(), file.data_type()) {
            (target, file) if target == file => Fit::Same,
            (target, file) if file.is_binary() => Fit::Cast(target.clone()),
            _ => return None,
        };
        Some(Some((index, fit)))
    };
    Some(Fit::Struct(fields.clone(), fields.iter().map(part).collect::<Option<_>>()?))
}

/// The file's field that is `field`; `None` where there is none.
///
/// By its physical name; where no field has exactly that, by the only one that has it in another case, as Spark does.
/// In mode `id` by its id alone.
///
/// # Errors
/// `Corrupt` where two fields could be meant, or the column has no physical name or id.
pub(super) fn find<'a>(
    field: &StructField,
    file: &'a Fields,
    mapping: ColumnMappingMode,
) -> Result<Option<(usize, &'a FieldRef)>> {
    if mapping == ColumnMappingMode::Id {
        let id = field.metadata.column_id().ok_or_else(|| {
            Error::corrupt(format!("column {:?} has no id though columns are mapped by id", field.name))
        })?;
        let mut found = file.iter().enumerate().filter(|(_, file)| field_id(file) == Some(id));
        let first = found.next();
        return match found.next() {
            None => Ok(first),
            Some(_) => Err(Error::corrupt(format!("two columns of the file have the id {id}"))),
        };
    }
    let name = field.physical_name(mapping)?;
    if let Some(exact) = file.find(&name) {
        return Ok(Some(exact));
    }
    let folded = fold_case(&name);
    let mut found = file.iter().enumerate().filter(|(_, file)| fold_case(file.name()) == folded);
    let first = found.next();
    match found.next() {
        None => Ok(first),
        Some(_) => Err(Error::corrupt(format!("two columns of the file could be {name:?}"))),
    }
}

/// The Parquet id of a field.
pub(super) fn field_id(field: &Field) -> Option<i64> {
    field.metadata().get(PARQUET_FIELD_ID_META_KEY)?.parse().ok()
}

/// Whether some field, at any depth, has an id.
pub(super) fn has_ids(fields: &Fields) -> bool {
    fields.iter().any(|field| field_id(field).is_some() || inner(field.data_type()).is_some_and(has_ids))
}

fn inner(data_type: &ArrowType) -> Option<&Fields> {
    match data_type {
        ArrowType::Struct(fields) => Some(fields),
        ArrowType::List(element) | ArrowType::Map(element, _) => inner(element.data_type()),
        _ => None,
    }
}

/// The field at a path of logical names through structs, with where it is in a file: for conditions on nested fields.
pub(super) struct Nested<'a> {
    pub(super) field: &'a StructField,
    pub(super) target: ArrowType,
    /// Names in the file, from the root; `None`: it isn't in the file.
    pub(super) file: Option<(Vec<String>, FieldRef)>,
}

/// Follows `path` from `root` through structs; `None` where it leads through something else, or nowhere.
pub(super) fn follow<'a>(
    root: (&'a StructField, &FieldRef, Option<(usize, &FieldRef)>),
    path: &[&str],
    mapping: ColumnMappingMode,
) -> Result<Option<Nested<'a>>> {
    let (mut field, target, file) = root;
    let mut target = target.data_type().clone();
    let mut file = file.map(|(_, file)| (vec![file.name().clone()], Arc::clone(file)));
    for name in path {
        let (DataType::Struct(structure), ArrowType::Struct(targets)) = (&field.data_type, &target) else {
            return Ok(None);
        };
        let structure: &StructType = structure;
        let (Some(next), Some((_, next_target))) = (structure.field(name), targets.find(name)) else {
            return Ok(None);
        };
        file = match file {
            Some((mut names, parent)) => {
                let ArrowType::Struct(found) = parent.data_type() else { return Ok(None) };
                find(next, found, mapping)?.map(|(_, found)| {
                    names.push(found.name().clone());
                    (names, Arc::clone(found))
                })
            }
            None => None,
        };
        let next_target = next_target.data_type().clone();
        (field, target) = (next, next_target);
    }
    Ok(Some(Nested { field, target, file }))
}

/// Whether `target` has every value of `file`, so that a cast loses nothing.
fn holds_every_value(target: &ArrowType, file: &ArrowType) -> bool {
    use ArrowType::{
        Date32, Date64, Decimal32, Decimal64, Decimal128, Decimal256, Dictionary, Float16, Float32, Float64,
    };
    use ArrowType::{FixedSizeBinary, Timestamp};
    if let Dictionary(_, values) = file {
        return target == values.as_ref() || holds_every_value(target, values);
    }
    match (target, file) {
        (Float64, Float32 | Float16) | (Float32, Float16) => true,
        (Float64, ints) if ints.is_integer() => digits(ints).is_some_and(|d| d <= 10),
        (ints, narrower) if ints.is_integer() && narrower.is_integer() => fits_integer(ints, narrower),
        (Decimal128(precision, scale), ints) if ints.is_integer() => {
            digits(ints).is_some_and(|digits| i16::from(*precision) - i16::from(*scale) >= digits)
        }
        (Decimal128(precision, scale), Decimal32(p, s) | Decimal64(p, s) | Decimal128(p, s) | Decimal256(p, s)) => {
            scale >= s && i16::from(*precision) - i16::from(*scale) >= i16::from(*p) - i16::from(*s)
        }
        (Timestamp(_, None), Date32) | (Date32, Date64) => true,
        (Timestamp(..), Timestamp(..)) => true,
        (text, bytes) if text.is_string() => bytes.is_string() || bytes.is_binary(),
        (bytes, text) if bytes.is_binary() => {
            text.is_binary() || text.is_string() || matches!(text, FixedSizeBinary(_))
        }
        _ => false,
    }
}

/// Decimal digits of the largest value.
fn digits(integer: &ArrowType) -> Option<i16> {
    Some(match integer {
        ArrowType::Int8 | ArrowType::UInt8 => 3,
        ArrowType::Int16 | ArrowType::UInt16 => 5,
        ArrowType::Int32 | ArrowType::UInt32 => 10,
        ArrowType::Int64 => 19,
        ArrowType::UInt64 => 20,
        _ => return None,
    })
}

fn fits_integer(target: &ArrowType, file: &ArrowType) -> bool {
    let width = |integer: &ArrowType| integer.primitive_width().unwrap_or(usize::MAX);
    match (target.is_signed_integer(), file.is_signed_integer()) {
        (true, true) | (false, false) => width(target) >= width(file),
        (true, false) => width(target) > width(file),
        (false, true) => false,
    }
}

//! What does a variant say, however it is stored?
//!
//! A variant is a value with its own type, encoded in two binary columns, `metadata` (the names of fields) and `value`
//! (Parquet's `VariantEncoding.md`). A file may have it shredded: what is of a common type stands in `typed_value` columns
//! beside, and `value` has the rest (`VariantShredding.md`). A scan always gives `Struct<metadata, value>`, with the
//! extension type `arrow.parquet.variant` on the field: [`unshredded`] puts a shredded one together, at the cost of one
//! pass over its values. [`as_json`] makes JSON of variants, for who can't decode them.
//!
//! The decoder descends as deep as a value is nested, so what is nested deeper than [`MAX_DEPTH`] is refused before
//! (`depth`).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, RecordBatch, StringArray, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use arrow::error::ArrowError;
use lakebed_txlog::schema::arrow::{EXTENSION_NAME, is_variant};
use lakebed_txlog::{Error, Result};
use parquet_variant::Variant;
use parquet_variant_compute::{VariantArray, unshred_variant};
use parquet_variant_json::VariantToJson;

use self::depth::{Danger, danger};

mod depth;

/// Lists and objects within one another that a variant may have.
pub const MAX_DEPTH: usize = 256;
/// The extension type of a column of JSON texts, as [`as_json`] makes them.
pub const JSON_EXTENSION: &str = "arrow.json";

/// A column of variants as `Struct<metadata, value>`, which are `fields`.
///
/// # Errors
/// `ExternalError` of an [`Error`]: [`Corrupt`](lakebed_txlog::ErrorKind::Corrupt) where it isn't a column of variants, or a
/// value is damaged; [`Unsupported`](lakebed_txlog::ErrorKind::Unsupported) where one is nested deeper than [`MAX_DEPTH`].
pub(crate) fn unshredded(array: &ArrayRef, fields: &Fields) -> Result<ArrayRef, ArrowError> {
    let unreadable = |e: ArrowError| external(Error::corrupt("a shredded variant can't be read").because(e));
    check_depth(array).map_err(external)?;
    let shredded = VariantArray::try_new(array).map_err(unreadable)?;
    let whole = unshred_variant(&shredded).map_err(unreadable)?.into_inner();
    let part = |field: &FieldRef| {
        let column = whole
            .column_by_name(field.name())
            .ok_or_else(|| external(Error::corrupt(format!("a variant has no {}", field.name()))))?;
        cast(column, field.data_type())
    };
    let columns = fields.iter().map(part).collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(StructArray::try_new(fields.clone(), columns, whole.nulls().cloned())?))
}

/// That no `value` in the column is nested too deep, whether it stands for itself or beside `typed_value`.
fn check_depth(array: &ArrayRef) -> Result<()> {
    if let Some(of) = array.as_struct_opt() {
        for (field, column) in of.fields().iter().zip(of.columns()) {
            let is_value = field.name() == "value" && !field.data_type().is_nested();
            if is_value { check_values(column)? } else { check_depth(column)? }
        }
        return Ok(());
    }
    array.as_list_opt::<i32>().map_or(Ok(()), |of| check_depth(of.values()))
}

fn check_values(values: &ArrayRef) -> Result<()> {
    let values = cast(values, &DataType::Binary).map_err(|e| Error::corrupt("a variant isn't binary").because(e))?;
    match values.as_binary_opt::<i32>() {
        Some(values) => values.iter().flatten().try_for_each(check_value),
        None => Err(Error::bug("a cast to binary gave something else")),
    }
}

fn check_value(value: &[u8]) -> Result<()> {
    match danger(value, MAX_DEPTH) {
        None => Ok(()),
        Some(Danger::TooDeep) => {
            Err(Error::unsupported(format!("a variant is nested deeper than {MAX_DEPTH} lists and objects"))
                .hint("read other columns, or this one as the bytes it has: `table read -o rows.parquet`"))
        }
        Some(Danger::Overlapping) => Err(Error::corrupt("values in a variant share bytes")),
    }
}

/// The batch with JSON texts in place of variants, at any depth; their fields have the extension type `arrow.json`.
///
/// Numbers keep their digits; a NaN or an infinity is a string, as are dates, times (RFC 3339), UUIDs and binary values
/// (base64). Keys come in the variant's order: sorted.
///
/// # Errors
/// [`Corrupt`](lakebed_txlog::ErrorKind::Corrupt) where a variant is damaged; [`Unsupported`](lakebed_txlog::ErrorKind::Unsupported)
/// where one is nested deeper than [`MAX_DEPTH`].
pub fn as_json(batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = batch.schema();
    if !schema.fields().iter().any(has_variants) {
        return Ok(batch.clone());
    }
    let (fields, columns) = all_as_json(schema.fields(), batch.columns())?;
    let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
    RecordBatch::try_new(Arc::new(schema), columns).map_err(misfit)
}

/// The schema of [`as_json`].
#[must_use]
pub fn schema_as_json(schema: &Schema) -> Schema {
    let fields: Fields = schema.fields().iter().map(field_as_json).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}

fn field_as_json(field: &FieldRef) -> FieldRef {
    if !has_variants(field) {
        return Arc::clone(field);
    }
    if is_variant(field) {
        let mut metadata = field.metadata().clone();
        metadata.insert(EXTENSION_NAME.to_owned(), JSON_EXTENSION.to_owned());
        return Arc::new(Field::new(field.name(), DataType::Utf8, field.is_nullable()).with_metadata(metadata));
    }
    let data_type = match field.data_type() {
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field_as_json).collect()),
        DataType::List(element) => DataType::List(field_as_json(element)),
        DataType::Map(entries, sorted) => DataType::Map(field_as_json(entries), *sorted),
        other => other.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

fn has_variants(field: &FieldRef) -> bool {
    is_variant(field)
        || match field.data_type() {
            DataType::Struct(fields) => fields.iter().any(has_variants),
            DataType::List(inner) | DataType::Map(inner, _) => has_variants(inner),
            _ => false,
        }
}

fn all_as_json(fields: &Fields, columns: &[ArrayRef]) -> Result<(Fields, Vec<ArrayRef>)> {
    let columns = fields.iter().zip(columns).map(|(field, column)| column_as_json(field, column));
    Ok((fields.iter().map(field_as_json).collect(), columns.collect::<Result<_>>()?))
}

fn column_as_json(field: &FieldRef, column: &ArrayRef) -> Result<ArrayRef> {
    if !has_variants(field) {
        return Ok(Arc::clone(column));
    }
    let other = || Error::bug(format!("column {:?} isn't of its schema's type", field.name()));
    if is_variant(field) {
        return Ok(Arc::new(texts(column.as_struct_opt().ok_or_else(other)?)?));
    }
    match field.data_type() {
        DataType::Struct(_) => {
            let of = column.as_struct_opt().ok_or_else(other)?;
            let (fields, columns) = all_as_json(of.fields(), of.columns())?;
            Ok(Arc::new(StructArray::try_new(fields, columns, of.nulls().cloned()).map_err(misfit)?))
        }
        DataType::List(element) => {
            let of = column.as_list_opt::<i32>().ok_or_else(other)?;
            let values = column_as_json(element, of.values())?;
            let (offsets, nulls) = (of.offsets().clone(), of.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(field_as_json(element), offsets, values, nulls).map_err(misfit)?))
        }
        DataType::Map(entries, sorted) => {
            let of = column.as_map_opt().ok_or_else(other)?;
            let (fields, columns) = all_as_json(of.entries().fields(), of.entries().columns())?;
            let (offsets, nulls) = (of.offsets().clone(), of.nulls().cloned());
            let values = StructArray::try_new(fields, columns, None).map_err(misfit)?;
            let map = MapArray::try_new(field_as_json(entries), offsets, values, nulls, *sorted);
            Ok(Arc::new(map.map_err(misfit)?))
        }
        _ => Err(other()),
    }
}

fn texts(variants: &StructArray) -> Result<StringArray> {
    let binary = |name: &str| {
        let column = variants.column_by_name(name).and_then(|column| cast(column, &DataType::Binary).ok());
        column.ok_or_else(|| Error::corrupt(format!("a variant has no binary {name}")))
    };
    let (metadata, values) = (binary("metadata")?, binary("value")?);
    let (metadata, values) = (metadata.as_binary::<i32>(), values.as_binary::<i32>());
    let text = |row: usize| -> Result<Option<String>> {
        if variants.is_null(row) || values.is_null(row) {
            return Ok(None);
        }
        check_value(values.value(row))?;
        let mut out = Vec::new();
        let damaged = |e: ArrowError| Error::corrupt("a variant can't be decoded").because(e);
        let variant = Variant::try_new(metadata.value(row), values.value(row)).map_err(damaged)?;
        write_json(&variant, &mut out).map_err(damaged)?;
        String::from_utf8(out).map(Some).map_err(|e| Error::bug("JSON that isn't text").because(e))
    };
    (0..variants.len()).map(text).collect()
}

fn write_json(variant: &Variant<'_, '_>, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    match variant {
        Variant::Object(object) => {
            out.push(b'{');
            for (at, (name, value)) in object.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                Variant::from(name).to_json(out)?;
                out.push(b':');
                write_json(&value, out)?;
            }
            out.push(b'}');
        }
        Variant::List(list) => {
            out.push(b'[');
            for (at, value) in list.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_json(&value, out)?;
            }
            out.push(b']');
        }
        Variant::Float(float) if !float.is_finite() => out.extend(special(f64::from(*float))),
        Variant::Double(double) if !double.is_finite() => out.extend(special(*double)),
        scalar => scalar.to_json(out)?,
    }
    Ok(())
}

/// What JSON has no number for.
fn special(value: f64) -> &'static [u8] {
    if value.is_nan() {
        b"\"NaN\""
    } else if value > 0.0 {
        b"\"Infinity\""
    } else {
        b"\"-Infinity\""
    }
}

fn external(error: Error) -> ArrowError {
    ArrowError::ExternalError(Box::new(error))
}

fn misfit(e: ArrowError) -> Error {
    Error::bug("JSON texts don't take the place of variants").because(e)
}

#[cfg(test)]
mod tests;

//! Rows as NDJSON: every column in every line, null as `null`.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Float32Array, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, FieldRef, Float32Type, Float64Type};
use arrow::error::ArrowError;
use arrow::json::writer::NullableEncoder;
use arrow::json::writer::{LineDelimited, WriterBuilder};
use arrow::json::{Encoder, EncoderFactory, EncoderOptions, Writer};
use lakebed::variant::JSON_EXTENSION;
use lakebed_txlog::schema::arrow::EXTENSION_NAME;
use lakebed_txlog::{Error, Result};

use super::csv::unwritable;

/// Writes batches as one JSON object per row.
pub(crate) struct JsonWriter<W: Write> {
    writer: Writer<W, LineDelimited>,
}

impl<W: Write> JsonWriter<W> {
    pub(crate) fn new(output: W) -> JsonWriter<W> {
        let builder = WriterBuilder::new().with_explicit_nulls(true).with_encoder_factory(Arc::new(Exact));
        JsonWriter { writer: builder.build(output) }
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(of_arrow)
    }

    pub(crate) fn finish(mut self) -> Result<W> {
        self.writer.finish().map_err(of_arrow)?;
        let mut output = self.writer.into_inner();
        output.flush().map_err(unwritable)?;
        Ok(output)
    }
}

fn of_arrow(error: ArrowError) -> Error {
    match error {
        ArrowError::IoError(_, error) => unwritable(error),
        error => Error::unsupported("a column has a type that JSON has no form for")
            .hint("choose other columns, or another format")
            .because(error),
    }
}

/// Values whose JSON arrow gets wrong: doubles that JSON has no number for are the texts that other engines write (arrow alone
/// writes `null`), and what is JSON already stays as it is.
#[derive(Debug)]
struct Exact;

impl EncoderFactory for Exact {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> std::result::Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Float64 => Box::new(OfDouble(array.as_primitive::<Float64Type>())),
            DataType::Float32 => Box::new(OfFloat(array.as_primitive::<Float32Type>())),
            DataType::Utf8 if is_json(field) => Box::new(OfJson(array.as_string())),
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

struct OfDouble<'a>(&'a Float64Array);
struct OfFloat<'a>(&'a Float32Array);

/// Text that is JSON already.
struct OfJson<'a>(&'a StringArray);

fn is_json(field: &FieldRef) -> bool {
    field.metadata().get(EXTENSION_NAME).is_some_and(|name| name == JSON_EXTENSION)
}

impl Encoder for OfJson<'_> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.value(index).as_bytes());
    }
}

impl Encoder for OfDouble<'_> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        let value = self.0.value(index);
        match special(value) {
            Some(text) => out.extend_from_slice(text),
            None => out.extend_from_slice(serde_json::Value::from(value).to_string().as_bytes()),
        }
    }
}

impl Encoder for OfFloat<'_> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        let value = self.0.value(index);
        match special(f64::from(value)) {
            Some(text) => out.extend_from_slice(text),
            // The shortest digits that are this float, not the double that it widens to.
            None => out.extend_from_slice(serde_json::to_string(&value).unwrap_or_default().as_bytes()),
        }
    }
}

fn special(value: f64) -> Option<&'static [u8]> {
    if value.is_nan() {
        Some(b"\"NaN\"")
    } else if value.is_infinite() {
        Some(if value > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::ArrayRef;

    use super::*;

    #[test]
    fn every_column_in_every_line_and_no_double_lost() {
        let columns: [(&str, ArrayRef); 3] = [
            ("d", Arc::new(Float64Array::from(vec![Some(0.1), None, Some(f64::NAN), Some(f64::NEG_INFINITY)]))),
            ("f", Arc::new(Float32Array::from(vec![0.1, 1.0, f32::INFINITY, -0.0]))),
            ("s", Arc::new(StringArray::from(vec![Some("a\"\n"), None, Some(""), Some("ü")]))),
        ];
        let mut writer = JsonWriter::new(Vec::new());
        writer.write(&RecordBatch::try_from_iter(columns).unwrap()).unwrap();
        assert_eq!(
            String::from_utf8(writer.finish().unwrap()).unwrap(),
            "{\"d\":0.1,\"f\":0.1,\"s\":\"a\\\"\\n\"}\n{\"d\":null,\"f\":1.0,\"s\":null}\n\
             {\"d\":\"NaN\",\"f\":\"Infinity\",\"s\":\"\"}\n{\"d\":\"-Infinity\",\"f\":-0.0,\"s\":\"ü\"}\n"
        );
    }
}

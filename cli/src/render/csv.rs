//! Rows as CSV (RFC 4180): null is an empty field, an empty text is `""`.

use std::io::{self, Write};

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Schema};
use arrow::util::display::ArrayFormatter;
use lakebed_txlog::{Error, Result};

use super::people::format_options;

/// Writes batches of one schema as CSV under a header line.
pub(crate) struct CsvWriter<W> {
    output: W,
}

impl<W: Write> CsvWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// A column whose type has no form in CSV.
    pub(crate) fn new(mut output: W, schema: &Schema) -> Result<CsvWriter<W>> {
        for field in schema.fields() {
            if field.data_type().is_nested() || is_binary(field.data_type()) {
                return Err(Error::invalid(format!(
                    "column {} has a type that CSV has no form for: {}",
                    field.name(),
                    field.data_type()
                ))
                .hint("choose other columns, or another format"));
            }
        }
        let mut first = true;
        for field in schema.fields() {
            write_separator(&mut output, &mut first).map_err(unwritable)?;
            write_field(&mut output, field.name()).map_err(unwritable)?;
        }
        output.write_all(b"\n").map_err(unwritable)?;
        Ok(CsvWriter { output })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let options = format_options("");
        let columns = batch
            .columns()
            .iter()
            .map(|array| ArrayFormatter::try_new(array, &options).map(|formatter| (array, formatter)))
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|error| Error::bug("a column can't be written as text").because(error))?;
        for row in 0..batch.num_rows() {
            self.write_row(&columns, row)?;
        }
        Ok(())
    }

    fn write_row(&mut self, columns: &[(&ArrayRef, ArrayFormatter<'_>)], row: usize) -> Result<()> {
        let mut first = true;
        for (array, formatter) in columns {
            write_separator(&mut self.output, &mut first).map_err(unwritable)?;
            if array.is_null(row) {
                continue;
            }
            let shown;
            let text = match array.as_any().downcast_ref::<StringArray>() {
                Some(texts) => texts.value(row),
                None => {
                    shown = formatter
                        .value(row)
                        .try_to_string()
                        .map_err(|error| Error::corrupt("a value can't be written as text").because(error))?;
                    &shown
                }
            };
            write_field(&mut self.output, text).map_err(unwritable)?;
        }
        self.output.write_all(b"\n").map_err(unwritable)
    }

    pub(crate) fn finish(mut self) -> Result<W> {
        self.output.flush().map_err(unwritable)?;
        Ok(self.output)
    }
}

fn is_binary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_))
}

fn write_separator(output: &mut impl Write, first: &mut bool) -> io::Result<()> {
    if std::mem::take(first) { Ok(()) } else { output.write_all(b",") }
}

fn write_field(output: &mut impl Write, text: &str) -> io::Result<()> {
    let quoted = text.is_empty() || text.contains([',', '"', '\n', '\r']) || text.starts_with('\u{feff}');
    if !quoted {
        return output.write_all(text.as_bytes());
    }
    output.write_all(b"\"")?;
    output.write_all(text.replace('"', "\"\"").as_bytes())?;
    output.write_all(b"\"")
}

/// The error of writing output.
pub(crate) fn unwritable(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Error::exhausted("the disk is full").hint("free some space and try again")
        }
        io::ErrorKind::PermissionDenied => {
            Error::permission_denied("the output may not be written").hint("check the owner and mode of the folder")
        }
        io::ErrorKind::NotFound => Error::not_found("the folder of the output isn't there").hint("make it first"),
        _ => Error::unavailable("writing the output failed"),
    }
    .because(error)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, TimestampMicrosecondArray};

    use super::*;

    #[test]
    fn values_come_back_as_they_are() {
        let columns: [(&str, ArrayRef); 3] = [
            ("a,b", Arc::new(StringArray::from(vec![Some(""), None, Some("x \"y\"\n")]))),
            ("f", Arc::new(Float64Array::from(vec![Some(0.1), None, Some(1e300)]))),
            ("t", Arc::new(TimestampMicrosecondArray::from(vec![0, 1, 1_500_000]).with_timezone("UTC"))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer = CsvWriter::new(Vec::new(), &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        assert_eq!(
            String::from_utf8(writer.finish().unwrap()).unwrap(),
            "\"a,b\",f,t\n\"\",0.1,1970-01-01T00:00:00Z\n,,1970-01-01T00:00:00.000001Z\n\
             \"x \"\"y\"\"\n\",1e300,1970-01-01T00:00:01.500Z\n"
        );
    }
}

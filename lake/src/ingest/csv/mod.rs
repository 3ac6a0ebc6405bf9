//! CSV: what its columns are, and its records as batches.

mod decode;
mod records;
mod survey;

pub(super) use decode::decode;
pub(super) use survey::survey;

use super::fault;
use super::names;
use super::options::{CsvOptions, Header};
use super::survey::Renamed;
use lakebed_txlog::Result;
use records::{Record, Records};

/// What stands before the data of a CSV file.
struct Opening {
    /// The columns' settled names, in the order of the fields.
    names: Vec<String>,
    renamed: Vec<Renamed>,
    /// The first record, already read, where it is data.
    first: Option<Record>,
}

/// Reads the header, or counts the columns by the first record. `None` for a file without any record.
fn opening<R: std::io::Read>(records: &mut Records<R>, options: &CsvOptions) -> Result<Option<Opening>> {
    let mut record = Record::default();
    loop {
        if !records.next(&mut record)? {
            return Ok(None);
        }
        // A blank line above the header names nothing.
        if !(record.is_blank() && options.header == Header::Present) {
            break;
        }
    }
    Ok(Some(match options.header {
        Header::Present => {
            let mut given = Vec::with_capacity(record.len());
            for index in 0..record.len() {
                given.push(records.text(&record, index)?);
            }
            let (names, renamed) = names::settle(given.iter().map(|(text, _)| *text));
            Opening { names, renamed, first: None }
        }
        Header::Absent => {
            let names = (1..=record.len()).map(|number| format!("column_{number}")).collect();
            Opening { names, renamed: Vec::new(), first: Some(record) }
        }
    }))
}

/// The next data record: `first` where there is one, blank lines skipped, with as many fields as there are columns.
fn next_data<R: std::io::Read>(
    records: &mut Records<R>,
    first: &mut Option<Record>,
    record: &mut Record,
    columns: usize,
) -> Result<bool> {
    loop {
        match first.take() {
            Some(read) => *record = read,
            None => {
                if !records.next(record)? {
                    return Ok(false);
                }
            }
        }
        // Of a single column, a blank line is a record whose value is empty; of several, it is no record.
        if record.is_blank() && columns > 1 {
            continue;
        }
        if record.len() == columns {
            return Ok(true);
        }
        let reason = format!("{} where there are {columns} columns", counted(record.len()));
        return Err(fault::at_line(records.file(), record.line(), reason)
            .hint("check quotes and the delimiter (--delimiter); fields that hold a delimiter must be quoted"));
    }
}

fn counted(fields: usize) -> String {
    if fields == 1 { "1 field".to_owned() } else { format!("{fields} fields") }
}

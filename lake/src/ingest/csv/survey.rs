//! The first pass over a CSV file: its columns, and which types hold everything in them.

use arrow::datatypes::FieldRef;
use lakebed_txlog::Result;

use super::records::{Quoting, Record, Records};
use super::{next_data, opening};
use crate::ingest::column::{Column, column};
use crate::ingest::kind::{Kinds, type_name};
use crate::ingest::options::Options;
use crate::ingest::source::Source;
use crate::ingest::survey::{Progress, Renamed, declared_field};
use crate::ingest::{bytes, fault};

/// Rows after which values that were only checked are dropped.
const CHECKED_ROWS: u64 = 8192;

/// What a CSV file holds.
#[derive(Debug, Default)]
pub(in crate::ingest) struct CsvSurvey {
    /// Name and fitting types, in the order of the fields; the declared field where there is one.
    pub(in crate::ingest) columns: Vec<(String, Kinds, Option<FieldRef>)>,
    pub(in crate::ingest) renamed: Vec<Renamed>,
    pub(in crate::ingest) rows: u64,
    /// The first value of each declared column that its type can't hold, as a reason with its line.
    pub(in crate::ingest) misfits: Vec<String>,
}

/// Reads all of `source`. Blocks.
pub(in crate::ingest) fn survey(source: &Source, options: &Options, progress: &Progress) -> Result<CsvSurvey> {
    let input = bytes::open(source, progress)?;
    let delimiter = options.csv.delimiter_for(source.name());
    let mut records = Records::new(input, source.name(), delimiter, options.csv.quote);
    let Some(mut start) = opening(&mut records, &options.csv)? else { return Ok(CsvSurvey::default()) };
    let mut found = CsvSurvey { renamed: start.renamed, ..CsvSurvey::default() };
    let mut checks = Vec::with_capacity(start.names.len());
    for name in start.names {
        let declared = declared_field(options, &name);
        checks.push(declared.as_ref().map(Check::new));
        let name = declared.as_ref().map_or(name, |field| field.name().clone());
        found.columns.push((name, Kinds::any(), declared));
    }
    let mut record = Record::default();
    let columns = found.columns.len();
    while next_data(&mut records, &mut start.first, &mut record, columns)? {
        found.rows += 1;
        for (index, ((name, kinds, _), check)) in found.columns.iter_mut().zip(&mut checks).enumerate() {
            let (text, quoting) = records.text(&record, index)?;
            let null = quoting == Quoting::Plain && options.csv.is_null(text);
            match check {
                Some(check) => {
                    if let Some(reason) = check.see(if null { None } else { Some(text) }, found.rows) {
                        found.misfits.push(format!("line {}, column {name}: {reason}", record.line()));
                    }
                }
                // Quotes say that an empty field is a text; a quoted number is a number.
                None if !null => kinds.see(text),
                None => {}
            }
        }
    }
    Ok(found)
}

/// Whether the values of a declared column fit it, until the first that doesn't.
struct Check {
    field: FieldRef,
    column: Option<Box<dyn Column>>,
    failed: bool,
}

impl Check {
    fn new(field: &FieldRef) -> Check {
        Check { field: field.clone(), column: column(field.data_type()), failed: false }
    }

    fn see(&mut self, text: Option<&str>, rows: u64) -> Option<String> {
        if self.failed {
            return None;
        }
        if rows.is_multiple_of(CHECKED_ROWS)
            && let Some(column) = &mut self.column
        {
            column.finish();
        }
        let reason = match text {
            Some(text) => misfit(&self.field, self.column.as_deref_mut(), text),
            None => null_misfit(&self.field),
        };
        self.failed = reason.is_some();
        reason
    }
}

/// Appends `text` to `column`, or says why it isn't a value of `field`.
pub(super) fn misfit(field: &FieldRef, column: Option<&mut (dyn Column + 'static)>, text: &str) -> Option<String> {
    let name = type_name(field.data_type());
    match column {
        None => Some(format!("CSV can't hold values of the type {name}")),
        Some(column) => {
            (!column.push(text)).then(|| format!("{} isn't a value of the type {name}", fault::shown(text)))
        }
    }
}

/// Why `field` may not be null here, if it may not.
pub(super) fn null_misfit(field: &FieldRef) -> Option<String> {
    (!field.is_nullable()).then(|| "the value is missing and the column may not be null".to_owned())
}

//! The first pass over an NDJSON file: its columns and their shapes.

use std::collections::HashMap;

use arrow::datatypes::FieldRef;
use lakebed_txlog::{Error, Result};
use serde_json::value::RawValue;

use super::lines::Lines;
use super::node::{Node, Nulls};
use super::shape::{Misfit, StructShape};
use super::value::line;
use crate::ingest::kind::type_name;
use crate::ingest::options::Options;
use crate::ingest::source::Source;
use crate::ingest::survey::{Progress, declared_field};
use crate::ingest::{bytes, fault};

/// Values after which those that were only checked are dropped.
const CHECKED_VALUES: usize = 8192;

/// What an NDJSON file holds.
#[derive(Debug, Default)]
pub(in crate::ingest) struct JsonSurvey {
    /// Columns without a declared type, by their names in the file.
    pub(in crate::ingest) shape: StructShape,
    /// Declared columns that the file has: the name in the file, the field.
    pub(in crate::ingest) declared: Vec<(String, FieldRef)>,
    pub(in crate::ingest) rows: u64,
    /// The first value of each declared column that its type can't hold, as a reason with its line.
    pub(in crate::ingest) misfits: Vec<String>,
}

/// Reads all of `source`. Blocks.
pub(in crate::ingest) fn survey(source: &Source, options: &Options, progress: &Progress) -> Result<JsonSurvey> {
    let mut lines = Lines::new(bytes::open(source, progress)?, source.name())?;
    let mut found = JsonSurvey::default();
    let mut checks: HashMap<String, Option<Check>> = HashMap::new();
    let mut stamp = 0;
    while let Some((number, text, end)) = lines.next()? {
        let members =
            line(text, end).map_err(|reason| fault::at_line(source.name(), number, reason).hint(ONE_OBJECT))?;
        found.rows += 1;
        stamp += 1;
        let object = stamp;
        for (name, value) in members {
            let check = match checks.get_mut(name.as_ref()) {
                Some(check) => check,
                None => {
                    let field = declared_field(options, &name);
                    found.declared.extend(field.clone().map(|field| (name.to_string(), field)));
                    checks.entry(name.to_string()).or_insert(field.as_ref().map(Check::new))
                }
            };
            let place = |misfit: Misfit| misfit.under(&name);
            match check {
                Some(check) => {
                    if let Some(misfit) = check.see(value).map(place) {
                        found.misfits.push(format!("line {number}, column {}: {}", misfit.path, misfit.reason));
                    }
                }
                None => {
                    let shape = found.shape.member(&name, object).map_err(place);
                    shape
                        .and_then(|shape| shape.see(value, &mut stamp, 0).map_err(place))
                        .map_err(|misfit| at_misfit(source, number, &misfit))?;
                }
            }
        }
    }
    Ok(found)
}

const ONE_OBJECT: &str = "NDJSON is one JSON object per line, as `jq -c .` or `jq -c '.[]'` writes it";

/// The error of a value that doesn't fit.
pub(super) fn at_misfit(source: &Source, line: u64, misfit: &Misfit) -> Error {
    let column = &misfit.path;
    let reason = if column.is_empty() { misfit.reason.clone() } else { format!("column {column}: {}", misfit.reason) };
    fault::at_line(source.name(), line, reason)
        .hint("correct the value, or bring the column to one type before ingesting it")
}

/// Whether the values of a declared column fit it, until the first that doesn't.
struct Check {
    field: FieldRef,
    /// `None` for a type that JSON can't hold.
    node: Option<Node>,
    unchecked: usize,
    failed: bool,
}

impl Check {
    fn new(field: &FieldRef) -> Check {
        Check { field: field.clone(), node: Node::new(field.data_type()).ok(), unchecked: 0, failed: false }
    }

    fn see(&mut self, value: &RawValue) -> Option<Misfit> {
        if self.failed {
            return None;
        }
        let pushed = match &mut self.node {
            Some(node) => node.push(value, Nulls::of(&self.field)),
            None => {
                Err(Misfit::new(format!("JSON can't hold values of the type {}", type_name(self.field.data_type()))))
            }
        };
        self.unchecked += 1;
        if self.unchecked >= CHECKED_VALUES && pushed.is_ok() {
            self.unchecked = 0;
            self.node = Node::new(self.field.data_type()).ok();
        }
        self.failed = pushed.is_err();
        pushed.err()
    }
}

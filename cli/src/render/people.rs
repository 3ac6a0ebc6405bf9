//! Rows and facts as tables on a terminal.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use console::Term;
use lakebed_txlog::error::OneLine;
use lakebed_txlog::{Error, Result};

/// Longest cell, in characters.
const MAX_CELL_CHARS: usize = 120;

/// How values look in tables, and in CSV.
pub(crate) fn format_options<'a>(null: &'a str) -> FormatOptions<'a> {
    FormatOptions::new()
        .with_null(null)
        .with_display_error(false)
        .with_date_format(Some("%Y-%m-%d"))
        .with_timestamp_format(Some("%Y-%m-%dT%H:%M:%S%.f"))
        .with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.fZ"))
        .with_duration_format(DurationFormat::ISO8601)
}

/// An empty table with these headings.
pub(crate) fn table<'a>(headings: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    // On a terminal, long cells wrap; what goes to a file or a pipe keeps one line for each row.
    if let Some((_, columns)) = Term::stdout().size_checked() {
        table.set_width(columns);
    }
    table.set_header(headings.into_iter().map(|heading| Cell::new(printable(heading))));
    table
}

/// Text for one cell: control characters escaped, line ends shown, cut where it is too long.
pub(crate) fn printable(text: &str) -> String {
    let escaped = OneLine(text).to_string();
    match escaped.char_indices().nth(MAX_CELL_CHARS) {
        Some((end, _)) => format!("{}…", escaped.get(..end).unwrap_or_default()),
        None => escaped,
    }
}

/// A table for batches of `schema`.
pub(crate) fn table_of(schema: &Schema) -> Table {
    let mut table = table(schema.fields().iter().map(|field| field.name().as_str()));
    for (index, field) in schema.fields().iter().enumerate() {
        if is_number(field.data_type())
            && let Some(column) = table.column_mut(index)
        {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Adds the first `rows` rows of `batch`.
pub(crate) fn add_rows(table: &mut Table, batch: &RecordBatch, rows: usize) -> Result<()> {
    let options = format_options("NULL");
    let columns = batch
        .columns()
        .iter()
        .map(|array| ArrayFormatter::try_new(array, &options))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unshowable)?;
    for row in 0..rows.min(batch.num_rows()) {
        let mut cells = Vec::with_capacity(columns.len());
        for column in &columns {
            cells.push(Cell::new(printable(&column.value(row).try_to_string().map_err(unshowable)?)));
        }
        table.add_row(cells);
    }
    Ok(())
}

/// Names and values, one below the other.
pub(crate) fn facts<'a>(facts: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let facts: Vec<_> = facts.into_iter().collect();
    let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let line = |(name, value): &(&str, String)| format!("{name:<width$}  {}", OneLine(value));
    facts.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

fn unshowable(error: arrow::error::ArrowError) -> Error {
    Error::unsupported("a value can't be shown as text").hint("choose other columns").because(error)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    #[test]
    fn rows_are_drawn_and_escapes_are_shown() {
        let columns: [(&str, ArrayRef); 2] = [
            ("n", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]))),
            ("text", Arc::new(StringArray::from(vec!["a", "\u{1b}[2J", "x\ny"]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut table = table_of(&batch.schema());
        add_rows(&mut table, &batch, 2).unwrap();
        let drawn = table.to_string();
        assert!(drawn.contains("│    1 ┆ a"), "{drawn}");
        assert!(drawn.contains("│ NULL ┆ \\u{1b}[2J"), "{drawn}");
        assert!(!drawn.contains('\u{1b}') && !drawn.contains("x\\ny"), "{drawn}");
    }

    #[test]
    fn long_cells_are_cut_between_characters() {
        assert_eq!(printable(&"é".repeat(200)).chars().count(), MAX_CELL_CHARS + 1);
    }
}

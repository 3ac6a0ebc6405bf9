//! What the prompt offers on the tab key: keywords, tables, columns, its own commands.

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

/// Commands of the prompt.
pub(super) const COMMANDS: &[&str] = &["\\tables", "\\describe", "\\help", "\\quit"];

const KEYWORDS: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "ORDER BY",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "JOIN",
    "LEFT JOIN",
    "INNER JOIN",
    "FULL JOIN",
    "CROSS JOIN",
    "ON",
    "USING",
    "AS",
    "AND",
    "OR",
    "NOT",
    "IN",
    "IS NULL",
    "IS NOT NULL",
    "BETWEEN",
    "LIKE",
    "DISTINCT",
    "UNION ALL",
    "WITH",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "CAST",
    "DESC",
    "ASC",
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "EXPLAIN",
    "VERSION AS OF",
    "TIMESTAMP AS OF",
    "OVER",
    "PARTITION BY",
    "date_trunc",
    "coalesce",
    "round",
];

/// Tables, each with its columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    tables: Vec<(String, Vec<String>)>,
}

impl Names {
    /// Adds a table, as queries name it.
    pub(crate) fn add(&mut self, table: String, columns: Vec<String>) {
        self.tables.push((table, columns));
    }

    /// What may stand for `word`, the columns of tables that `line` names before those of others.
    fn offer(&self, line: &str, word: &str) -> Vec<String> {
        let begins = |candidate: &str| {
            candidate.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)) && candidate != word
        };
        if word.starts_with('\\') {
            return COMMANDS.iter().filter(|command| begins(command)).map(|command| (*command).to_owned()).collect();
        }
        let tables = self.tables.iter().map(|(table, _)| table.as_str());
        let named: Vec<_> = self.tables.iter().filter(|(table, _)| line.contains(table.as_str())).collect();
        let of_these = if named.is_empty() { self.tables.iter().collect() } else { named };
        let columns = of_these.iter().flat_map(|(_, columns)| columns.iter().map(String::as_str));
        let mut offered: Vec<String> = columns.chain(tables).filter(|name| begins(name)).map(str::to_owned).collect();
        if !word.is_empty() {
            offered.extend(KEYWORDS.iter().filter(|keyword| begins(keyword)).map(|keyword| (*keyword).to_owned()));
        }
        let mut seen = std::collections::HashSet::new();
        offered.retain(|name| seen.insert(name.clone()));
        offered
    }
}

/// What the line editor asks.
pub(super) struct Prompt {
    names: Names,
    hinter: HistoryHinter,
}

impl Prompt {
    pub(super) fn new(names: Names) -> Prompt {
        Prompt { names, hinter: HistoryHinter::new() }
    }
}

impl Completer for Prompt {
    type Candidate = String;

    fn complete(&self, line: &str, position: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let before = line.get(..position).unwrap_or(line);
        let start = before
            .char_indices()
            .rev()
            .take_while(|(_, c)| c.is_alphanumeric() || matches!(c, '_' | '.' | '\\'))
            .last()
            .map_or(before.len(), |(start, _)| start);
        Ok((start, self.names.offer(line, before.get(start..).unwrap_or_default())))
    }
}

impl Hinter for Prompt {
    type Hint = String;

    fn hint(&self, line: &str, position: usize, context: &Context<'_>) -> Option<String> {
        self.hinter.hint(line, position, context)
    }
}

impl Highlighter for Prompt {
    fn highlight_hint<'h>(&self, hint: &'h str) -> std::borrow::Cow<'h, str> {
        format!("\x1b[2m{hint}\x1b[0m").into()
    }
}

impl Validator for Prompt {}
impl Helper for Prompt {}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let mut names = Names::default();
        names.add("silver.flights".into(), vec!["carrier".into(), "arr_delay".into()]);
        names.add("gold.delays".into(), vec!["carrier".into(), "avg_delay".into()]);
        names
    }

    #[test]
    fn columns_of_the_named_table_come_first() {
        assert_eq!(names().offer("SELECT a FROM gold.delays", "a"), ["avg_delay", "AS", "AND", "ASC", "avg"]);
        assert_eq!(names().offer("SELECT * FROM g", "g"), ["gold.delays", "GROUP BY"]);
        assert_eq!(names().offer("\\d", "\\d"), ["\\describe"]);
    }
}

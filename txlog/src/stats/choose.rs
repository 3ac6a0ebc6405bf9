//! Which leaves get statistics.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Field, Schema};

use crate::schema::ColumnPath;
use crate::schema::arrow::is_variant;
use crate::{Error, Result};

const STATS_COLUMNS: &str = "delta.dataSkippingStatsColumns";
const NUM_INDEXED_COLS: &str = "delta.dataSkippingNumIndexedCols";
const DEFAULT_NUM_INDEXED_COLS: usize = 32;

/// The leaves of `schema` that the table's properties give statistics, in the order of the schema: those that
/// `delta.dataSkippingStatsColumns` names (a struct stands for all its leaves; a name that isn't in the schema for
/// none), else the first `delta.dataSkippingNumIndexedCols`, 32 by default, -1 for all. Arrays, maps and variants are
/// leaves.
///
/// `schema` has the logical names, as the properties do, and not the partition columns. Clustering columns must have
/// statistics too, whatever the properties say: the caller adds them.
///
/// # Errors
/// `InvalidRequest` when one of the two properties can't be read.
pub fn indexed_columns(schema: &Schema, properties: &BTreeMap<String, String>) -> Result<Vec<ColumnPath>> {
    let mut leaves = Vec::new();
    for field in schema.fields() {
        collect_leaves(field, &ColumnPath::new([field.name()]), &mut leaves);
    }
    if let Some(list) = properties.get(STATS_COLUMNS) {
        let named = parse_list(list).ok_or_else(|| {
            Error::invalid(format!("the table property {STATS_COLUMNS} isn't a list of columns: {list}"))
                .hint("separate the columns by commas, quote special names in backticks: a, s.x, `odd name`")
        })?;
        leaves.retain(|leaf| named.iter().any(|name| lies_within(leaf, name)));
        return Ok(leaves);
    }
    leaves.truncate(num_indexed_columns(properties)?);
    Ok(leaves)
}

fn num_indexed_columns(properties: &BTreeMap<String, String>) -> Result<usize> {
    let Some(text) = properties.get(NUM_INDEXED_COLS) else { return Ok(DEFAULT_NUM_INDEXED_COLS) };
    match text.trim().parse::<i64>() {
        Ok(-1) => Ok(usize::MAX),
        Ok(count) if count >= 0 => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
        _ => Err(Error::invalid(format!("the table property {NUM_INDEXED_COLS} isn't a count or -1: {text}"))),
    }
}

fn collect_leaves(field: &Field, path: &ColumnPath, leaves: &mut Vec<ColumnPath>) {
    match field.data_type() {
        DataType::Struct(children) if !is_variant(field) => {
            for child in children {
                collect_leaves(child, &path.child(child.name()), leaves);
            }
        }
        _ => leaves.push(path.clone()),
    }
}

/// Column names are matched as SQL does, whatever their case.
fn lies_within(leaf: &ColumnPath, named: &[String]) -> bool {
    let names = leaf.names();
    names.len() >= named.len() && names.iter().zip(named).all(|(a, b)| a.to_lowercase() == b.to_lowercase())
}

/// Column names as SQL writes them, separated by commas.
fn parse_list(list: &str) -> Option<Vec<Vec<String>>> {
    let mut columns = Vec::new();
    let mut rest = list.trim();
    while !rest.is_empty() {
        let mut path = Vec::new();
        loop {
            let (name, after) = parse_name(rest)?;
            path.push(name);
            rest = after.trim_start();
            match rest.strip_prefix('.') {
                Some(after) => rest = after.trim_start(),
                None => break,
            }
        }
        columns.push(path);
        match rest.strip_prefix(',') {
            Some(after) if !after.trim().is_empty() => rest = after.trim_start(),
            None if rest.is_empty() => {}
            _ => return None,
        }
    }
    Some(columns)
}

/// One name, plain or in backticks, and what follows it.
fn parse_name(text: &str) -> Option<(String, &str)> {
    let Some(mut quoted) = text.strip_prefix('`') else {
        let end = text.find([',', '.', '`']).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let name = name.trim_end();
        return (!name.is_empty()).then(|| (name.to_owned(), rest));
    };
    let mut name = String::new();
    loop {
        let (part, rest) = quoted.split_once('`')?;
        name.push_str(part);
        match rest.strip_prefix('`') {
            Some(more) => {
                name.push('`');
                quoted = more;
            }
            None => return (!name.is_empty()).then_some((name, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::arrow::{EXTENSION_NAME, VARIANT_EXTENSION};

    fn schema() -> Schema {
        let inner = vec![Field::new("x", DataType::Int32, true), Field::new("y.z", DataType::Int32, true)];
        let variant = Field::new("v", DataType::Struct(inner.clone().into()), true)
            .with_metadata([(EXTENSION_NAME.to_owned(), VARIANT_EXTENSION.to_owned())].into());
        Schema::new(vec![
            Field::new("a", DataType::Int32, true),
            Field::new("s", DataType::Struct(inner.into()), true),
            variant,
            Field::new("odd, name", DataType::Utf8, true),
        ])
    }

    fn chosen(properties: &[(&str, &str)]) -> Result<Vec<String>> {
        let properties = properties.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Ok(indexed_columns(&schema(), &properties)?.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn first_leaves_are_counted_through_structs() {
        let all = ["a", "s.x", "s.`y.z`", "v", "`odd, name`"];
        assert_eq!(chosen(&[]).unwrap(), all);
        assert_eq!(chosen(&[(NUM_INDEXED_COLS, "2")]).unwrap(), all[..2]);
        assert_eq!(chosen(&[(NUM_INDEXED_COLS, "0")]).unwrap(), all[..0]);
        assert_eq!(chosen(&[(NUM_INDEXED_COLS, "-1")]).unwrap(), all);
        assert!(chosen(&[(NUM_INDEXED_COLS, "some")]).is_err());
    }

    #[test]
    fn named_columns_win_over_the_count() {
        let names = |list| chosen(&[(STATS_COLUMNS, list), (NUM_INDEXED_COLS, "1")]);
        assert_eq!(names("S").unwrap(), ["s.x", "s.`y.z`"]);
        assert_eq!(names("`odd, name` , s.`y.z`, gone").unwrap(), ["s.`y.z`", "`odd, name`"]);
        assert_eq!(names("").unwrap(), [""; 0]);
        for broken in ["a,", "a..b", "`a", ",a", "a b`"] {
            assert!(names(broken).is_err(), "{broken}");
        }
    }
}

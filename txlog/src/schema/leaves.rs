//! The columns that statistics are kept of.

use super::data_type::DataType;
use super::field::{ColumnPath, StructField, StructType, fold_case};
use super::mapping::ColumnMappingMode;
use crate::error::{Error, Result};

/// How many leaf columns have statistics where the table says nothing.
pub const DEFAULT_INDEXED_COLUMNS: usize = 32;

/// A column without fields of its own: the end of a path through structs. Arrays and maps are leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf<'a> {
    /// Where it is, by the names that people see.
    pub path: ColumnPath,
    /// Where it is in statistics and data files, by physical names.
    pub physical_path: ColumnPath,
    /// The column itself.
    pub field: &'a StructField,
}

/// Which leaf columns have statistics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexedColumns {
    /// `delta.dataSkippingNumIndexedCols`: the first ones, partition columns not counted.
    First(usize),
    /// `delta.dataSkippingNumIndexedCols` = -1.
    All,
    /// `delta.dataSkippingStatsColumns`: these, and everything inside them; names whatever their case.
    Named(Vec<ColumnPath>),
}

impl Default for IndexedColumns {
    fn default() -> IndexedColumns {
        IndexedColumns::First(DEFAULT_INDEXED_COLUMNS)
    }
}

impl StructType {
    /// Every leaf column, in schema order.
    ///
    /// # Errors
    /// `Corrupt` when a column has no physical name though the mode asks for one.
    pub fn leaves(&self, mode: ColumnMappingMode) -> Result<Vec<Leaf<'_>>> {
        let mut leaves = Vec::new();
        collect(self, mode, &ColumnPath::default(), &ColumnPath::default(), &mut leaves)?;
        Ok(leaves)
    }

    /// The leaf columns that statistics are kept of: `null` counts of all of them, bounds where the type
    /// [has them](super::PrimitiveType::has_bounds). Partition columns have none.
    ///
    /// # Errors
    /// As [`StructType::leaves`].
    pub fn indexed_leaves(
        &self,
        mode: ColumnMappingMode,
        partition_columns: &[String],
        indexed: &IndexedColumns,
    ) -> Result<Vec<Leaf<'_>>> {
        let mut leaves = self.leaves(mode)?;
        leaves.retain(|leaf| leaf.path.names().first().is_none_or(|root| !partition_columns.contains(root)));
        match indexed {
            IndexedColumns::All => {}
            IndexedColumns::First(count) => leaves.truncate(*count),
            IndexedColumns::Named(named) => {
                let named: Vec<_> = named.iter().map(folded).collect();
                leaves.retain(|leaf| {
                    let path = folded(&leaf.path);
                    named.iter().any(|prefix| path.starts_with(prefix))
                });
            }
        }
        Ok(leaves)
    }
}

fn folded(path: &ColumnPath) -> Vec<String> {
    path.names().iter().map(|name| fold_case(name)).collect()
}

fn collect<'a>(
    structure: &'a StructType,
    mode: ColumnMappingMode,
    path: &ColumnPath,
    physical_path: &ColumnPath,
    leaves: &mut Vec<Leaf<'a>>,
) -> Result<()> {
    for field in structure.fields() {
        let path = path.child(&field.name);
        let physical_path = physical_path.child(&field.physical_name(mode)?);
        match &field.data_type {
            DataType::Struct(inner) => collect(inner, mode, &path, &physical_path, leaves)?,
            _ => leaves.push(Leaf { path, physical_path, field }),
        }
    }
    Ok(())
}

impl ColumnPath {
    /// The paths of a list such as ``a, b.c, `d.e`.f``: names separated by dots, paths by commas, backticks (doubled
    /// inside) around names that aren't plain.
    ///
    /// # Errors
    /// `InvalidRequest` when a name is empty or a backtick isn't closed.
    pub fn parse_list(text: &str) -> Result<Vec<ColumnPath>> {
        let wrong = |why: &str| Error::invalid(format!("{text:?} isn't a list of columns: {why}"));
        let mut paths = Vec::new();
        let mut names = Vec::new();
        let mut rest = text.trim();
        if rest.is_empty() {
            return Ok(paths);
        }
        loop {
            let (name, after) = match rest.strip_prefix('`') {
                Some(quoted) => quoted_name(quoted).ok_or_else(|| wrong("a backtick isn't closed"))?,
                None => {
                    let (name, after) = rest.split_at(rest.find(['.', ',']).unwrap_or(rest.len()));
                    (name.trim().to_owned(), after)
                }
            };
            if name.is_empty() {
                return Err(wrong("a name is empty"));
            }
            names.push(name);
            let after = after.trim_start();
            match after.chars().next() {
                Some('.') => {}
                Some(',') => paths.push(ColumnPath::new(std::mem::take(&mut names))),
                None => {
                    paths.push(ColumnPath::new(names));
                    return Ok(paths);
                }
                Some(_) => return Err(wrong("a comma or a dot is missing")),
            }
            rest = after.get(1..).unwrap_or_default().trim_start();
        }
    }
}

/// The name up to the closing backtick, and what follows it.
fn quoted_name(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('`')?;
        name.push_str(before);
        match after.strip_prefix('`') {
            Some(more) => {
                name.push('`');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> StructType {
        let json = r#"{"type":"struct","fields":[
            {"name":"p","type":"string","nullable":true,"metadata":{"delta.columnMapping.physicalName":"c0"}},
            {"name":"b","type":{"type":"struct","fields":[
                {"name":"c","type":"long","nullable":true,"metadata":{"delta.columnMapping.physicalName":"c2"}},
                {"name":"d.e","type":"long","nullable":true,"metadata":{"delta.columnMapping.physicalName":"c3"}}]},
             "nullable":true,"metadata":{"delta.columnMapping.physicalName":"c1"}},
            {"name":"f","type":{"type":"array","elementType":"long"},"nullable":true,
             "metadata":{"delta.columnMapping.physicalName":"c4"}},
            {"name":"g","type":"string","nullable":true,"metadata":{"delta.columnMapping.physicalName":"c5"}}]}"#;
        StructType::from_json(json).unwrap()
    }

    fn paths(mode: ColumnMappingMode, indexed: &IndexedColumns) -> Vec<String> {
        let schema = schema();
        let leaves = schema.indexed_leaves(mode, &["p".to_owned()], indexed).unwrap();
        leaves.iter().map(|leaf| format!("{}={}", leaf.path, leaf.physical_path)).collect()
    }

    #[test]
    fn the_first_leaves_count_without_partition_columns() {
        let none = ColumnMappingMode::None;
        assert_eq!(paths(none, &IndexedColumns::First(2)), ["b.c=b.c", "b.`d.e`=b.`d.e`"]);
        assert_eq!(paths(ColumnMappingMode::Name, &IndexedColumns::First(3)), ["b.c=c1.c2", "b.`d.e`=c1.c3", "f=c4"]);
        assert_eq!(paths(none, &IndexedColumns::default()).len(), 4);
        assert_eq!(paths(none, &IndexedColumns::All).len(), 4);
        assert!(paths(none, &IndexedColumns::First(0)).is_empty());
    }

    #[test]
    fn named_columns_hold_what_is_inside_them() {
        let named = |list: &str| IndexedColumns::Named(ColumnPath::parse_list(list).unwrap());
        let none = ColumnMappingMode::None;
        assert_eq!(paths(none, &named("B, g")), ["b.c=b.c", "b.`d.e`=b.`d.e`", "g=g"]);
        assert_eq!(paths(none, &named("b.`D.e`")), ["b.`d.e`=b.`d.e`"]);
        assert!(paths(none, &named("p, nothing")).is_empty());
    }

    #[test]
    fn lists_of_columns_are_read_with_their_quotes() {
        let read = |list: &str| {
            let paths = ColumnPath::parse_list(list).unwrap();
            paths.iter().map(|path| path.names().to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(read("a,b.c , `d``.,e`.f"), [vec!["a"], vec!["b", "c"], vec!["d`.,e", "f"]]);
        assert!(read("  ").is_empty());
        for wrong in ["a,,b", "a.", ".a", "`a", "`a`b", "a,"] {
            assert!(ColumnPath::parse_list(wrong).is_err(), "{wrong}");
        }
        let path = ColumnPath::new(["a b", "c`d", "e"]);
        assert_eq!(ColumnPath::parse_list(&path.to_string()).unwrap(), [path]);
    }

    #[test]
    fn a_mapped_column_without_a_physical_name_is_an_error() {
        let schema = StructType::new([StructField::nullable("a", DataType::LONG)]);
        assert!(schema.leaves(ColumnMappingMode::Name).is_err());
        assert!(schema.physical_schema(ColumnMappingMode::Id).is_err());
    }
}

//! Which leaf of the schema is meant.

use std::fmt;

use arrow::datatypes::DataType;

/// The names that lead from the root of a schema to a column: one for a column at the top, more for a nested field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnPath(Vec<String>);

impl ColumnPath {
    /// The path through `names`, outermost first.
    pub fn new<I>(names: I) -> ColumnPath
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        ColumnPath(names.into_iter().map(Into::into).collect())
    }

    /// A column at the top of the schema.
    pub fn top(name: impl Into<String>) -> ColumnPath {
        ColumnPath(vec![name.into()])
    }

    /// The names, outermost first.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The path of this column's field `name`.
    #[must_use]
    pub fn child(&self, name: impl Into<String>) -> ColumnPath {
        let mut names = self.0.clone();
        names.push(name.into());
        ColumnPath(names)
    }

    /// Whether `self` is `ancestor` or lies below it.
    #[must_use]
    pub fn starts_with(&self, ancestor: &ColumnPath) -> bool {
        self.0.starts_with(&ancestor.0)
    }
}

impl From<&str> for ColumnPath {
    /// A column at the top of the schema: a dot is part of the name.
    fn from(name: &str) -> ColumnPath {
        ColumnPath::top(name)
    }
}

impl fmt::Display for ColumnPath {
    /// Joined by dots; a name that isn't plain stands in backticks, those within doubled, as in SQL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, name) in self.0.iter().enumerate() {
            if depth > 0 {
                f.write_str(".")?;
            }
            let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
            if plain {
                f.write_str(name)?;
            } else {
                write!(f, "`{}`", name.replace('`', "``"))?;
            }
        }
        Ok(())
    }
}

/// A column whose statistics are asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct StatsColumn {
    /// What the caller, and a predicate, calls the column.
    pub path: ColumnPath,
    /// What the statistics call it: the physical names under column mapping.
    pub stored: ColumnPath,
    /// The type it has today, in which the bounds come back.
    pub data_type: DataType,
    /// The types it had before it was widened (`delta.typeChanges`): statistics of older files are written in them.
    pub widened_from: Vec<DataType>,
}

impl StatsColumn {
    /// A column stored under its own name, whose type has never changed.
    #[must_use]
    pub fn new(path: ColumnPath, data_type: DataType) -> StatsColumn {
        StatsColumn { stored: path.clone(), path, data_type, widened_from: Vec::new() }
    }

    /// Names what the statistics call the column.
    #[must_use]
    pub fn stored_as(mut self, stored: ColumnPath) -> StatsColumn {
        self.stored = stored;
        self
    }

    /// Names the types that the column had before.
    #[must_use]
    pub fn widened_from(mut self, types: Vec<DataType>) -> StatsColumn {
        self.widened_from = types;
        self
    }
}

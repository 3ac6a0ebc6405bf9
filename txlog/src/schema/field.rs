//! Structs, arrays, maps and the fields of a struct.

use std::fmt;

use super::data_type::DataType;
use super::metadata::FieldMetadata;
use crate::error::{Error, Result};

/// A column, top-level or inside a struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructField {
    /// The name that people see. It is the physical name only in [`ColumnMappingMode::None`](super::ColumnMappingMode).
    pub name: String,
    /// The type of its values.
    pub data_type: DataType,
    /// Whether a value can be `null`.
    pub nullable: bool,
    /// What the table says about the column beyond its type.
    pub metadata: FieldMetadata,
}

impl StructField {
    /// A column that can be `null`, without metadata.
    #[must_use]
    pub fn nullable(name: impl Into<String>, data_type: impl Into<DataType>) -> StructField {
        StructField {
            name: name.into(),
            data_type: data_type.into(),
            nullable: true,
            metadata: FieldMetadata::default(),
        }
    }

    /// A column that can't be `null`, without metadata.
    #[must_use]
    pub fn not_null(name: impl Into<String>, data_type: impl Into<DataType>) -> StructField {
        StructField { nullable: false, ..StructField::nullable(name, data_type) }
    }

    /// The same column with `metadata`.
    #[must_use]
    pub fn with_metadata(mut self, metadata: FieldMetadata) -> StructField {
        self.metadata = metadata;
        self
    }
}

/// A list of values of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayType {
    /// The type of an element.
    pub element_type: DataType,
    /// Whether an element can be `null`.
    pub contains_null: bool,
}

/// Keys, never `null`, with values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapType {
    /// The type of a key.
    pub key_type: DataType,
    /// The type of a value.
    pub value_type: DataType,
    /// Whether a value can be `null`.
    pub value_contains_null: bool,
}

/// The fields of a table or of a struct column, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StructType {
    fields: Vec<StructField>,
}

impl StructType {
    /// A struct of `fields`, in this order.
    #[must_use]
    pub fn new(fields: impl IntoIterator<Item = StructField>) -> StructType {
        StructType { fields: fields.into_iter().collect() }
    }

    /// The fields, in order.
    #[must_use]
    pub fn fields(&self) -> &[StructField] {
        &self.fields
    }

    /// The fields, in order, to be changed.
    pub fn fields_mut(&mut self) -> &mut Vec<StructField> {
        &mut self.fields
    }

    /// How many fields there are at this level.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The field of exactly this name. O(fields).
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&StructField> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The place of the field of exactly this name. O(fields).
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// The field that `name` means as engines resolve names: the one of exactly this name, else the only one that
    /// equals it when case is folded. O(fields).
    ///
    /// # Errors
    /// `InvalidRequest` when several fields equal it when case is folded and none exactly.
    pub fn resolve(&self, name: &str) -> Result<Option<(usize, &StructField)>> {
        if let Some(index) = self.index_of(name) {
            return Ok(self.fields.get(index).map(|field| (index, field)));
        }
        let folded = fold_case(name);
        let mut found = self.fields.iter().enumerate().filter(|(_, field)| fold_case(&field.name) == folded);
        let first = found.next();
        match (first, found.next()) {
            (Some((_, one)), Some((_, other))) => Err(Error::invalid(format!(
                "column {name:?} is ambiguous: the table has {:?} and {:?}",
                one.name, other.name
            ))),
            _ => Ok(first),
        }
    }

    /// The field at a path of names through nested structs (exact names), with the path's last name.
    #[must_use]
    pub fn field_at<'a>(&'a self, path: &[impl AsRef<str>]) -> Option<&'a StructField> {
        let (last, parents) = path.split_last()?;
        let mut level = self;
        for name in parents {
            match &level.field(name.as_ref())?.data_type {
                DataType::Struct(inner) => level = inner,
                _ => return None,
            }
        }
        level.field(last.as_ref())
    }

    /// Whether `found` holds of any type in the schema, at any depth.
    pub fn any_type(&self, found: &mut dyn FnMut(&DataType) -> bool) -> bool {
        self.fields.iter().any(|field| field.data_type.any(found))
    }

    /// Whether `found` holds of any field in the schema, at any depth, those inside arrays and maps included.
    pub fn any_field(&self, found: &mut dyn FnMut(&StructField) -> bool) -> bool {
        self.fields.iter().any(|field| {
            found(field)
                || field.data_type.any(&mut |data_type| match data_type {
                    DataType::Struct(inner) => inner.fields.iter().any(&mut *found),
                    _ => false,
                })
        })
    }

    /// That column names are unique whatever their case, at every level (protocol: "All column names must be unique
    /// regardless of casing"). It is asked when a schema is made or changed; a table that another engine left with
    /// such columns stays readable, as it is for Spark.
    ///
    /// # Errors
    /// `InvalidRequest` that names every clash.
    pub fn check_unique_names(&self) -> Result<()> {
        let mut clashes = Vec::new();
        find_clashes(self, &mut ColumnPath::default(), &mut clashes);
        if clashes.is_empty() {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "column names must be unique whatever their case, but these clash: {}",
            clashes.join("; ")
        ))
        .hint("rename one column of each pair"))
    }
}

fn find_clashes(level: &StructType, path: &mut ColumnPath, clashes: &mut Vec<String>) {
    let mut seen = std::collections::HashMap::new();
    for field in &level.fields {
        path.push(&field.name);
        if let Some(before) = seen.insert(fold_case(&field.name), path.to_string()) {
            clashes.push(format!("{before} and {path}"));
        }
        find_clashes_inside(&field.data_type, path, clashes);
        path.pop();
    }
}

fn find_clashes_inside(data_type: &DataType, path: &mut ColumnPath, clashes: &mut Vec<String>) {
    let mut inside = |name: &str, inner: &DataType| {
        path.push(name);
        find_clashes_inside(inner, path, clashes);
        path.pop();
    };
    match data_type {
        DataType::Primitive(_) | DataType::Unknown(_) => {}
        DataType::Array(array) => inside("element", &array.element_type),
        DataType::Map(map) => {
            inside("key", &map.key_type);
            inside("value", &map.value_type);
        }
        DataType::Struct(inner) => find_clashes(inner, path, clashes),
    }
}

/// A name with its case folded, as names are compared.
#[must_use]
pub fn fold_case(name: &str) -> String {
    name.to_lowercase()
}

/// Where a column is: field names from the root, with `element`, `key` and `value` inside arrays and maps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnPath(Vec<String>);

impl ColumnPath {
    /// The path of these names.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> ColumnPath {
        ColumnPath(names.into_iter().map(Into::into).collect())
    }

    /// The names, from the root.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }

    pub(crate) fn push(&mut self, name: &str) {
        self.0.push(name.to_owned());
    }

    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }

    /// The path of a field inside this one.
    #[must_use]
    pub fn child(&self, name: &str) -> ColumnPath {
        let mut child = self.clone();
        child.push(name);
        child
    }
}

impl fmt::Display for ColumnPath {
    /// Names joined by dots; a name that isn't plain stands in backticks, as in SQL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') {
                f.write_str(name)?;
            } else {
                write!(f, "`{}`", name.replace('`', "``"))?;
            }
        }
        Ok(())
    }
}

//! What a schema says about a column beyond its type.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{Error, Result};

/// Keys of a field's metadata that the protocol, or Spark, gives a meaning.
pub mod key {
    /// The column's id in column mapping, a number.
    pub const COLUMN_ID: &str = "delta.columnMapping.id";
    /// The column's name in data files, partition values and statistics.
    pub const PHYSICAL_NAME: &str = "delta.columnMapping.physicalName";
    /// Ids of `element`, `key` and `value` inside the column (Iceberg compatibility).
    pub const NESTED_IDS: &str = "delta.columnMapping.nested.ids";
    /// The SQL expression of a generated column.
    pub const GENERATION_EXPRESSION: &str = "delta.generationExpression";
    /// JSON text with the SQL expression that every value must satisfy.
    pub const INVARIANTS: &str = "delta.invariants";
    /// The first value of an identity column.
    pub const IDENTITY_START: &str = "delta.identity.start";
    /// The step of an identity column.
    pub const IDENTITY_STEP: &str = "delta.identity.step";
    /// The highest value that an identity column has given.
    pub const IDENTITY_HIGH_WATER_MARK: &str = "delta.identity.highWaterMark";
    /// Whether an identity column takes values from outside.
    pub const IDENTITY_ALLOW_EXPLICIT_INSERT: &str = "delta.identity.allowExplicitInsert";
    /// The SQL expression of the value that new rows get when they give none.
    pub const CURRENT_DEFAULT: &str = "CURRENT_DEFAULT";
    /// Spark's `char(n)` or `varchar(n)`, of which the type is `string`.
    pub const CHAR_VARCHAR_TYPE: &str = "__CHAR_VARCHAR_TYPE_STRING";
    /// The types that the column had before it was widened.
    pub const TYPE_CHANGES: &str = "delta.typeChanges";
    /// How strings of the column compare.
    pub const COLLATIONS: &str = "__COLLATIONS";
    /// What people say about the column.
    pub const COMMENT: &str = "comment";
}

/// The entries of a field's `metadata`, ordered by key. Values are kept as JSON text without spaces, so that no number
/// passes through a floating-point one (pitfall L7); two values are equal when their texts are.
#[derive(Clone, Debug, Default)]
pub struct FieldMetadata(BTreeMap<String, Box<RawValue>>);

impl FieldMetadata {
    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is an entry of `key`.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Keys with the JSON text of their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.get()))
    }

    /// The JSON text of `key`.
    #[must_use]
    pub fn json(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|value| value.get())
    }

    /// The value of `key` where it is text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.json(key)?).ok()
    }

    /// The value of `key` where it is an integer of 8 bytes.
    #[must_use]
    pub fn integer(&self, key: &str) -> Option<i64> {
        serde_json::from_str(self.json(key)?).ok()
    }

    /// The value of `key` where it is `true` or `false`.
    #[must_use]
    pub fn boolean(&self, key: &str) -> Option<bool> {
        serde_json::from_str(self.json(key)?).ok()
    }

    /// Sets `key`, replacing what it was.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        // The text of a `Value` is JSON without spaces: this can't fail.
        if let Ok(raw) = RawValue::from_string(value.into().to_string()) {
            self.0.insert(key.into(), raw);
        }
    }

    /// Sets `key` to a value given as JSON text.
    ///
    /// # Errors
    /// `InvalidRequest` when `json` isn't JSON.
    pub fn insert_json(&mut self, key: impl Into<String>, json: &str) -> Result<()> {
        let key = key.into();
        let raw = RawValue::from_string(without_spaces(json))
            .map_err(|e| Error::invalid(format!("the metadata value of {key:?} isn't JSON: {json}")).because(e))?;
        self.0.insert(key, raw);
        Ok(())
    }

    /// Removes `key`; says whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        self.0.remove(key).is_some()
    }

    /// Keeps the entries of which `keep` holds, by key.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|key, _| keep(key));
    }

    /// The column's id in column mapping.
    #[must_use]
    pub fn column_id(&self) -> Option<i64> {
        self.integer(key::COLUMN_ID)
    }

    /// The column's name in data files, partition values and statistics.
    #[must_use]
    pub fn physical_name(&self) -> Option<String> {
        self.text(key::PHYSICAL_NAME)
    }

    /// The SQL expression of a generated column.
    #[must_use]
    pub fn generation_expression(&self) -> Option<String> {
        self.text(key::GENERATION_EXPRESSION)
    }

    /// JSON text with the SQL expression that every value must satisfy.
    #[must_use]
    pub fn invariants(&self) -> Option<String> {
        self.text(key::INVARIANTS)
    }

    /// The SQL expression of the value that new rows get when they give none.
    #[must_use]
    pub fn current_default(&self) -> Option<String> {
        self.text(key::CURRENT_DEFAULT)
    }

    /// Spark's `char(n)` or `varchar(n)`.
    #[must_use]
    pub fn char_varchar_type(&self) -> Option<String> {
        self.text(key::CHAR_VARCHAR_TYPE)
    }

    /// Whether the column is an identity column.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.0.keys().any(|key| key.starts_with("delta.identity."))
    }

    pub(super) fn from_json(entries: BTreeMap<String, Box<RawValue>>) -> Result<FieldMetadata> {
        let mut metadata = FieldMetadata::default();
        for (key, value) in entries {
            metadata.insert_json(key, value.get())?;
        }
        Ok(metadata)
    }

    pub(super) fn entries(&self) -> &BTreeMap<String, Box<RawValue>> {
        &self.0
    }
}

impl PartialEq for FieldMetadata {
    fn eq(&self, other: &FieldMetadata) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for FieldMetadata {}

/// JSON text without the spaces between its tokens.
fn without_spaces(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in json.chars() {
        match (in_string, c) {
            (false, ' ' | '\t' | '\n' | '\r') => continue,
            (false, '"') => in_string = true,
            (true, '"') if !escaped => in_string = false,
            _ => {}
        }
        escaped = in_string && c == '\\' && !escaped;
        text.push(c);
    }
    text
}

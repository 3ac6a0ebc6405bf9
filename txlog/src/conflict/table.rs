//! Does a change of schema or properties matter to those who did not see it?
//!
//! It doesn't where every difference is one of these; whatever isn't listed does.
//!
//! | difference | why it doesn't |
//! |---|---|
//! | a column is added, at the top or in a struct, that can be NULL at every depth and of which the table says nothing but its comment and its id and name in mapped tables | rows written without it have NULL |
//! | a column that isn't a partition column gets a type that the protocol lets its type widen to | what was written in the former is read in the new one. It does matter to those who read by a condition: arithmetic may come to something else in another type |
//! | a column's comment, the table's name, description or creation time | people read them |
//! | a property of [`HARMLESS`]; the highest column id, upwards | they say how checkpoints and files are written, not what is in them |

use super::resolve::Winner;
use super::why::Why;
use crate::action::Metadata;
use crate::protocol::properties as property;
use crate::schema::metadata::key;
use crate::schema::{ColumnPath, DataType, PrimitiveType, StructField, StructType};
use crate::transaction::{Reads, Transaction};

/// Properties that don't matter to those who did not see them change.
pub(super) const HARMLESS: [&str; 4] = [
    property::CHECKPOINT_INTERVAL,
    property::CHECKPOINT_WRITE_STATS_AS_JSON,
    property::CHECKPOINT_WRITE_STATS_AS_STRUCT,
    property::PARQUET_COMPRESSION_CODEC,
];

/// E, F, G.
pub(super) fn check(ours: &Transaction, reads: &Reads, winner: &Winner<'_>) -> Result<(), Why> {
    let commit = winner.commit;
    let sets_protocol = ours.actions().iter().any(|action| matches!(action, crate::action::Action::Protocol(_)));
    if sets_protocol || commit.protocol.is_some() {
        return Err(Why::Protocol);
    }
    let before = winner.before.metadata();
    match (ours.metadata(), &commit.metadata) {
        (None, None) => Ok(()),
        (Some(_), Some(_)) => Err(Why::BothMetadata),
        (Some(ours), None) => compare(before, ours).map(|_| ()).map_err(Why::Constrains),
        (None, Some(theirs)) if reads.is_of_table() && theirs != before => {
            Err(Why::Metadata("schema or properties".to_owned()))
        }
        (None, Some(theirs)) => match compare(before, theirs).map_err(Why::Metadata)? {
            Some(widened) if !reads.predicates().is_empty() => Err(Why::Metadata(widened)),
            _ => Ok(()),
        },
    }
}

/// A column whose type was widened, where there is one.
type Widened = Option<String>;

/// That every difference is on the list; else the first that isn't.
fn compare(before: &Metadata, after: &Metadata) -> Result<Widened, String> {
    let unequal = [
        ("the table's id", before.id != after.id),
        ("the format of files", before.format != after.format),
        ("the partition columns", before.partition_columns != after.partition_columns),
    ];
    if let Some((what, _)) = unequal.iter().find(|(_, differs)| *differs) {
        return Err((*what).to_owned());
    }
    let keys = before.configuration.keys().chain(after.configuration.keys());
    let mut changed = keys.filter(|key| before.configuration.get(*key) != after.configuration.get(*key));
    if let Some(key) = changed.find(|key| !is_harmless(key, before, after)) {
        return Err(format!("the property {key}"));
    }
    if before.schema_string == after.schema_string {
        return Ok(None);
    }
    let parsed = |metadata: &Metadata| {
        StructType::from_json(&metadata.schema_string).map_err(|_| "a schema that can't be read".to_owned())
    };
    let mut comparison = Comparison { partitions: &before.partition_columns, widened: None };
    let (before, after) = (parsed(before)?, parsed(after)?);
    after.check_unique_names().map_err(|_| "two columns of one name".to_owned())?;
    comparison.structs(&ColumnPath::default(), &before, &after)?;
    Ok(comparison.widened)
}

fn is_harmless(key: &str, before: &Metadata, after: &Metadata) -> bool {
    if key == property::COLUMN_MAPPING_MAX_COLUMN_ID {
        let id = |metadata: &Metadata| metadata.configuration.get(key).and_then(|id| id.parse::<i64>().ok());
        return matches!((id(before), id(after)), (Some(before), Some(after)) if before <= after);
    }
    HARMLESS.contains(&key)
}

struct Comparison<'a> {
    partitions: &'a [String],
    widened: Widened,
}

impl Comparison<'_> {
    fn structs(&mut self, at: &ColumnPath, before: &StructType, after: &StructType) -> Result<(), String> {
        let kept: Vec<&StructField> =
            after.fields().iter().filter(|field| before.field(&field.name).is_some()).collect();
        if !kept.iter().map(|field| &field.name).eq(before.fields().iter().map(|field| &field.name)) {
            return Err(format!("columns that are gone or in another order{}", inside(at)));
        }
        for (old, new) in before.fields().iter().zip(kept) {
            self.fields(&at.child(&old.name), old, new)?;
        }
        let mut added = after.fields().iter().filter(|field| before.field(&field.name).is_none());
        match added.find(|field| !is_plain(field)) {
            Some(field) => Err(format!("the new column {}, which isn't a plain one", at.child(&field.name))),
            None => Ok(()),
        }
    }

    fn fields(&mut self, at: &ColumnPath, old: &StructField, new: &StructField) -> Result<(), String> {
        if old.nullable != new.nullable {
            return Err(format!("whether {at} can be NULL"));
        }
        let widens = self.types(at, &old.data_type, &new.data_type)?;
        let said = |field: &StructField| {
            let mut metadata = field.metadata.clone();
            metadata.retain(|name| name != key::COMMENT && (!widens || name != key::TYPE_CHANGES));
            metadata
        };
        if said(old) != said(new) {
            return Err(format!("what the table says of {at}"));
        }
        if widens {
            self.widened.get_or_insert_with(|| format!("the type of {at}"));
        }
        Ok(())
    }

    /// Whether the type is widened.
    fn types(&mut self, at: &ColumnPath, old: &DataType, new: &DataType) -> Result<bool, String> {
        if let (DataType::Struct(old), DataType::Struct(new)) = (old, new) {
            return self.structs(at, old, new).map(|()| false);
        }
        if old == new {
            return Ok(false);
        }
        let is_partition = matches!(at.names(), [name] if self.partitions.contains(name));
        match (old.primitive(), new.primitive()) {
            (Some(old), Some(new)) if old.widens_to(new) && !is_partition => Ok(true),
            _ => Err(format!("the type of {at}")),
        }
    }
}

fn inside(at: &ColumnPath) -> String {
    if at.names().is_empty() { String::new() } else { format!(" in {at}") }
}

/// A column that rows written without it simply have NULL in.
fn is_plain(field: &StructField) -> bool {
    const SAID: [&str; 3] = [key::COMMENT, key::COLUMN_ID, key::PHYSICAL_NAME];
    field.nullable && field.metadata.iter().all(|(name, _)| SAID.contains(&name)) && is_plain_type(&field.data_type)
}

fn is_plain_type(data_type: &DataType) -> bool {
    match data_type {
        DataType::Primitive(primitive) => *primitive != PrimitiveType::Void,
        DataType::Struct(inner) => inner.fields().iter().all(is_plain),
        DataType::Array(array) => array.contains_null && is_plain_type(&array.element_type),
        DataType::Map(map) => map.value_contains_null && is_plain_type(&map.key_type) && is_plain_type(&map.value_type),
        DataType::Unknown(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::FieldMetadata;

    fn metadata(schema: &StructType) -> Metadata {
        Metadata {
            id: "id".into(),
            schema_string: schema.to_json(),
            partition_columns: vec!["p".into()],
            configuration: [("delta.checkpointInterval".to_owned(), "5".to_owned())].into(),
            ..Metadata::default()
        }
    }

    fn schema() -> StructType {
        StructType::new([
            StructField::nullable("k", DataType::INTEGER),
            StructField::not_null("p", DataType::INTEGER),
            StructField::nullable("s", StructType::new([StructField::nullable("x", DataType::INTEGER)])),
        ])
    }

    /// What the comparison of `schema()` with it changed says.
    #[track_caller]
    fn changed(change: impl FnOnce(&mut Vec<StructField>)) -> Result<Widened, String> {
        let mut after = schema();
        change(after.fields_mut());
        compare(&metadata(&schema()), &metadata(&after))
    }

    fn said(key: &str, value: &str) -> FieldMetadata {
        let mut said = FieldMetadata::default();
        said.insert(key, value);
        said
    }

    fn column(key: &str) -> StructField {
        StructField::nullable("new", DataType::LONG).with_metadata(said(key, "1"))
    }

    #[test]
    fn plain_columns_may_be_added_and_no_others() {
        let nested = |field| StructField::nullable("new", StructType::new([field]));
        for plain in [
            StructField::nullable("new", DataType::LONG),
            StructField::nullable("new", DataType::array(DataType::STRING)),
            nested(StructField::nullable("y", DataType::LONG)),
            column(key::COMMENT),
            column(key::PHYSICAL_NAME),
        ] {
            assert_eq!(changed(|fields| fields.insert(1, plain.clone())), Ok(None), "{plain:?}");
            assert_eq!(
                changed(|fields| {
                    let DataType::Struct(inner) = &mut fields[2].data_type else { panic!("a struct") };
                    inner.fields_mut().push(plain.clone());
                }),
                Ok(None)
            );
        }
        for other in [
            StructField::not_null("new", DataType::LONG),
            StructField::nullable("new", DataType::VOID),
            StructField::nullable("P", DataType::LONG),
            nested(StructField::not_null("y", DataType::LONG)),
            column(key::GENERATION_EXPRESSION),
            column(key::INVARIANTS),
            column(key::IDENTITY_START),
            column(key::CURRENT_DEFAULT),
            column("lakebed.personal"),
        ] {
            assert!(changed(|fields| fields.push(other.clone())).is_err(), "{other:?}");
        }
    }

    #[test]
    fn types_may_widen_but_those_of_partition_columns() {
        let widened = |name: &str| Ok(Some(format!("the type of {name}")));
        assert_eq!(changed(|fields| fields[0].data_type = DataType::LONG), widened("k"));
        let record = |fields: &mut Vec<StructField>| {
            fields[0].data_type = DataType::LONG;
            fields[0].metadata = said(key::TYPE_CHANGES, "[]");
        };
        assert_eq!(changed(record), widened("k"));
        assert!(changed(|fields| fields[0].metadata = said(key::TYPE_CHANGES, "[]")).is_err());
        assert!(changed(|fields| fields[1].data_type = DataType::LONG).is_err());
        assert!(changed(|fields| fields[0].data_type = DataType::STRING).is_err());
        assert!(changed(|fields| fields[0].data_type = DataType::array(DataType::INTEGER)).is_err());
    }

    #[test]
    fn columns_may_not_go_move_or_change_otherwise() {
        assert_eq!(changed(|fields| fields[0].metadata = said(key::COMMENT, "a")), Ok(None));
        assert!(changed(|fields| fields[0].metadata = said(key::INVARIANTS, "a")).is_err());
        assert!(changed(|fields| drop(fields.remove(0))).is_err());
        assert!(changed(|fields| fields.swap(0, 1)).is_err());
        assert!(changed(|fields| fields[0].name = "other".into()).is_err());
        assert!(changed(|fields| fields[0].nullable = false).is_err());
        assert!(changed(|fields| fields[1].nullable = true).is_err());
    }

    #[test]
    fn only_listed_properties_may_change() {
        let before = metadata(&schema());
        let with = |key: &str, value: &str| {
            let mut after = before.clone();
            after.configuration.insert(key.into(), value.into());
            compare(&before, &after)
        };
        for key in HARMLESS {
            assert_eq!(with(key, "7"), Ok(None));
        }
        for key in [
            property::APPEND_ONLY,
            property::ENABLE_DELETION_VECTORS,
            property::ENABLE_ROW_TRACKING,
            property::ENABLE_CHANGE_DATA_FEED,
            property::ENABLE_IN_COMMIT_TIMESTAMPS,
            property::COLUMN_MAPPING_MODE,
            property::COLUMN_MAPPING_MAX_COLUMN_ID,
            property::LOG_RETENTION_DURATION,
            property::DELETED_FILE_RETENTION_DURATION,
            "delta.constraints.positive",
            "delta.enableIcebergCompatV2",
            "lakebed.anything",
        ] {
            assert_eq!(with(key, "7"), Err(format!("the property {key}")));
        }
        let gone = Metadata { configuration: [].into(), ..before.clone() };
        assert_eq!(compare(&before, &gone), Ok(None));
        assert_eq!(compare(&before, &Metadata { description: Some("x".into()), ..before.clone() }), Ok(None));
        assert!(compare(&before, &Metadata { id: "other".into(), ..before.clone() }).is_err());
        assert!(compare(&before, &Metadata { partition_columns: vec![], ..before.clone() }).is_err());
    }

    #[test]
    fn the_highest_column_id_only_rises() {
        let with = |id: &str| {
            let mut metadata = metadata(&schema());
            metadata.configuration.insert(property::COLUMN_MAPPING_MAX_COLUMN_ID.into(), id.into());
            metadata
        };
        assert_eq!(compare(&with("4"), &with("5")), Ok(None));
        assert!(compare(&with("5"), &with("4")).is_err());
        assert!(compare(&with("5"), &with("x")).is_err());
    }
}

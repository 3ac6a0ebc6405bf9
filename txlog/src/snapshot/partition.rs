//! Which condition do exactly the rows of a partition satisfy?

use super::Snapshot;
use crate::action::PartitionValues;
use crate::error::Result;
use crate::partition::{columns, format, to_array};
use crate::predicate::{Comparison, Literal, Predicate, settled};
use crate::schema::ColumnPath;

impl Snapshot {
    /// What the partition of these values, as they stand in an `add`, has in common with itself as other writers spell it, and
    /// with no other: the values as this engine writes them, in the order of the partition columns.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when a value isn't one of its column's type.
    pub fn partition_key(&self, values: &PartitionValues) -> Result<Vec<Option<String>>> {
        let key = columns(self.schema(), self.partition_columns(), self.column_mapping())?.into_iter().map(|column| {
            let text = values.get(&column.physical_name).and_then(|value| value.as_deref());
            format(&settled(&to_array(&column.field.data_type, [text])?), 0)
        });
        key.collect()
    }

    /// The condition that is true of the rows in the partition of these values, as they stand in an `add`, and of no
    /// others. A value that is absent is NULL; a table without partitions is one.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when a value isn't one of its column's type.
    pub fn in_partition(&self, values: &PartitionValues) -> Result<Predicate> {
        let mut conditions = Vec::new();
        for column in columns(self.schema(), self.partition_columns(), self.column_mapping())? {
            let path = ColumnPath::new([column.field.name.as_str()]);
            let text = values.get(&column.physical_name).and_then(|value| value.as_deref());
            let value = Literal::new(to_array(&column.field.data_type, [text])?)?;
            conditions.push(match value.is_null() {
                true => Predicate::IsNull(path),
                false => Predicate::Compare(path, Comparison::Eq, value),
            });
        }
        Ok(Predicate::And(conditions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Add, Metadata, Protocol};
    use crate::replay::Commit;
    use crate::schema::{DataType, FieldMetadata, StructField, StructType, metadata::key};

    /// A table partitioned by columns of these types, under mapped names.
    fn table(types: &[DataType]) -> Snapshot {
        let field = |(at, data_type): (usize, &DataType)| {
            let mut said = FieldMetadata::default();
            said.insert(key::PHYSICAL_NAME, format!("col-{at}"));
            said.insert(key::COLUMN_ID, at as i64 + 1);
            StructField::nullable(format!("p{at}"), data_type.clone()).with_metadata(said)
        };
        let names = (0..types.len()).map(|at| format!("p{at}")).collect();
        let commit = Commit {
            protocol: Some(Protocol { min_reader_version: 2, min_writer_version: 5, ..Protocol::default() }),
            metadata: Some(Metadata {
                schema_string: StructType::new(types.iter().enumerate().map(field)).to_json(),
                partition_columns: names,
                configuration: [("delta.columnMapping.mode".to_owned(), "name".to_owned())].into(),
                ..Metadata::default()
            }),
            ..Commit::default()
        };
        Snapshot::follow(None, &[commit]).unwrap()
    }

    fn values(texts: &[Option<&str>]) -> PartitionValues {
        texts.iter().enumerate().map(|(at, text)| (format!("col-{at}"), text.map(str::to_owned))).collect()
    }

    #[test]
    fn a_file_matches_its_own_partition_and_no_other() {
        let kinds = [
            (DataType::INTEGER, ["1", "2"]),
            (DataType::STRING, ["a", "A"]),
            (DataType::DATE, ["2020-01-01", "2020-01-02"]),
            (DataType::TIMESTAMP, ["2020-01-01 00:00:00", "2020-01-01 00:00:00.000001"]),
            (DataType::BOOLEAN, ["true", "false"]),
            (DataType::DOUBLE, ["NaN", "0.5"]),
        ];
        let types: Vec<DataType> = kinds.iter().map(|(data_type, _)| data_type.clone()).collect();
        let table = table(&types);
        let [first, second] = [0, 1].map(|which| kinds.iter().map(|(_, texts)| Some(texts[which])).collect::<Vec<_>>());
        let mut partitions = vec![first.clone(), second.clone()];
        for at in 0..kinds.len() {
            let mut mixed = first.clone();
            mixed[at] = second[at];
            partitions.push(mixed.clone());
            mixed[at] = None;
            partitions.push(mixed);
        }
        let adds: Vec<Add> =
            partitions.iter().map(|texts| Add { partition_values: values(texts), ..Add::default() }).collect();
        for (at, texts) in partitions.iter().enumerate() {
            let predicate = table.in_partition(&values(texts)).unwrap();
            let expected: Vec<bool> = (0..adds.len()).map(|other| other == at).collect();
            assert_eq!(table.may_match(&predicate, &adds).unwrap(), expected, "{predicate}");
        }
    }

    #[test]
    fn an_absent_or_empty_value_is_null_and_a_malformed_one_an_error() {
        let table = table(&[DataType::INTEGER]);
        let null = Predicate::And(vec![Predicate::IsNull(ColumnPath::new(["p0"]))]);
        for none in [values(&[None]), values(&[Some("")]), PartitionValues::new()] {
            assert_eq!(table.in_partition(&none).unwrap(), null);
        }
        assert_eq!(table.in_partition(&values(&[Some("x")])).unwrap_err().kind(), crate::ErrorKind::Corrupt);
    }

    #[test]
    fn a_partition_is_the_same_however_its_values_are_spelled() {
        let kinds = [
            (DataType::INTEGER, ["7", "007"]),
            (DataType::TIMESTAMP, ["2020-01-01 10:00:00", "2020-01-01T10:00:00.000000Z"]),
            (DataType::TIMESTAMP_NTZ, ["2020-01-01 10:00:00.5", "2020-01-01 10:00:00.500000"]),
            (DataType::BOOLEAN, ["true", "TRUE"]),
            (DataType::DOUBLE, ["5", "5.0"]),
            (DataType::DOUBLE, ["-0.0", "0"]),
            (DataType::DOUBLE, ["NaN", "NaN"]),
            (DataType::Primitive(crate::schema::PrimitiveType::Decimal { precision: 10, scale: 2 }), ["1.5", "1.50"]),
        ];
        let types: Vec<DataType> = kinds.iter().map(|(data_type, _)| data_type.clone()).collect();
        let table = table(&types);
        let [one, other] = [0, 1].map(|which| kinds.iter().map(|(_, texts)| Some(texts[which])).collect::<Vec<_>>());
        let key = |texts: &[Option<&str>]| table.partition_key(&values(texts)).unwrap();
        assert_eq!(key(&one), key(&other));
        for at in 0..kinds.len() {
            let mut third = one.clone();
            third[at] = None;
            assert_ne!(key(&one), key(&third));
            let mut empty = third.clone();
            empty[at] = Some("");
            assert_eq!(key(&third), key(&empty));
        }
        assert_eq!(table.partition_key(&PartitionValues::new()).unwrap(), vec![None; kinds.len()]);
    }

    #[test]
    fn a_table_without_partitions_is_one() {
        let table = table(&[]);
        assert_eq!(table.in_partition(&PartitionValues::new()).unwrap(), Predicate::And(vec![]));
    }
}

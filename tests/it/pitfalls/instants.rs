//! Are INT96 timestamps read in their full range (S9)?

use std::fs::{self, File};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit, TimestampMicrosecondType};
use lakebed::CreateTable;
use lakebed::query::ScanRequest;
use lakebed_txlog::action::{Action, Add};
use lakebed_txlog::drive::CommitOptions;
use lakebed_txlog::transaction::{Kind, Transaction};
use parquet::data_type::{Int96, Int96Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// The Julian day that 1970-01-01 is.
const EPOCH_DAY: i64 = 2_440_588;
const DAY_US: i64 = 86_400_000_000;

/// Days since 1970-01-01, and microseconds of that day: 0001-01-01, the ends of what nanoseconds hold (1677-09-21,
/// 2262-04-11) and a day beyond either, the last microsecond before 1970, 2024-02-29, 9999-12-31.
const INSTANTS: [(i64, i64); 8] = [
    (-719_162, 0),
    (-106_752, 0),
    (-106_753, 1),
    (-1, DAY_US - 1),
    (19_782, 43_200_000_001),
    (106_751, 85_636_854_775),
    (106_752, 7),
    (2_932_896, DAY_US - 1),
];

fn int96((days, us): (i64, i64)) -> Int96 {
    let nanoseconds = us * 1_000;
    let mut value = Int96::new();
    value.set_data(nanoseconds as u32, (nanoseconds >> 32) as u32, u32::try_from(days + EPOCH_DAY).unwrap());
    value
}

#[tokio::test]
async fn s9_int96_timestamps_are_read_in_their_full_range() {
    let folder = tempfile::tempdir().unwrap();
    let at = Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true);
    let create = CreateTable::of_arrow(&Schema::new(vec![at])).unwrap();
    let table = create.create(folder.path().to_str().unwrap()).await.unwrap();
    let path = folder.path().join("part-1.parquet");
    let schema = Arc::new(parse_message_type("message m { optional int96 at; }").unwrap());
    let properties = Arc::new(WriterProperties::default());
    let mut writer = SerializedFileWriter::new(File::create(&path).unwrap(), schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let values: Vec<Int96> = INSTANTS.into_iter().map(int96).collect();
    column.typed::<Int96Type>().write_batch(&values, Some(&vec![1; values.len()]), None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    let mut transaction = Transaction::new(Kind::Append, "WRITE");
    transaction.push(Action::Add(Add {
        path: "part-1.parquet".into(),
        size: i64::try_from(fs::metadata(&path).unwrap().len()).unwrap(),
        data_change: true,
        ..Add::default()
    }));
    table.commit(&transaction, None, &CommitOptions::default()).await.unwrap().committed().unwrap();
    let request = ScanRequest::default();
    let batches = table.scan(&table.snapshot(), &request).await.unwrap().collect().await.unwrap();
    let read: Vec<i64> = batches
        .iter()
        .flat_map(|batch| batch.column(0).as_primitive::<TimestampMicrosecondType>().values().to_vec())
        .collect();
    assert_eq!(read, INSTANTS.map(|(days, us)| days * DAY_US + us));
}

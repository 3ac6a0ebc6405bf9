//! Sizes, memory and order, whatever the rows.

use arrow::array::{AsArray, Int64Array, StringArray};
use arrow::datatypes::Int64Type;
use lakebed_txlog::schema::DataType;
use proptest::prelude::*;

use super::*;
use crate::write::DataWriter;

/// Numbers that don't compress: a multiplicative hash of the row.
fn noise(rows: std::ops::Range<u64>) -> Int64Array {
    Int64Array::from_iter_values(rows.map(|row| row.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31).cast_signed()))
}

#[tokio::test]
async fn files_are_rolled_near_the_target_and_keep_the_order() {
    let mut table = Table::new("rolled", [StructField::nullable("n", DataType::LONG)], &[]);
    table.options.target_file_bytes = 1 << 20;
    table.options.row_group_bytes = 300 << 10;
    let batches = (0..100).map(|i| batch(vec![("n", Arc::new(noise(i * 8192..(i + 1) * 8192)))]));
    let files = table.write(batches.collect()).await.unwrap();
    let (last, full) = files.adds.split_last().unwrap();
    assert!((5..=7).contains(&full.len()), "{}", full.len());
    for add in full {
        assert!((1 << 20..5 << 18).contains(&add.size), "{}", add.size);
    }
    assert!(last.size <= 5 << 18);
    let mut rows = Vec::new();
    for add in &files.adds {
        rows.extend_from_slice(table.rows(add).await.column(0).as_primitive::<Int64Type>().values());
    }
    assert_eq!(rows, noise(0..819_200).values().to_vec());
}

#[tokio::test]
async fn a_thousand_partitions_stay_within_the_budget() {
    let fields = [StructField::nullable("n", DataType::LONG), StructField::nullable("p", DataType::LONG)];
    let mut table = Table::new("thousand", fields, &["p"]);
    table.options.memory_bytes = 4 << 20;
    let step = |i: u64| {
        let rows = i * 10_000..(i + 1) * 10_000;
        let p = Int64Array::from_iter_values(rows.clone().map(|row| (row * 7919 % 1000).cast_signed()));
        batch(vec![("n", Arc::new(noise(rows))), ("p", Arc::new(p))])
    };
    let schema = step(0).schema();
    let mut writer = DataWriter::new(&table.store, &table.layout, &table.options, &table.env, &schema).unwrap();
    let mut highest = 0;
    for i in 0..60 {
        writer.write(step(i)).await.unwrap();
        highest = highest.max(writer.memory_bytes());
    }
    assert!(highest <= 4 << 20, "{highest}");
    let files = writer.finish().await.unwrap();
    assert_eq!(files.num_rows, 600_000);
    let counted: u64 = files.adds.iter().map(|add| stats(add)["numRecords"].as_u64().unwrap()).sum();
    assert_eq!(counted, 600_000);
    let partitions: std::collections::BTreeSet<_> = files.adds.iter().map(|add| &add.partition_values).collect();
    assert_eq!(partitions.len(), 1000);
    // 600,000 rows of 8 bytes in a budget of 4 MiB: about as many files as partitions, not one for each batch.
    assert!(files.adds.len() < 6000, "{}", files.adds.len());
}

#[tokio::test]
async fn a_large_batch_of_slices_is_counted_by_its_rows() {
    let mut table = Table::new("slices", [StructField::nullable("n", DataType::LONG)], &[]);
    table.options.memory_bytes = 1 << 20;
    table.options.row_group_bytes = 64 << 10;
    // Slices of one large buffer: each counts its rows, not the buffer, so that none closes a file early.
    let whole = batch(vec![("n", Arc::new(noise(0..1_000_000)))]);
    let slices = (0..100).map(|i| whole.slice(i * 100, 100)).collect();
    let files = table.write(slices).await.unwrap();
    assert_eq!(files.adds.len(), 1);
    assert_eq!(
        table.rows(&files.adds[0]).await.column(0).as_primitive::<Int64Type>().values(),
        &noise(0..10_000).values()[..]
    );
}

#[tokio::test]
async fn no_rows_make_no_file() {
    let table = Table::new("none", [StructField::nullable("n", DataType::LONG)], &[]);
    let files = table.write(vec![batch(vec![("n", Arc::new(noise(0..0)))])]).await.unwrap();
    assert!(files.adds.is_empty() && files.num_rows == 0 && table.objects().await.is_empty());
}

type ByPartition = BTreeMap<Option<String>, Vec<(Option<i64>, Option<String>)>>;
type Row = (Option<i64>, Option<String>, Option<u8>);

fn rows() -> impl Strategy<Value = Vec<Vec<Row>>> {
    let row = (
        proptest::option::of(-5_i64..5),
        proptest::option::of("[a-cü]{0,3}"),
        proptest::option::weighted(0.8, 0_u8..6),
    );
    proptest::collection::vec(proptest::collection::vec(row, 0..40), 1..12)
}

fn batch_of(rows: &[Row]) -> RecordBatch {
    batch(vec![
        ("n", Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>()) as ArrayRef),
        ("s", Arc::new(rows.iter().map(|row| row.1.as_deref()).collect::<StringArray>())),
        ("p", Arc::new(rows.iter().map(|row| row.2.map(|p| format!("{p}"))).collect::<StringArray>())),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Against a model: rows by partition in order of arrival; statistics by a plain loop over the file's rows.
    #[test]
    fn rows_and_statistics_are_those_of_a_naive_writer(given in rows(), target in 1_u64..4000) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        runtime.block_on(async {
            let fields = ["n", "s", "p"].map(|name| {
                StructField::nullable(name, if name == "n" { DataType::LONG } else { DataType::STRING })
            });
            let mut table = Table::new("model", fields, &["p"]);
            table.options.target_file_bytes = target;
            let files = table.write(given.iter().map(|rows| batch_of(rows)).collect()).await.unwrap();

            let mut expected = ByPartition::new();
            for (n, s, p) in given.iter().flatten() {
                expected.entry(p.map(|p| p.to_string())).or_default().push((*n, s.clone()));
            }
            let mut found = ByPartition::new();
            for add in &files.adds {
                let read = table.rows(add).await;
                let (n, s) = (read.column(0).as_primitive::<Int64Type>(), read.column(1).as_string::<i32>());
                let rows: Vec<_> = n.iter().zip(s.iter()).map(|(n, s)| (n, s.map(str::to_owned))).collect();
                let stats = stats(add);
                let numbers = || rows.iter().filter_map(|row| row.0);
                let texts = || rows.iter().filter_map(|row| row.1.as_deref());
                assert_eq!(stats["numRecords"].as_u64(), Some(rows.len() as u64));
                assert_eq!(stats["nullCount"]["n"].as_u64(), Some((rows.len() - numbers().count()) as u64));
                assert_eq!(stats["minValues"]["n"].as_i64(), numbers().min());
                assert_eq!(stats["maxValues"]["n"].as_i64(), numbers().max());
                assert_eq!(stats["minValues"]["s"].as_str(), texts().min());
                assert_eq!(stats["maxValues"]["s"].as_str(), texts().max());
                found.entry(add.partition_values["p"].clone()).or_default().extend(rows);
            }
            assert_eq!(found, expected);
        });
    }
}

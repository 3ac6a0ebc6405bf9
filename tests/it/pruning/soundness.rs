//! Do our statistics and our evaluator ever contradict the rows?

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, StringArray, StructArray, new_null_array};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use lakebed_txlog::predicate::{Comparison, PruneInput, may_match, must_match};
use lakebed_txlog::stats::{ParsedStats, StatsCollector, StatsColumn, loosened};
use proptest::prelude::*;

use super::model::{Asked, COLUMNS, NUM_STORED, Row, Value, batch, data_type, path, pool};
use crate::machine::variable;

/// A file: its rows, which of them are deleted, and whether its statistics are lost.
#[derive(Clone, Debug)]
struct File {
    rows: Vec<Row>,
    live: Vec<bool>,
    stats: Option<String>,
}

impl File {
    fn new(rows: Vec<Row>, deleted: u8, lost: bool) -> File {
        let live: Vec<bool> = (0..rows.len()).map(|row| deleted >> (row % 8) & 1 == 0).collect();
        let batch = batch(&rows);
        let columns: Vec<_> = (0..NUM_STORED).map(path).collect();
        let mut collector = StatsCollector::new(&batch.schema(), &columns).unwrap();
        // In two batches, as files are written in several.
        let half = rows.len() / 2;
        collector.update(&batch.slice(0, half)).unwrap();
        collector.update(&batch.slice(half, rows.len() - half)).unwrap();
        let mut stats = collector.finish();
        if live.contains(&false) {
            stats = loosened(Some(&stats), rows.len().try_into().unwrap());
        }
        File { rows, live, stats: (!lost).then_some(stats) }
    }

    fn outcomes(&self, asked: &Asked) -> Vec<Option<bool>> {
        self.rows.iter().zip(&self.live).filter(|(_, live)| **live).map(|(row, _)| asked.of(row)).collect()
    }
}

fn columns() -> Vec<StatsColumn> {
    (0..NUM_STORED).map(|at| StatsColumn::new(path(at), data_type(at))).collect()
}

fn partition_values(files: &[File]) -> Vec<(lakebed_txlog::schema::ColumnPath, ArrayRef)> {
    let of = |file: &File, at: usize| file.rows.first().map_or(Value::Null, |row| row[at].clone());
    (NUM_STORED..COLUMNS.len())
        .map(|at| {
            let values: Vec<_> = files.iter().map(|file| of(file, at)).collect();
            (path(at), super::model::array(at, &values))
        })
        .collect()
}

/// The statistics as a checkpoint holds them once Spark has parsed the JSON.
fn as_struct(texts: &StringArray) -> StructArray {
    let read_as = |at: usize| match data_type(at) {
        // Arrow's JSON reader knows no zone by name.
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(unit, Some("+00:00".into())),
        other => other,
    };
    let leaf = |at: usize| Field::new(*COLUMNS[at].last().unwrap(), read_as(at), true);
    let tree = |leaf: &dyn Fn(usize) -> Field| {
        let inner = Field::new("inner", DataType::Struct(vec![leaf(11)].into()), true);
        let st = Field::new("st", DataType::Struct(vec![leaf(10), inner].into()), true);
        DataType::Struct((0..10).map(leaf).chain([st]).collect::<Fields>())
    };
    let schema = Schema::new(vec![
        Field::new("numRecords", DataType::Int64, true),
        Field::new("minValues", tree(&leaf), true),
        Field::new("maxValues", tree(&leaf), true),
        Field::new("nullCount", tree(&|at| leaf(at).with_data_type(DataType::Int64)), true),
        Field::new("tightBounds", DataType::Boolean, true),
    ]);
    let mut decoder = arrow::json::ReaderBuilder::new(Arc::new(schema.clone())).build_decoder().unwrap();
    for text in texts {
        decoder.decode(text.unwrap_or("{}").as_bytes()).unwrap();
    }
    match decoder.flush().unwrap() {
        Some(batch) => batch.into(),
        None => StructArray::new(
            schema.fields.clone(),
            schema.fields.iter().map(|f| new_null_array(f.data_type(), 0)).collect(),
            None,
        ),
    }
}

fn check(files: &[File], asked: &[Asked]) {
    let texts: StringArray = files.iter().map(|file| file.stats.as_deref()).collect();
    let parsed = [ParsedStats::from_json(&texts, &columns()), ParsedStats::from_parsed(&as_struct(&texts), &columns())];
    for stats in parsed {
        let input = PruneInput::new(partition_values(files), stats).unwrap();
        for asked in asked {
            let predicate = asked.to_predicate();
            let (may, must) = (may_match(&predicate, &input), must_match(&predicate, &input));
            assert_eq!((may.len(), may.null_count(), must.null_count()), (files.len(), 0, 0));
            for (index, file) in files.iter().enumerate() {
                check_file(file, asked, (&may, &must), index);
            }
        }
    }
}

fn check_file(file: &File, asked: &Asked, (may, must): (&BooleanArray, &BooleanArray), index: usize) {
    let outcomes = file.outcomes(asked);
    let (any, all) = (outcomes.contains(&Some(true)), outcomes.iter().all(|o| *o == Some(true)));
    let predicate = asked.to_predicate();
    assert!(may.value(index) || !any, "file {index} was dropped by {predicate}: {file:?}");
    assert!(all || !must.value(index), "all of file {index} was taken to satisfy {predicate}: {file:?}");
}

/// A file whose values come from a stretch of each pool.
fn file() -> impl Strategy<Value = File> {
    const NUM_COLUMNS: usize = COLUMNS.len();
    let stretches = any::<[(u8, u8); NUM_COLUMNS]>();
    let rows = prop::collection::vec(any::<[u8; NUM_COLUMNS]>(), 0..6);
    let deleted = prop_oneof![3 => Just(0), 1 => any::<u8>()];
    (stretches, rows, deleted, prop::bool::weighted(0.05)).prop_map(|(stretches, rows, deleted, lost)| {
        let pools: Vec<_> = (0..NUM_COLUMNS).map(pool).collect();
        let value = |at: usize, draw: u8| {
            let (start, width) = (usize::from(stretches[at].0), usize::from(stretches[at].1 % 4));
            match usize::from(draw) % (width + 2) {
                0 if stretches[at].1 >= 64 => Value::Null,
                step => pools[at][(start + step) % pools[at].len()].clone(),
            }
        };
        let row = |draws: &[u8; NUM_COLUMNS]| -> Row {
            let of_file = |at: usize| stretches[at].0.wrapping_mul(31).wrapping_add(stretches[at].1);
            (0..NUM_COLUMNS).map(|at| value(at, if at < NUM_STORED { draws[at] } else { of_file(at) })).collect()
        };
        File::new(rows.iter().map(row).collect(), deleted, lost)
    })
}

fn comparison() -> impl Strategy<Value = Comparison> {
    use Comparison::{Eq, Gt, GtEq, Lt, LtEq, NotEq, NullSafeEq};
    prop::sample::select(vec![Eq, NotEq, Lt, LtEq, Gt, GtEq, NullSafeEq])
}

/// A literal for a column: of its type, or of another that it compares with.
fn literal(column: usize, draw: u8, foreign: u8) -> Value {
    let from = match (data_type(column), foreign % 8) {
        (DataType::Int32 | DataType::Int64, 0) | (DataType::Float32, 1) => 3,
        (DataType::Int32 | DataType::Int64, 1) => 4,
        (DataType::Int32, 2) | (DataType::Float32 | DataType::Float64 | DataType::Decimal128(..), 0) => 1,
        (DataType::Timestamp(_, None), 0) => 8,
        (DataType::Date32, 0) => 7,
        _ => column,
    };
    let pool = pool(from);
    pool.get(usize::from(draw) % (pool.len() + 1)).cloned().unwrap_or(Value::Null)
}

fn asked() -> impl Strategy<Value = Asked> {
    let column = || 0..COLUMNS.len();
    let leaf = prop_oneof![
        8 => (column(), comparison(), any::<[u8; 2]>())
            .prop_map(|(column, op, [draw, foreign])| Asked::Compare(column, op, literal(column, draw, foreign))),
        1 => column().prop_map(Asked::IsNull),
        1 => column().prop_map(Asked::IsNotNull),
        2 => (column(), prop::collection::vec(any::<u8>(), 0..5))
            .prop_map(|(column, draws)| Asked::In(column, draws.iter().map(|d| literal(column, *d, 7)).collect())),
        1 => (prop::sample::select(vec![5, 11, 13]), any::<u8>(), 0_usize..40)
            .prop_map(|(column, draw, length)| match literal(column, draw, 7) {
                Value::Text(text) => Asked::StartsWith(column, text.chars().take(length).collect()),
                _ => Asked::StartsWith(column, String::new()),
            }),
        1 => any::<Option<bool>>().prop_map(Asked::Const),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        let parts = || prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            parts().prop_map(Asked::And),
            parts().prop_map(Asked::Or),
            inner.clone().prop_map(|asked| Asked::Not(Box::new(asked))),
        ]
    })
}

/// 10⁴ cases, 10⁶ in the long form.
fn cases() -> ProptestConfig {
    let cases = if variable("LAKEBED_SOAK").is_some() { 1_000_000 } else { 10_000 };
    ProptestConfig { cases, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn no_file_with_a_matching_row_is_dropped(
        files in prop::collection::vec(file(), 1..5),
        asked in prop::collection::vec(asked(), 1..4),
    ) {
        check(&files, &asked);
    }
}

//! Tables, predicates and their answers, as someone sees them who reads every row.
//!
//! Nothing here uses the code under test but to build its input. Values come from pools of edge cases, in order, so that
//! a file that draws from a stretch of each pool has bounds which exclude the rest.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int32Array, Int64Array,
    RecordBatch, StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, TimeUnit};
use lakebed_txlog::predicate::{Comparison, Literal, Literals, Predicate};
use lakebed_txlog::schema::ColumnPath;

pub(super) const US_PER_DAY: i128 = 86_400_000_000;

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Flag(bool),
    Int(i64),
    Float(f64),
    /// Unscaled, with its scale.
    Decimal(i128, u32),
    Text(String),
    Date(i32),
    Instant(i64),
    WallClock(i64),
}

/// The columns of the table, partition columns last.
pub(super) const COLUMNS: [&[&str]; 15] = [
    &["i4"],
    &["i8"],
    &["f4"],
    &["f8"],
    &["de"],
    &["s"],
    &["t"],
    &["n"],
    &["d"],
    &["flag"],
    &["st", "x"],
    &["st", "inner", "y"],
    &["p_int"],
    &["p_text"],
    &["p_float"],
];
pub(super) const NUM_STORED: usize = 12;

pub(super) fn path(column: usize) -> ColumnPath {
    ColumnPath::new(COLUMNS[column].iter().copied())
}

pub(super) fn data_type(column: usize) -> DataType {
    match column {
        0 | 12 => DataType::Int32,
        1 | 10 => DataType::Int64,
        2 => DataType::Float32,
        3 | 14 => DataType::Float64,
        4 => DataType::Decimal128(20, 3),
        6 => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        7 => DataType::Timestamp(TimeUnit::Microsecond, None),
        8 => DataType::Date32,
        9 => DataType::Boolean,
        _ => DataType::Utf8,
    }
}

/// The values of a column, in order: a file draws from a stretch of them.
pub(super) fn pool(column: usize) -> Vec<Value> {
    match column {
        0 => ints(&[i32::MIN.into(), -7, 0, 1, 3, i32::MAX.into()]),
        12 => ints(&[-7, 0, 1, 3]),
        1 | 10 => ints(&[i64::MIN, -(1 << 53) - 1, -7, 0, 1, 3, 1 << 53, (1 << 53) + 1, i64::MAX]),
        2 => [
            f32::NEG_INFINITY,
            -1.1,
            -0.0,
            0.0,
            f32::MIN_POSITIVE,
            1.1,
            3.0,
            f32::MAX,
            f32::INFINITY,
            f32::NAN,
            -f32::NAN,
        ]
        .iter()
        .map(|v| Value::Float((*v).into()))
        .collect(),
        3 | 14 => [
            f64::NEG_INFINITY,
            -1.1,
            -0.0,
            0.0,
            5e-324,
            1.1,
            3.0,
            9_007_199_254_740_993.0,
            1e300,
            f64::INFINITY,
            f64::NAN,
            -f64::NAN,
        ]
        .map(Value::Float)
        .into(),
        4 => [
            -12_345_678_901_234_567_890,
            -7_000,
            -1,
            0,
            1,
            1_500,
            3_000,
            9_007_199_254_740_993_123,
            99_999_999_999_999_999_999,
        ]
        .map(|v| Value::Decimal(v, 3))
        .into(),
        6 => times().map(Value::Instant).collect(),
        7 => times().map(Value::WallClock).collect(),
        8 => [-800_000, -719_162, -1, 0, 1, 19_000, 2_932_896, 2_932_897].map(Value::Date).into(),
        9 => vec![Value::Flag(false), Value::Flag(true)],
        _ => texts(),
    }
}

fn ints(values: &[i64]) -> Vec<Value> {
    values.iter().map(|v| Value::Int(*v)).collect()
}

/// Year 1, around 1970, a whole millisecond and its neighbours, the end of 9999 and beyond, and midnights.
fn times() -> impl Iterator<Item = i64> {
    let (day, end) = (86_400_000_000, 253_402_300_800_000_000);
    let first = -62_135_596_800_000_000;
    [i64::MIN / 2, first - 1, first, -1_001, -1_000, -1, 0, 1, 999, 1_000, 19_000 * day, end - 1, end, i64::MAX]
        .into_iter()
}

fn texts() -> Vec<Value> {
    let long = |c: &str, tail: &str| c.repeat(32) + tail;
    let last = "\u{10ffff}";
    let mut texts = vec![
        String::new(),
        "\0zero".into(),
        "A".into(),
        "a\"\\\n".into(),
        "aa".into(),
        long("a", ""),
        long("a", "\u{1}"),
        long("a", "b"),
        long("a", "\u{7f}"),
        long("a", "é"),
        long("a", last) + "x",
        long("a", &last.repeat(40)),
        "b".into(),
        "é".into(),
        long("\u{fffd}", "x"),
        "😀".repeat(33),
        "a".repeat(31) + "😀😀",
        last.repeat(70),
    ];
    texts.sort();
    texts.into_iter().map(Value::Text).collect()
}

/// Rows of one file: per stored column one value each, and the same partition values for all.
pub(super) type Row = Vec<Value>;

pub(super) fn array(column: usize, values: &[Value]) -> ArrayRef {
    macro_rules! collect {
        ($array:ty, $pattern:pat => $value:expr) => {
            values
                .iter()
                .map(|v| match v {
                    $pattern => Some($value),
                    _ => None,
                })
                .collect::<$array>()
        };
    }
    match data_type(column) {
        DataType::Int32 => Arc::new(collect!(Int32Array, Value::Int(v) => i32::try_from(*v).unwrap())),
        DataType::Int64 => Arc::new(collect!(Int64Array, Value::Int(v) => *v)),
        #[expect(clippy::cast_possible_truncation, reason = "it was a float")]
        DataType::Float32 => Arc::new(collect!(Float32Array, Value::Float(v) => *v as f32)),
        DataType::Float64 => Arc::new(collect!(Float64Array, Value::Float(v) => *v)),
        DataType::Decimal128(p, s) => {
            let plain = collect!(Decimal128Array, Value::Decimal(v, _) => *v);
            Arc::new(plain.with_precision_and_scale(p, s).unwrap())
        }
        DataType::Timestamp(_, Some(zone)) => {
            Arc::new(collect!(TimestampMicrosecondArray, Value::Instant(v) => *v).with_timezone(zone))
        }
        DataType::Timestamp(_, None) => Arc::new(collect!(TimestampMicrosecondArray, Value::WallClock(v) => *v)),
        DataType::Date32 => Arc::new(collect!(Date32Array, Value::Date(v) => *v)),
        DataType::Boolean => Arc::new(collect!(BooleanArray, Value::Flag(v) => *v)),
        _ => Arc::new(collect!(StringArray, Value::Text(v) => v.clone())),
    }
}

/// What a writer is given. Where both fields of a struct are null, every second time the struct is, above a value.
pub(super) fn batch(rows: &[Row]) -> RecordBatch {
    let column = |at: usize, values: &[Value]| {
        (Field::new(*COLUMNS[at].last().unwrap(), data_type(at), true), array(at, values))
    };
    let of = |at: usize| rows.iter().map(|row| row[at].clone()).collect::<Vec<_>>();
    let (mut xs, mut ys) = (of(10), of(11));
    let mut valid = vec![true; rows.len()];
    for (index, (x, y)) in xs.iter_mut().zip(&mut ys).enumerate() {
        if *x == Value::Null && *y == Value::Null && index % 2 == 0 {
            valid[index] = false;
            (*x, *y) = (Value::Int(i64::MIN), Value::Text("hidden".into()));
        }
    }
    let (y_field, y) = column(11, &ys);
    let inner = StructArray::new(vec![y_field].into(), vec![y], None);
    let (x_field, x) = column(10, &xs);
    let inner_field = Field::new("inner", arrow::array::Array::data_type(&inner).clone(), true);
    let st =
        StructArray::new(vec![x_field, inner_field].into(), vec![x, Arc::new(inner)], Some(NullBuffer::from(valid)));
    let mut fields: Vec<(Field, ArrayRef)> = (0..10).map(|at| column(at, &of(at))).collect();
    fields.push((Field::new("st", arrow::array::Array::data_type(&st).clone(), true), Arc::new(st)));
    let (fields, arrays): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(fields)), arrays).unwrap()
}

/// A predicate, as the model holds it.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    And(Vec<Asked>),
    Or(Vec<Asked>),
    Not(Box<Asked>),
    Compare(usize, Comparison, Value),
    IsNull(usize),
    IsNotNull(usize),
    In(usize, Vec<Value>),
    StartsWith(usize, String),
    Const(Option<bool>),
}

impl Asked {
    /// What a row says, by the rules of SQL as Spark has them.
    pub(super) fn of(&self, row: &Row) -> Option<bool> {
        match self {
            Asked::And(parts) => parts.iter().map(|p| p.of(row)).fold(Some(true), and),
            Asked::Or(parts) => not(parts.iter().map(|p| not(p.of(row))).fold(Some(true), and)),
            Asked::Not(inner) => not(inner.of(row)),
            Asked::Compare(column, Comparison::NullSafeEq, value) => Some(match (&row[*column], value) {
                (Value::Null, Value::Null) => true,
                (Value::Null, _) | (_, Value::Null) => false,
                (a, b) => order(a, b) == Ordering::Equal,
            }),
            Asked::Compare(column, op, value) => compare(&row[*column], *op, value),
            Asked::IsNull(column) => Some(row[*column] == Value::Null),
            Asked::IsNotNull(column) => Some(row[*column] != Value::Null),
            Asked::In(column, values) => {
                let any = values.iter().map(|v| not(compare(&row[*column], Comparison::Eq, v))).fold(Some(true), and);
                not(any)
            }
            Asked::StartsWith(column, prefix) => match &row[*column] {
                Value::Text(text) => Some(text.as_bytes().starts_with(prefix.as_bytes())),
                _ => None,
            },
            Asked::Const(outcome) => *outcome,
        }
    }

    /// The same for the evaluator.
    pub(super) fn to_predicate(&self) -> Predicate {
        let all = |parts: &[Asked]| parts.iter().map(Asked::to_predicate).collect();
        match self {
            Asked::And(parts) => Predicate::And(all(parts)),
            Asked::Or(parts) => Predicate::Or(all(parts)),
            Asked::Not(inner) => inner.to_predicate().negated(),
            Asked::Compare(column, op, value) => Predicate::compare(path(*column), *op, literal(value)),
            Asked::IsNull(column) => Predicate::IsNull(path(*column)),
            Asked::IsNotNull(column) => Predicate::IsNotNull(path(*column)),
            Asked::In(column, values) => Predicate::In(path(*column), Literals::new(array(*column, values))),
            Asked::StartsWith(column, prefix) => Predicate::StartsWith(path(*column), prefix.clone()),
            Asked::Const(outcome) => Predicate::Const(*outcome),
        }
    }
}

fn literal(value: &Value) -> Literal {
    match value {
        Value::Null => Literal::null(),
        Value::Flag(v) => (*v).into(),
        Value::Int(v) => (*v).into(),
        Value::Float(v) => (*v).into(),
        Value::Decimal(v, scale) => Literal::decimal(*v, 30, i8::try_from(*scale).unwrap()).unwrap(),
        Value::Text(v) => v.as_str().into(),
        Value::Date(v) => Literal::date(*v),
        Value::Instant(v) => Literal::timestamp(*v),
        Value::WallClock(v) => Literal::timestamp_ntz(*v),
    }
}

fn not(outcome: Option<bool>) -> Option<bool> {
    outcome.map(|o| !o)
}

fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn compare(a: &Value, op: Comparison, b: &Value) -> Option<bool> {
    if *a == Value::Null || *b == Value::Null {
        return None;
    }
    let order = order(a, b);
    Some(match op {
        Comparison::Eq | Comparison::NullSafeEq => order.is_eq(),
        Comparison::NotEq => order.is_ne(),
        Comparison::Lt => order.is_lt(),
        Comparison::LtEq => order.is_le(),
        Comparison::Gt => order.is_gt(),
        Comparison::GtEq => order.is_ge(),
    })
}

/// The order of two values that aren't NULL, across number types by their exact values.
fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Flag(a), Value::Flag(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => floats(*a, *b),
        (Value::Decimal(a, s), Value::Decimal(b, t)) => scaled(*a, *t).cmp(&scaled(*b, *s)),
        (Value::Int(a), Value::Decimal(b, s)) => scaled((*a).into(), *s).cmp(b),
        (Value::Decimal(a, s), Value::Int(b)) => a.cmp(&scaled((*b).into(), *s)),
        (Value::Int(a), Value::Float(b)) => int_and_float(*a, *b),
        (Value::Float(a), Value::Int(b)) => int_and_float(*b, *a).reverse(),
        (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (Value::Instant(a), Value::Instant(b)) | (Value::WallClock(a), Value::WallClock(b)) => a.cmp(b),
        (Value::Date(a), Value::WallClock(b)) => (i128::from(*a) * US_PER_DAY).cmp(&i128::from(*b)),
        (Value::WallClock(a), Value::Date(b)) => i128::from(*a).cmp(&(i128::from(*b) * US_PER_DAY)),
        _ => panic!("the model doesn't compare {a:?} with {b:?}"),
    }
}

fn scaled(value: i128, by: u32) -> i128 {
    value * 10_i128.pow(by)
}

/// NaN equals NaN and is above every number; zero has no sign.
fn floats(a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => a.partial_cmp(&b).unwrap(),
    }
}

fn int_and_float(a: i64, b: f64) -> Ordering {
    if b.is_nan() || b.abs() > 1e30 {
        return floats(0.0, b);
    }
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below 1e30")]
    let whole = b.floor() as i128;
    i128::from(a).cmp(&whole).then(if b.floor() < b { Ordering::Less } else { Ordering::Equal })
}

//! Variants shredded and plain, damaged and deep.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use lakebed_txlog::ErrorKind;
use lakebed_txlog::schema::DataType as DeltaType;
use lakebed_txlog::schema::StructField;
use parquet_variant::{Variant, VariantBuilder};
use parquet_variant_compute::{VariantArray, VariantArrayBuilder, json_to_variant, shred_variant};

use super::*;

fn fields() -> Fields {
    match DeltaType::VARIANT.to_arrow().unwrap() {
        DataType::Struct(fields) => fields,
        other => panic!("{other}"),
    }
}

fn of_json(texts: &[Option<&str>]) -> VariantArray {
    let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    json_to_variant(&texts).unwrap()
}

fn column(variants: &VariantArray) -> ArrayRef {
    let plain: ArrayRef = Arc::new(variants.inner().clone());
    unshredded(&plain, &fields()).unwrap()
}

fn shown(column: &ArrayRef) -> Vec<Option<String>> {
    texts(column.as_struct()).unwrap().iter().map(|text| text.map(str::to_owned)).collect()
}

#[test]
fn a_shredded_variant_reads_as_what_was_shredded() {
    let rows = [
        Some(r#"{"a":1,"b":{"c":"x","d":[1,null]},"e":true}"#),
        Some(r#"{"a":"not a number","b":5}"#),
        Some(r#"{"b":{"c":"only"}}"#),
        Some("[1,[2]]"),
        Some("null"),
        None,
        Some(r#"{"a":2}"#),
    ];
    let whole = of_json(&rows);
    let inner = DataType::Struct(vec![Field::new("c", DataType::Utf8, true)].into());
    for typed in [
        DataType::Struct(vec![Field::new("a", DataType::Int64, true), Field::new("b", inner, true)].into()),
        DataType::Struct(vec![Field::new("a", DataType::Int8, true)].into()),
        DataType::List(Arc::new(Field::new("element", DataType::Int64, true))),
        DataType::Utf8,
    ] {
        let shredded = shred_variant(&whole, &typed).unwrap();
        assert!(shredded.typed_value_column().is_some());
        let expected: Vec<Option<String>> = rows.iter().map(|row| row.map(str::to_owned)).collect();
        assert_eq!(shown(&column(&shredded)), expected, "{typed}");
        assert_eq!(column(&shredded).data_type(), &DataType::Struct(fields()));
    }
}

#[test]
fn variants_become_json_at_any_depth_and_nothing_else_changes() {
    let variants = column(&of_json(&[Some(r#"{"k":[1,"ä\"",2.5]}"#), None, Some("7")]));
    let field = StructField::nullable("v", DeltaType::VARIANT).to_arrow().unwrap();
    let inside = Arc::new(field.clone());
    let list = ListArray::try_new(
        Arc::clone(&inside),
        arrow::buffer::OffsetBuffer::from_lengths([2, 0, 1]),
        Arc::clone(&variants),
        None,
    )
    .unwrap();
    let structs = StructArray::from(vec![(inside, Arc::clone(&variants))]);
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let schema = Schema::new(vec![
        field,
        Field::new("l", list.data_type().clone(), true),
        Field::new("s", structs.data_type().clone(), true),
        Field::new("n", DataType::Int32, true),
    ]);
    let columns: Vec<ArrayRef> = vec![variants, Arc::new(list), Arc::new(structs), Arc::clone(&numbers)];
    let batch = RecordBatch::try_new(Arc::new(schema), columns).unwrap();
    let json = as_json(&batch).unwrap();
    assert_eq!(*json.schema(), schema_as_json(&batch.schema()));
    let texts = StringArray::from(vec![Some(r#"{"k":[1,"ä\"",2.5]}"#), None, Some("7")]);
    assert_eq!(json.column(0).as_string::<i32>(), &texts);
    assert_eq!(json.column(1).as_list::<i32>().values().as_string::<i32>(), &texts);
    assert_eq!(json.column(2).as_struct().column(0).as_string::<i32>(), &texts);
    assert_eq!(json.column(3), &numbers);
    assert_eq!(json.schema().field(0).metadata()[EXTENSION_NAME], JSON_EXTENSION);
    let plain = batch.project(&[3]).unwrap();
    assert_eq!(as_json(&plain).unwrap(), plain);
}

#[test]
fn what_json_has_no_number_for_is_text() {
    let mut variants = VariantArrayBuilder::new(4);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.1] {
        variants.append_variant(Variant::from(value));
    }
    let texts: Vec<String> = shown(&column(&variants.build())).into_iter().flatten().collect();
    assert_eq!(texts, [r#""NaN""#, r#""Infinity""#, r#""-Infinity""#, "0.1"]);
}

#[test]
fn damaged_and_endless_variants_are_errors() {
    let bytes = |metadata: &[u8], value: &[u8]| -> ArrayRef {
        let column = |bytes: &[u8]| Arc::new(arrow::array::BinaryArray::from(vec![bytes])) as ArrayRef;
        Arc::new(StructArray::try_new(fields(), vec![column(metadata), column(value)], None).unwrap())
    };
    let (metadata, value) = {
        let mut builder = VariantBuilder::new();
        builder.append_value("text of some length, so that it can be cut");
        builder.finish()
    };
    assert!(texts(bytes(&metadata, &value).as_struct()).is_ok());
    for cut in 0..value.len() {
        let error = texts(bytes(&metadata, &value[..cut]).as_struct()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
    let mut nested = vec![0];
    for _ in 0..10_000 {
        let length = u32::try_from(nested.len()).unwrap().to_le_bytes();
        nested = [[0b0000_1111, 1, 0, 0, 0, 0].as_slice(), &length, &nested].concat();
    }
    assert_eq!(texts(bytes(&metadata, &nested).as_struct()).unwrap_err().kind(), ErrorKind::Unsupported);
}

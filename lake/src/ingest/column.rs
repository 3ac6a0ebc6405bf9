//! Columns of scalar values, given as texts, under way to Arrow arrays.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, BooleanBuilder, PrimitiveBuilder, StringBuilder};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimeUnit, TimestampMicrosecondType,
};

use super::text::{self, Zone};

/// One column being filled.
pub(super) trait Column: Send {
    /// Appends the value that `text` stands for; false, with nothing appended, when it stands for none.
    fn push(&mut self, text: &str) -> bool;
    /// Appends null.
    fn push_null(&mut self);
    /// What was appended, and starts over.
    fn finish(&mut self) -> ArrayRef;
}

/// A column of `data_type`, or `None` where text fields can't hold such values.
pub(super) fn column(data_type: &DataType) -> Option<Box<dyn Column>> {
    Some(match data_type {
        DataType::Utf8 => Box::new(StringBuilder::new()),
        DataType::Boolean => Box::new(BooleanBuilder::new()),
        DataType::Int8 => parsed::<Int8Type>(data_type, |text| text.parse().ok()),
        DataType::Int16 => parsed::<Int16Type>(data_type, |text| text.parse().ok()),
        DataType::Int32 => parsed::<Int32Type>(data_type, |text| text.parse().ok()),
        DataType::Int64 => parsed::<Int64Type>(data_type, |text| text.parse().ok()),
        DataType::Float32 => parsed::<Float32Type>(data_type, text::float),
        DataType::Float64 => parsed::<Float64Type>(data_type, text::double),
        DataType::Date32 => parsed::<Date32Type>(data_type, text::date),
        DataType::Decimal128(precision, scale) => {
            let (precision, scale) = (*precision, *scale);
            parsed::<Decimal128Type>(data_type, move |text| text::decimal(text, precision, scale))
        }
        // A text without an offset is taken as UTC.
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            parsed::<TimestampMicrosecondType>(data_type, |text| text::timestamp(text).map(|(micros, _)| micros))
        }
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            parsed::<TimestampMicrosecondType>(data_type, |text| match text::timestamp(text)? {
                (micros, Zone::Absent) => Some(micros),
                (_, Zone::Given) => None,
            })
        }
        _ => return None,
    })
}

struct Parsed<T: ArrowPrimitiveType, F> {
    builder: PrimitiveBuilder<T>,
    parse: F,
}

fn parsed<T: ArrowPrimitiveType>(
    data_type: &DataType,
    parse: impl Fn(&str) -> Option<T::Native> + Send + 'static,
) -> Box<dyn Column> {
    Box::new(Parsed::<T, _> { builder: PrimitiveBuilder::<T>::new().with_data_type(data_type.clone()), parse })
}

impl<T: ArrowPrimitiveType, F: Fn(&str) -> Option<T::Native> + Send> Column for Parsed<T, F> {
    fn push(&mut self, text: &str) -> bool {
        let value = (self.parse)(text);
        if let Some(value) = value {
            self.builder.append_value(value);
        }
        value.is_some()
    }

    fn push_null(&mut self) {
        self.builder.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

impl Column for StringBuilder {
    fn push(&mut self, text: &str) -> bool {
        self.append_value(text);
        true
    }

    fn push_null(&mut self) {
        self.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(StringBuilder::finish(self))
    }
}

impl Column for BooleanBuilder {
    fn push(&mut self, text: &str) -> bool {
        let value = text::boolean(text);
        if let Some(value) = value {
            self.append_value(value);
        }
        value.is_some()
    }

    fn push_null(&mut self) {
        self.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(BooleanBuilder::finish(self))
    }
}

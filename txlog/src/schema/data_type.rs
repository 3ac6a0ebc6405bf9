//! Which types a column can have, and how the protocol names them.

use std::fmt;

use super::field::{ArrayType, MapType, StructType};

/// The largest precision, and the largest scale, of a decimal.
pub const MAX_DECIMAL_PRECISION: u8 = 38;

/// The type of a column, as the protocol's section "Schema Serialization Format" defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataType {
    /// A value without parts.
    Primitive(PrimitiveType),
    /// Named fields in an order.
    Struct(StructType),
    /// A list of values of one type.
    Array(Box<ArrayType>),
    /// Keys of one type with values of another.
    Map(Box<MapType>),
    /// A type that this release doesn't know, kept as the schema has it: a type name, or the JSON text of an object.
    /// A table that has one opens and can be described; what needs its values is refused by name.
    Unknown(String),
}

/// A type without parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrimitiveType {
    /// UTF-8 text.
    String,
    /// A signed integer of 8 bytes.
    Long,
    /// A signed integer of 4 bytes.
    Integer,
    /// A signed integer of 2 bytes.
    Short,
    /// A signed integer of 1 byte.
    Byte,
    /// A floating-point number of 4 bytes.
    Float,
    /// A floating-point number of 8 bytes.
    Double,
    /// A decimal number of `precision` digits (1 to 38), `scale` of them (at most `precision`) behind the point.
    Decimal {
        /// All digits.
        precision: u8,
        /// The digits behind the point.
        scale: u8,
    },
    /// `true` or `false`.
    Boolean,
    /// Bytes.
    Binary,
    /// A day of the proleptic Gregorian calendar.
    Date,
    /// An instant, in microseconds.
    Timestamp,
    /// A date and time of day without a zone, in microseconds.
    TimestampNtz,
    /// Semi-structured data in Parquet's variant encoding.
    Variant,
    /// Only `null`, and in no data file.
    Void,
}

impl PrimitiveType {
    /// The type that a schema names `name`; `None` for a name that this release doesn't know.
    #[must_use]
    pub fn from_name(name: &str) -> Option<PrimitiveType> {
        Some(match name {
            "string" => PrimitiveType::String,
            "long" => PrimitiveType::Long,
            "integer" => PrimitiveType::Integer,
            "short" => PrimitiveType::Short,
            "byte" => PrimitiveType::Byte,
            "float" => PrimitiveType::Float,
            "double" => PrimitiveType::Double,
            "boolean" => PrimitiveType::Boolean,
            "binary" => PrimitiveType::Binary,
            "date" => PrimitiveType::Date,
            "timestamp" => PrimitiveType::Timestamp,
            "timestamp_ntz" => PrimitiveType::TimestampNtz,
            "variant" => PrimitiveType::Variant,
            "void" => PrimitiveType::Void,
            // Spark's short form.
            "decimal" => PrimitiveType::Decimal { precision: 10, scale: 0 },
            _ => return decimal_from_name(name),
        })
    }

    /// Whether values of such a column can be partition values.
    #[must_use]
    pub fn can_partition(self) -> bool {
        !matches!(self, PrimitiveType::Variant | PrimitiveType::Void)
    }
}

fn decimal_from_name(name: &str) -> Option<PrimitiveType> {
    let inner = name.strip_prefix("decimal(")?.strip_suffix(')')?;
    let (precision, scale) = inner.split_once(',')?;
    decimal(precision.trim().parse().ok()?, scale.trim().parse().ok()?)
}

/// The decimal type of `precision` and `scale`; `None` outside the protocol's limits.
#[must_use]
pub fn decimal(precision: u8, scale: u8) -> Option<PrimitiveType> {
    let valid = (1..=MAX_DECIMAL_PRECISION).contains(&precision) && scale <= precision;
    valid.then_some(PrimitiveType::Decimal { precision, scale })
}

impl fmt::Display for PrimitiveType {
    /// The name in a schema.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PrimitiveType::String => "string",
            PrimitiveType::Long => "long",
            PrimitiveType::Integer => "integer",
            PrimitiveType::Short => "short",
            PrimitiveType::Byte => "byte",
            PrimitiveType::Float => "float",
            PrimitiveType::Double => "double",
            PrimitiveType::Decimal { precision, scale } => return write!(f, "decimal({precision},{scale})"),
            PrimitiveType::Boolean => "boolean",
            PrimitiveType::Binary => "binary",
            PrimitiveType::Date => "date",
            PrimitiveType::Timestamp => "timestamp",
            PrimitiveType::TimestampNtz => "timestamp_ntz",
            PrimitiveType::Variant => "variant",
            PrimitiveType::Void => "void",
        })
    }
}

impl DataType {
    /// UTF-8 text.
    pub const STRING: DataType = DataType::Primitive(PrimitiveType::String);
    /// A signed integer of 8 bytes.
    pub const LONG: DataType = DataType::Primitive(PrimitiveType::Long);
    /// A signed integer of 4 bytes.
    pub const INTEGER: DataType = DataType::Primitive(PrimitiveType::Integer);
    /// A signed integer of 2 bytes.
    pub const SHORT: DataType = DataType::Primitive(PrimitiveType::Short);
    /// A signed integer of 1 byte.
    pub const BYTE: DataType = DataType::Primitive(PrimitiveType::Byte);
    /// A floating-point number of 4 bytes.
    pub const FLOAT: DataType = DataType::Primitive(PrimitiveType::Float);
    /// A floating-point number of 8 bytes.
    pub const DOUBLE: DataType = DataType::Primitive(PrimitiveType::Double);
    /// `true` or `false`.
    pub const BOOLEAN: DataType = DataType::Primitive(PrimitiveType::Boolean);
    /// Bytes.
    pub const BINARY: DataType = DataType::Primitive(PrimitiveType::Binary);
    /// A day.
    pub const DATE: DataType = DataType::Primitive(PrimitiveType::Date);
    /// An instant, in microseconds.
    pub const TIMESTAMP: DataType = DataType::Primitive(PrimitiveType::Timestamp);
    /// A date and time of day without a zone, in microseconds.
    pub const TIMESTAMP_NTZ: DataType = DataType::Primitive(PrimitiveType::TimestampNtz);
    /// Semi-structured data.
    pub const VARIANT: DataType = DataType::Primitive(PrimitiveType::Variant);
    /// Only `null`.
    pub const VOID: DataType = DataType::Primitive(PrimitiveType::Void);

    /// An array whose elements can be `null`.
    #[must_use]
    pub fn array(element_type: DataType) -> DataType {
        DataType::Array(Box::new(ArrayType { element_type, contains_null: true }))
    }

    /// A map whose values can be `null`.
    #[must_use]
    pub fn map(key_type: DataType, value_type: DataType) -> DataType {
        DataType::Map(Box::new(MapType { key_type, value_type, value_contains_null: true }))
    }

    /// The type without parts, where it is one that this release knows.
    #[must_use]
    pub fn primitive(&self) -> Option<PrimitiveType> {
        match self {
            DataType::Primitive(primitive) => Some(*primitive),
            _ => None,
        }
    }

    /// Whether `found` holds of the type or of any type inside it.
    pub fn any(&self, found: &mut dyn FnMut(&DataType) -> bool) -> bool {
        found(self)
            || match self {
                DataType::Primitive(_) | DataType::Unknown(_) => false,
                DataType::Struct(inner) => inner.fields().iter().any(|field| field.data_type.any(found)),
                DataType::Array(inner) => inner.element_type.any(found),
                DataType::Map(inner) => inner.key_type.any(found) || inner.value_type.any(found),
            }
    }
}

impl From<PrimitiveType> for DataType {
    fn from(primitive: PrimitiveType) -> DataType {
        DataType::Primitive(primitive)
    }
}

impl From<StructType> for DataType {
    fn from(inner: StructType) -> DataType {
        DataType::Struct(inner)
    }
}

impl fmt::Display for DataType {
    /// The type as SQL writes it, for people: `array<integer>`, `map<string,long>`, `struct<a: integer, b: string>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataType::Primitive(primitive) => primitive.fmt(f),
            DataType::Array(inner) => write!(f, "array<{}>", inner.element_type),
            DataType::Map(inner) => write!(f, "map<{},{}>", inner.key_type, inner.value_type),
            DataType::Unknown(name) => f.write_str(name),
            DataType::Struct(inner) => {
                f.write_str("struct<")?;
                for (index, field) in inner.fields().iter().enumerate() {
                    let separator = if index == 0 { "" } else { ", " };
                    write!(f, "{separator}{}: {}", field.name, field.data_type)?;
                }
                f.write_str(">")
            }
        }
    }
}

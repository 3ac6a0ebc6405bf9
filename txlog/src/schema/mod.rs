//! What are the columns, and what are they in Arrow?
//!
//! | file | what |
//! |---|---|
//! | `data_type` | the types and their names |
//! | `field` | structs, arrays, maps, fields, paths; lookup; names unique whatever their case |
//! | `metadata` | what a schema says about a column beyond its type |
//! | `json` | `metaData.schemaString` ↔ [`StructType`] |
//! | `arrow`, `from_arrow` | [`StructType`] ↔ Arrow |
//! | `mapping` | the names and ids under which columns stand in files |
//! | `compare` | how given data differs from a table, and which schema holds both |
//! | `leaves` | the columns without fields of their own, logical and physical paths |

pub mod arrow;
pub mod compare;
mod data_type;
mod field;
mod from_arrow;
mod json;
mod leaves;
mod mapping;
pub mod metadata;

pub use compare::{Difference, DifferenceKind, check_writable, differences, merge};
pub use data_type::{DataType, MAX_DECIMAL_PRECISION, PrimitiveType, decimal};
pub use field::{ArrayType, ColumnPath, MapType, StructField, StructType, fold_case};
pub use leaves::Leaf;
pub use mapping::ColumnMappingMode;
pub use metadata::FieldMetadata;

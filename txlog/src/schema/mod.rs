//! What are the columns, and what are they in Arrow?
//!
//! | file | what |
//! |---|---|
//! | `data_type` | the types and their names |
//! | `field` | structs, arrays, maps, fields, paths; lookup; names unique whatever their case |
//! | `metadata` | what a schema says about a column beyond its type |
//! | `json` | `metaData.schemaString` ↔ [`StructType`] |

mod data_type;
mod field;
mod json;
pub mod metadata;

pub use data_type::{DataType, MAX_DECIMAL_PRECISION, PrimitiveType, decimal};
pub use field::{ArrayType, ColumnPath, MapType, StructField, StructType, fold_case};
pub use metadata::FieldMetadata;

//! How does an expression over the table's columns read those of one file?
//!
//! A column becomes the file's column, cast or refitted where the file has another shape; one that the file hasn't
//! becomes NULL. Row-group, page and row filters are built from what comes out here, so a plain column stays one.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType as ArrowType, FieldRef, Float32Type, Float64Type, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result as DfResult, ScalarValue};
use datafusion::functions::core::getfield::GetFieldFunc;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::expressions::{CastExpr, Column, DynamicFilterPhysicalExpr, Literal, lit};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_adapter::{PhysicalExprAdapter, PhysicalExprAdapterFactory};
use lakebed_txlog::Error;
use lakebed_txlog::schema::{ColumnMappingMode, StructField};

use super::columns::Columns;
use super::fit::{Fit, find, follow, has_ids};

/// Makes the adapter of each file of a table.
#[derive(Clone, Debug)]
pub(super) struct TableAdapter {
    pub(super) columns: Arc<Columns>,
}

impl PhysicalExprAdapterFactory for TableAdapter {
    fn create(&self, logical: SchemaRef, file: SchemaRef) -> DfResult<Arc<dyn PhysicalExprAdapter>> {
        if self.columns.mapping == ColumnMappingMode::Id && !has_ids(file.fields()) && !file.fields().is_empty() {
            let error = Error::corrupt("a data file carries no field ids though the table maps columns by id")
                .hint("the file was written by something that doesn't know column mapping: write it again");
            return Err(external(error));
        }
        Ok(Arc::new(FileAdapter { columns: Arc::clone(&self.columns), logical, file }))
    }
}

/// The same numbers with one NaN.
fn one_nan(array: ArrayRef) -> ArrayRef {
    match array.data_type() {
        ArrowType::Float32 => {
            let floats = array.as_primitive::<Float32Type>();
            if !floats.values().iter().any(|v| v.is_nan()) {
                return array;
            }
            Arc::new(floats.unary::<_, Float32Type>(|v| if v.is_nan() { f32::NAN } else { v }))
        }
        ArrowType::Float64 => {
            let doubles = array.as_primitive::<Float64Type>();
            if !doubles.values().iter().any(|v| v.is_nan()) {
                return array;
            }
            Arc::new(doubles.unary::<_, Float64Type>(|v| if v.is_nan() { f64::NAN } else { v }))
        }
        _ => array,
    }
}

#[derive(Debug)]
struct FileAdapter {
    columns: Arc<Columns>,
    logical: SchemaRef,
    file: SchemaRef,
}

impl PhysicalExprAdapter for FileAdapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> DfResult<Arc<dyn PhysicalExpr>> {
        match self.read(&expr)? {
            Some(read) => Ok(read),
            None => self.condition(expr, Nan::One),
        }
    }
}

/// What becomes of NaN where it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Nan {
    /// There is one.
    One,
    /// It keeps its bits: in filters that joins and sorts make of the values that they have met, which keep theirs.
    AsItIs,
}

/// Floating-point numbers inside a condition: Parquet's own bounds don't judge it, for they leave NaN out, which is above every
/// number; and there is one NaN, where Arrow's order puts those with a sign (`0.0 / 0.0` on x86) below every number.
fn opaque_float(read: Arc<dyn PhysicalExpr>, file: &Schema, nan: Nan) -> DfResult<Arc<dyn PhysicalExpr>> {
    let target = read.data_type(file)?;
    if !target.is_floating() || read.downcast_ref::<Literal>().is_some() {
        return Ok(read);
    }
    Ok(Arc::new(Fitted { read, fit: Fit::Same, target, nan }))
}

impl FileAdapter {
    /// A condition over the table's columns, over the file's.
    fn condition(&self, expr: Arc<dyn PhysicalExpr>, nan: Nan) -> DfResult<Arc<dyn PhysicalExpr>> {
        // From the top, so that access to a field of a struct is met before the struct.
        expr.transform_down(|expr| {
            if nan == Nan::One && expr.downcast_ref::<DynamicFilterPhysicalExpr>().is_some() {
                return Ok(Transformed::new(self.condition(expr, Nan::AsItIs)?, true, TreeNodeRecursion::Jump));
            }
            match self.read(&expr)? {
                Some(read) => Ok(Transformed::new(opaque_float(read, &self.file, nan)?, true, TreeNodeRecursion::Jump)),
                None => Ok(Transformed::no(expr)),
            }
        })
        .data()
    }

    /// What reads `expr` from the file, where it is a column or access to one's field.
    fn read(&self, expr: &Arc<dyn PhysicalExpr>) -> DfResult<Option<Arc<dyn PhysicalExpr>>> {
        match expr.downcast_ref::<Column>() {
            Some(column) => self.column(column).map(Some),
            None => self.nested(expr),
        }
    }

    fn column(&self, column: &Column) -> DfResult<Arc<dyn PhysicalExpr>> {
        let Some((field, target)) = self.table_field(column.name()) else {
            // The position, which the reader makes.
            let index = self.file.index_of(column.name())?;
            return Ok(Arc::new(Column::new(column.name(), index)));
        };
        let found = find(field, self.file.fields(), self.columns.mapping).map_err(external)?;
        let Some((index, file)) = found else {
            return Ok(lit(ScalarValue::try_new_null(target.data_type())?));
        };
        let read: Arc<dyn PhysicalExpr> = Arc::new(Column::new(file.name(), index));
        let fit = Fit::of(field, target.data_type(), file.data_type(), self.columns.mapping).map_err(external)?;
        Ok(fitted(read, fit, target.data_type()))
    }

    fn table_field(&self, name: &str) -> Option<(&StructField, &FieldRef)> {
        let field = self.columns.table.field(name)?;
        let (_, target) = self.logical.fields().find(name)?;
        Some((field, target))
    }

    /// `get_field(column, 'a', 'b')` as the same access in the file, so that it stays one that filters understand.
    fn nested(&self, expr: &Arc<dyn PhysicalExpr>) -> DfResult<Option<Arc<dyn PhysicalExpr>>> {
        let Some(function) = ScalarFunctionExpr::try_downcast_func::<GetFieldFunc>(expr.as_ref()) else {
            return Ok(None);
        };
        let Some((root, names)) = access(expr) else { return Ok(None) };
        let Some((field, target)) = self.table_field(root.name()) else { return Ok(None) };
        if !matches!(target.data_type(), ArrowType::Struct(_)) {
            return Ok(None);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mapping = self.columns.mapping;
        let found = find(field, self.file.fields(), mapping).map_err(external)?;
        let Some(end) = follow((field, target, found), &names, mapping).map_err(external)? else { return Ok(None) };
        let null = || Ok::<_, DataFusionError>(Some(lit(ScalarValue::try_new_null(&end.target)?)));
        let (Some((path, file)), Some((index, _))) = (&end.file, found) else { return null() };
        let fit = Fit::of(end.field, &end.target, file.data_type(), mapping).map_err(external)?;
        let (Some(first), inner) = (path.first(), path.get(1..).unwrap_or_default()) else { return null() };
        let mut arguments: Vec<Arc<dyn PhysicalExpr>> = vec![Arc::new(Column::new(first, index))];
        arguments.extend(inner.iter().map(|name| lit(name.as_str())));
        let read = ScalarFunctionExpr::try_new(
            Arc::new(function.fun().clone()),
            arguments,
            &self.file,
            Arc::new(function.config_options().clone()),
        )?;
        Ok(Some(fitted(Arc::new(read), fit, &end.target)))
    }
}

/// The column and the names of an access through structs, chained or in one call.
fn access(expr: &Arc<dyn PhysicalExpr>) -> Option<(&Column, Vec<String>)> {
    if let Some(column) = expr.downcast_ref::<Column>() {
        return Some((column, Vec::new()));
    }
    let function = ScalarFunctionExpr::try_downcast_func::<GetFieldFunc>(expr.as_ref())?;
    let (of, names) = function.args().split_first()?;
    let (column, mut path) = access(of)?;
    for name in names {
        path.push(name.downcast_ref::<Literal>()?.value().try_as_str()??.to_owned());
    }
    Some((column, path))
}

fn fitted(read: Arc<dyn PhysicalExpr>, fit: Fit, target: &ArrowType) -> Arc<dyn PhysicalExpr> {
    match fit {
        Fit::Same => read,
        Fit::Null(_) => match ScalarValue::try_new_null(target) {
            Ok(null) => lit(null),
            Err(_) => Arc::new(Fitted { read, fit, target: target.clone(), nan: Nan::AsItIs }),
        },
        // DataFusion would compare a column of milliseconds with a constant of microseconds cut to milliseconds, by taking the
        // cast away.
        Fit::Cast(ArrowType::Timestamp(..)) => Arc::new(Fitted { read, fit, target: target.clone(), nan: Nan::AsItIs }),
        Fit::Cast(to) => Arc::new(CastExpr::new(read, to, None)),
        fit => Arc::new(Fitted { read, fit, target: target.clone(), nan: Nan::AsItIs }),
    }
}

/// Our error, through DataFusion.
pub(super) fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// A nested column refitted to the table's shape.
#[derive(Debug, Clone)]
struct Fitted {
    read: Arc<dyn PhysicalExpr>,
    fit: Fit,
    target: ArrowType,
    nan: Nan,
}

impl PartialEq for Fitted {
    fn eq(&self, other: &Fitted) -> bool {
        self.read.eq(&other.read) && self.fit == other.fit && self.target == other.target && self.nan == other.nan
    }
}

impl Eq for Fitted {}

impl Hash for Fitted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.read.hash(state);
        self.fit.hash(state);
        self.target.hash(state);
        self.nan.hash(state);
    }
}

impl fmt::Display for Fitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fit({})", self.read)
    }
}

impl PhysicalExpr for Fitted {
    fn data_type(&self, _schema: &Schema) -> DfResult<ArrowType> {
        Ok(self.target.clone())
    }

    fn nullable(&self, schema: &Schema) -> DfResult<bool> {
        self.read.nullable(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> DfResult<ColumnarValue> {
        let array = self.read.evaluate(batch)?.into_array(batch.num_rows())?;
        let fitted = self.fit.apply(&array)?;
        Ok(ColumnarValue::Array(if self.nan == Nan::One { one_nan(fitted) } else { fitted }))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.read]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> DfResult<Arc<dyn PhysicalExpr>> {
        let [read] = <[_; 1]>::try_from(children)
            .map_err(|_| DataFusionError::Internal("a fitted column has one child".to_owned()))?;
        Ok(Arc::new(Fitted { read, fit: self.fit.clone(), target: self.target.clone(), nan: self.nan }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read.fmt_sql(f)
    }
}

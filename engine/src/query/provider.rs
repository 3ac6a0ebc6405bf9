//! How is one version of a table a table to DataFusion?

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DFSchema, Result as DfResult, Statistics};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::TableType;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use lakebed_txlog::action::Add;
use lakebed_txlog::predicate::Predicate;
use lakebed_txlog::snapshot::Snapshot;
use lakebed_txlog::{Error, Result};

use super::adapt::{TableAdapter, external};
use super::columns::{Columns, Positions};
use super::files::{self, Planned};
use super::pushed;
use super::reader::DataFiles;
use super::scan::RowOrder;
use crate::store::TableStore;

/// One version of a table, or some of its files.
#[derive(Debug)]
pub(super) struct Provider {
    store: TableStore,
    snapshot: Snapshot,
    columns: Arc<Columns>,
    seen: SchemaRef,
    files: Option<Vec<Add>>,
    positions: Positions,
    order: RowOrder,
}

impl Provider {
    /// The live files of `snapshot`.
    pub(super) fn new(store: &TableStore, snapshot: &Snapshot) -> Result<Provider> {
        let columns =
            Columns::of(snapshot).map_err(|e| e.version(snapshot.version()).table(store.url().to_string()))?;
        let seen = columns.seen(&Positions::Absent);
        Ok(Provider {
            store: store.clone(),
            snapshot: snapshot.clone(),
            columns: Arc::new(columns),
            seen,
            files: None,
            positions: Positions::Absent,
            order: RowOrder::Any,
        })
    }

    /// Only these files.
    pub(super) fn only(mut self, files: Vec<Add>) -> Provider {
        self.files = Some(files);
        self
    }

    /// With rows in this order.
    pub(super) fn ordered(mut self, order: RowOrder) -> Provider {
        self.order = order;
        self
    }

    /// With each row's position in its file as the last column; gives its name. Rows come in the order of the file.
    pub(super) fn with_positions(mut self) -> (Provider, String) {
        let name = self.columns.position_name();
        self.positions = Positions::In(name.clone());
        self.seen = self.columns.seen(&self.positions);
        (self, name)
    }

    /// The files that may hold rows of which `filters` are true; partition columns decide exactly.
    fn choose(&self, state: &dyn Session, filters: &[Expr]) -> DfResult<Vec<Add>> {
        let of = |filter: &Expr| pushed::predicate(filter, self.snapshot.schema());
        let predicate = Predicate::And(filters.iter().map(of).collect());
        let mut adds: Vec<Add> = match &self.files {
            Some(files) => files.clone(),
            None => {
                let pruned = self.snapshot.prune(&predicate).map_err(|e| external(self.named(e)))?;
                pruned.iter().map(|pruned| pruned.file.to_add()).collect()
            }
        };
        let deciding: Vec<&Expr> = filters.iter().filter(|filter| self.is_exact(filter)).collect();
        if deciding.is_empty() || adds.is_empty() {
            return Ok(adds);
        }
        let batch = files::partition_batch(&self.columns, &adds).map_err(|e| external(self.named(e)))?;
        let schema = DFSchema::try_from(batch.schema())?;
        let mut keep: Option<BooleanArray> = None;
        for filter in deciding {
            let condition = state.create_physical_expr(filter.clone(), &schema)?;
            let found = condition.evaluate(&batch)?.into_array(batch.num_rows())?;
            let found = found.as_boolean_opt().cloned().ok_or_else(|| {
                external(Error::bug(format!("a condition on partition columns isn't boolean: {filter}")))
            })?;
            keep = Some(match keep {
                Some(keep) => arrow::compute::and_kleene(&keep, &found)?,
                None => found,
            });
        }
        if let Some(keep) = keep {
            let mut keep = keep.iter().map(|keep| keep == Some(true));
            adds.retain(|_| keep.next().unwrap_or(true));
        }
        Ok(adds)
    }

    /// Whether choosing files decides the condition.
    fn is_exact(&self, filter: &Expr) -> bool {
        let columns = filter.column_refs();
        !columns.is_empty()
            && columns.iter().all(|column| self.columns.is_partition(&column.name))
            && !pushed::is_volatile(filter)
    }

    fn named(&self, error: Error) -> Error {
        error.version(self.snapshot.version()).table(self.store.url().to_string())
    }

    fn exec(
        &self,
        state: &dyn Session,
        data: DataFiles,
        planned: Planned,
        projection: &[usize],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let url = self.register(state)?;
        let schema = self.columns.source(&self.positions);
        let unknown = vec![ColumnStatistics::new_unknown(); schema.table_schema().fields().len()];
        let statistics = Statistics {
            num_rows: planned.rows,
            total_byte_size: usize::try_from(planned.bytes).map_or(Precision::Absent, Precision::Inexact),
            column_statistics: unknown,
        };
        let source = ParquetSource::new(schema)
            .with_table_parquet_options(parquet_options())
            .with_parquet_file_reader_factory(Arc::new(data));
        let in_order = self.positions != Positions::Absent || self.order == RowOrder::OfFiles;
        let partitions = if in_order { 1 } else { state.config().target_partitions().max(1) };
        let group_size = planned.files.len().div_ceil(partitions).max(1);
        let groups = planned.files.chunks(group_size).map(|files| FileGroup::new(files.to_vec())).collect();
        let places = projection.iter().map(|index| self.columns.place(*index)).collect();
        let config = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_limit(limit)
            .with_preserve_order(in_order)
            .with_expr_adapter(Some(Arc::new(TableAdapter { columns: Arc::clone(&self.columns) })))
            .with_projection_indices(Some(places))?
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    /// DataFusion finds stores by URL. One of our own making stands for the table's: any store serves.
    fn register(&self, state: &dyn Session) -> DfResult<ObjectStoreUrl> {
        let mut hasher = DefaultHasher::new();
        self.store.url().hash(&mut hasher);
        let url = ObjectStoreUrl::parse(format!("lakebed://{:016x}/", hasher.finish()))?;
        state.runtime_env().register_object_store(url.as_ref(), Arc::clone(self.store.data()));
        Ok(url)
    }
}

#[async_trait]
impl TableProvider for Provider {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.seen)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        let answer = |filter: &&Expr| match filter {
            filter if self.is_exact(filter) => TableProviderFilterPushDown::Exact,
            // Files are skipped by it; rows are told apart by the filter that stays, which goes into the Parquet source.
            _ => TableProviderFilterPushDown::Inexact,
        };
        Ok(filters.iter().map(answer).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.seen.fields().len()).collect();
        let projection = projection.unwrap_or(&all);
        let adds = self.choose(state, filters)?;
        let data = DataFiles::new(&self.store, self.snapshot.version());
        // A limit counts rows that all match: files may be left out for it only where no other filter follows.
        let limit = limit.filter(|_| filters.iter().all(|filter| self.is_exact(filter)));
        let planned = files::plan(&self.store, &self.columns, &data, adds, limit).await;
        let planned = planned.map_err(|e| external(self.named(e)))?;
        if planned.files.is_empty() {
            return Ok(Arc::new(EmptyExec::new(Arc::new(self.seen.project(projection)?))));
        }
        self.exec(state, data, planned, projection, limit)
    }
}

/// Everything that skips work is on: row groups and pages by statistics, row groups by Bloom filters, columns that a
/// filter doesn't need only for rows that pass it. INT96 is read in its full range, as instants.
fn parquet_options() -> TableParquetOptions {
    let mut options = TableParquetOptions::default();
    options.global.pushdown_filters = true;
    options.global.reorder_filters = true;
    options.global.enable_page_index = true;
    options.global.pruning = true;
    options.global.bloom_filter_on_read = true;
    options.global.coerce_int96 = Some("us".to_owned());
    options.global.coerce_int96_tz = Some("UTC".to_owned());
    options
}

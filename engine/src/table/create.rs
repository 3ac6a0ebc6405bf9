//! How does a table begin?

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::Schema;
use lakebed_txlog::action::{Action, Metadata};
use lakebed_txlog::drive::Log;
use lakebed_txlog::env::{Env, SystemEnv};
use lakebed_txlog::protocol::{Profile, for_new_table};
use lakebed_txlog::schema::StructType;
use lakebed_txlog::transaction::Kind;
use lakebed_txlog::transaction::Transaction;
use lakebed_txlog::{Result, partition};

use super::{Table, log_store};
use crate::store::{StoreSettings, TableStore, TableUrl};

/// A table to be created.
#[derive(Clone, Debug)]
pub struct CreateTable {
    /// The columns.
    pub schema: StructType,
    /// Names of the columns that partition it, outermost first.
    pub partition_columns: Vec<String>,
    /// Table properties.
    pub properties: BTreeMap<String, String>,
    /// Which features it begins with.
    pub profile: Profile,
    /// A name for people.
    pub name: Option<String>,
    /// A description for people.
    pub description: Option<String>,
}

impl CreateTable {
    /// A table of this schema, not partitioned, of the `standard` profile.
    #[must_use]
    pub fn new(schema: StructType) -> CreateTable {
        CreateTable {
            schema,
            partition_columns: Vec::new(),
            properties: BTreeMap::new(),
            profile: Profile::Standard,
            name: None,
            description: None,
        }
    }

    /// A table of this Arrow schema, not partitioned, of the `standard` profile.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) naming a column whose type Delta doesn't have.
    pub fn of_arrow(schema: &Schema) -> Result<CreateTable> {
        Ok(CreateTable::new(StructType::from_arrow(schema)?))
    }

    /// Partitions it by these columns.
    #[must_use]
    pub fn partitioned_by(mut self, columns: impl IntoIterator<Item = impl Into<String>>) -> CreateTable {
        self.partition_columns = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Sets a property.
    #[must_use]
    pub fn property(mut self, key: impl Into<String>, value: impl Into<String>) -> CreateTable {
        self.properties.insert(key.into(), value.into());
        self
    }

    /// Chooses the profile.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> CreateTable {
        self.profile = profile;
        self
    }

    /// Creates it at a URL or path, with the store settings of the process's environment.
    ///
    /// # Errors
    /// As [`create_in`](Self::create_in).
    pub async fn create(&self, url: &str) -> Result<Table> {
        let url = TableUrl::parse(url)?;
        let env = SystemEnv::shared();
        let store = TableStore::create(&url, &StoreSettings::from_env(), &env)?;
        self.create_in(store, env).await
    }

    /// Creates it in a store: one listing, one put, and another that the store has to refuse.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where the store creates version 0 twice, so that it can't keep two
    /// writers apart; [`AlreadyExists`](crate::ErrorKind::AlreadyExists) where a table is;
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for a schema, partitioning or property that can't be;
    /// [`Indeterminate`](crate::ErrorKind::Indeterminate) when the store can't be asked whether it was created.
    pub async fn create_in(&self, store: TableStore, env: Arc<dyn Env>) -> Result<Table> {
        let named = |e: crate::Error| e.table(store.url().to_string());
        let partition_columns = partition::check_new(&self.schema, &self.partition_columns).map_err(named)?;
        let (protocol, configuration) = for_new_table(self.profile, &self.schema, &self.properties).map_err(named)?;
        let metadata = Metadata {
            id: env.uuid().to_string(),
            name: self.name.clone(),
            description: self.description.clone(),
            schema_string: self.schema.to_json(),
            partition_columns,
            configuration,
            created_time: Some(env.now().0),
            ..Metadata::default()
        };
        let mut transaction = Transaction::new(Kind::Metadata, "CREATE TABLE");
        transaction.push(Action::Protocol(protocol));
        transaction.push(Action::Metadata(metadata));
        let log = Log::create(log_store(&store), Arc::clone(&env), &transaction).await?;
        let table = Table::over(store, log, env);
        table.0.checksums.after_commit(table.log(), &table.snapshot());
        Ok(table)
    }
}

//! What is the table at one version, its files left out: protocol, metadata, schema, `txn`s, domains?
//!
//! Enough to plan a query's columns, or to tell whether a table can be read or written; it costs no file action.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::action::{DomainMetadata, Metadata, Protocol, Txn};
use crate::error::{Error, Result};
use crate::protocol::{check_read, check_type_changes, column_mapping_mode, properties::TableProperties};
use crate::replay::State;
use crate::schema::{ColumnMappingMode, StructType};
use crate::version::Version;

/// What protocol and metadata mean to a reader.
#[derive(Clone, Debug)]
pub(crate) struct Understood {
    pub(crate) schema: Arc<StructType>,
    pub(crate) mapping: ColumnMappingMode,
}

impl Understood {
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when the table demands of readers what isn't implemented;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when the schema can't be parsed, or contradicts the rest.
    pub(crate) fn of(version: Version, protocol: &Protocol, metadata: &Metadata) -> Result<Understood> {
        let named = |e: Error| e.version(version);
        check_read(protocol).map_err(named)?;
        if metadata.format.provider != "parquet" {
            return Err(named(Error::unsupported(format!("data files in the format {:?}", metadata.format.provider))));
        }
        let schema = Arc::new(StructType::from_json(&metadata.schema_string).map_err(named)?);
        check_type_changes(&schema).map_err(named)?;
        if let Some(column) = metadata.partition_columns.iter().find(|column| schema.field(column).is_none()) {
            return Err(named(Error::corrupt(format!("the partition column {column:?} isn't in the schema"))));
        }
        let mapping = column_mapping_mode(protocol, metadata).map_err(named)?;
        Ok(Understood { schema, mapping })
    }
}

/// The table at one version without its files. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Head {
    version: Version,
    protocol: Arc<Protocol>,
    metadata: Arc<Metadata>,
    understood: Understood,
    txns: Option<Arc<BTreeMap<String, Txn>>>,
    domains: Option<Arc<BTreeMap<String, DomainMetadata>>>,
}

impl Head {
    /// The head of a state whose files needn't be there.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when protocol or metadata is missing or malformed;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when the table demands of readers what isn't implemented.
    pub fn of(version: Version, state: &State) -> Result<Head> {
        let (protocol, metadata) = state.agreed(version)?;
        let (txns, domains) = (Some(Arc::clone(&state.txns)), Some(Arc::clone(&state.domains)));
        Head::new(version, protocol, metadata, txns, domains)
    }

    pub(crate) fn new(
        version: Version,
        protocol: Arc<Protocol>,
        metadata: Arc<Metadata>,
        txns: Option<Arc<BTreeMap<String, Txn>>>,
        domains: Option<Arc<BTreeMap<String, DomainMetadata>>>,
    ) -> Result<Head> {
        let understood = Understood::of(version, &protocol, &metadata)?;
        Ok(Head { version, protocol, metadata, understood, txns, domains })
    }

    /// The state that following commits go on from, without files.
    pub(crate) fn state(&self) -> State {
        State {
            protocol: Some(Arc::clone(&self.protocol)),
            metadata: Some(Arc::clone(&self.metadata)),
            txns: self.txns.clone().unwrap_or_default(),
            domains: self.domains.clone().unwrap_or_default(),
            ..State::default()
        }
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// What readers and writers must implement.
    #[must_use]
    pub fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    /// Identity, schema, partitioning and properties as the log has them.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The schema, logical names.
    #[must_use]
    pub fn schema(&self) -> &Arc<StructType> {
        &self.understood.schema
    }

    /// Under which names columns stand in data files, statistics and partition values.
    #[must_use]
    pub fn column_mapping(&self) -> ColumnMappingMode {
        self.understood.mapping
    }

    /// Logical names of the partition columns, outermost first.
    #[must_use]
    pub fn partition_columns(&self) -> &[String] {
        &self.metadata.partition_columns
    }

    /// The table's properties, typed.
    #[must_use]
    pub fn properties(&self) -> TableProperties<'_> {
        TableProperties::new(&self.metadata.configuration)
    }

    /// Every application's progress, by id; `None` where it was opened by a checksum that doesn't say.
    #[must_use]
    pub fn txns(&self) -> Option<&BTreeMap<String, Txn>> {
        self.txns.as_deref()
    }

    /// Every domain, by name; `None` where it was opened by a checksum that doesn't say.
    #[must_use]
    pub fn domains(&self) -> Option<&BTreeMap<String, DomainMetadata>> {
        self.domains.as_deref()
    }
}

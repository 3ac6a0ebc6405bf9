//! Which columns does a checkpoint of this table have?

use super::schema::{Layout, Presence};
use crate::error::Result;
use crate::schema::Leaf;
use crate::snapshot::Snapshot;
use crate::stats::{StatsColumn, StatsStruct, indexed_columns};

impl Layout {
    /// The layout that the table's properties ask for: `stats` by `delta.checkpoint.writeStatsAsJson`, `stats_parsed` and
    /// `partitionValues_parsed` by `delta.checkpoint.writeStatsAsStruct`. Statistics have the columns that data files'
    /// statistics have, but for those of a type that this release doesn't know.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for a property that has a value which it doesn't take, or a column without
    /// the physical name that the mapping asks for.
    pub fn of(snapshot: &Snapshot) -> Result<Layout> {
        let properties = snapshot.properties();
        let presence = |written| if written { Presence::Written } else { Presence::LeftOut };
        let stats_parsed = presence(properties.checkpoint_write_stats_as_struct()?);
        Ok(Layout {
            stats: presence(properties.checkpoint_write_stats_as_json()?),
            stats_parsed,
            statistics: statistics(snapshot)?,
            partition_values: match stats_parsed {
                Presence::Written => partition_values(snapshot)?,
                Presence::LeftOut => Vec::new(),
            },
        })
    }
}

fn statistics(snapshot: &Snapshot) -> Result<StatsStruct> {
    let leaves = snapshot.schema().leaves(snapshot.column_mapping())?;
    let is_partition = |leaf: &Leaf<'_>| match leaf.path.names() {
        [name] => snapshot.partition_columns().contains(name),
        _ => false,
    };
    let indexed = match snapshot.schema().to_arrow() {
        Ok(schema) => {
            let kept = schema.fields().iter().filter(|field| !snapshot.partition_columns().contains(field.name()));
            let data = arrow::datatypes::Schema::new(kept.cloned().collect::<Vec<_>>());
            Some(indexed_columns(&data, &snapshot.metadata().configuration)?)
        }
        // A column of a type that isn't known: which come first can't be told, so all count.
        Err(_) => None,
    };
    let chosen =
        |leaf: &&Leaf<'_>| !is_partition(leaf) && indexed.as_ref().is_none_or(|indexed| indexed.contains(&leaf.path));
    let columns = leaves.iter().filter(chosen).filter_map(|leaf| StatsColumn::of_leaf(leaf).ok());
    Ok(StatsStruct::new(columns.collect()))
}

fn partition_values(snapshot: &Snapshot) -> Result<Vec<(String, crate::schema::DataType)>> {
    let columns = snapshot.partition_columns().iter().filter_map(|name| snapshot.schema().field(name));
    columns.map(|field| Ok((field.physical_name(snapshot.column_mapping())?, field.data_type.clone()))).collect()
}

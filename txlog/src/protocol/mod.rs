//! What does a table demand, and do we implement it?
//!
//! | file | what |
//! |---|---|
//! | `feature` | what a table feature is to this release |
//! | `registry` | every feature, as data |
//! | `check` | may the table be read, may it be written to, which features are in use? |
//! | `create` | which protocol and properties a new table gets |
//! | `commit` | do the actions of a commit keep to the table's features? |
//! | [`properties`] | table properties with their types and defaults |

mod check;
mod commit;
mod create;
mod feature;
pub mod properties;
mod registry;

pub use check::{
    TABLE_FEATURES_READER_VERSION, TABLE_FEATURES_WRITER_VERSION, active_features, check_read, check_type_changes,
    check_write, column_mapping_mode, deletion_vectors_enabled, in_commit_timestamps_enabled, is_supported, supports,
};
pub use commit::check_actions;
pub use create::{Profile, extended, for_new_table};
pub use feature::{Binding, Feature, Kind, Legacy, Support, Table};
pub use properties::{CheckpointPolicy, TableProperties};
pub use registry::{FEATURES, feature};

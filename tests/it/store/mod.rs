//! Does every store keep what the engine relies on? One suite, run against a folder, memory and a real S3 server.

mod conformance;
mod data_files;

use std::sync::Arc;

use lakebed::store::{CredentialSource, S3Keys, S3Settings, StoreSettings, TableStore, TableUrl};
use lakebed_txlog::env::{Env, SystemEnv};

use crate::s3::S3;

/// The settings that reach the test's S3 server.
pub(crate) fn settings_of(s3: &S3) -> StoreSettings {
    StoreSettings {
        s3: S3Settings {
            endpoint: Some(s3.endpoint.clone()),
            region: Some(s3.region.clone()),
            credentials: vec![CredentialSource::Keys(S3Keys {
                access_key_id: s3.access_key.clone(),
                secret_access_key: s3.secret_key.clone(),
                session_token: None,
            })],
            ..S3Settings::default()
        },
        ..StoreSettings::default()
    }
}

/// A store that is opened, and made where it can be.
fn opened(url: &str, settings: &StoreSettings) -> TableStore {
    let env: Arc<dyn Env> = SystemEnv::shared();
    TableStore::create(&TableUrl::parse(url).unwrap(), settings, &env).unwrap()
}

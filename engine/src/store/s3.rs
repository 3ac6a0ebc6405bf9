//! How the S3 clients of a table are built.

use std::sync::Arc;
use std::time::Duration;

use lakebed_txlog::{Error, Result};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, AwsCredentialProvider};
use object_store::{ClientOptions, ObjectStore, RetryConfig};

use super::profile;
use super::settings::{Addressing, CredentialSource, S3Keys, StoreSettings};
use super::store_error;

/// The two clients of a bucket.
#[derive(Debug)]
pub(crate) struct S3Clients {
    /// For everything but commits: requests are sent again when they fail for a passing reason.
    pub(crate) data: Arc<dyn ObjectStore>,
    /// For commits: no request is ever sent twice, so that every answer is about the one that was sent (pitfall C19).
    pub(crate) commits: Arc<dyn ObjectStore>,
}

/// Builds the clients of `bucket`. Reads the profile's files where settings name one; no request is sent.
///
/// # Errors
///
/// `InvalidRequest` for settings that can't be used; those of [`profile::read`].
pub(crate) fn clients(bucket: &str, settings: &StoreSettings) -> Result<S3Clients> {
    let plain = settled(bucket, settings)?;
    let build = |builder: AmazonS3Builder| -> Result<AmazonS3> {
        builder.build().map_err(|error| {
            let error = store_error(error, "building the S3 client", bucket);
            Error::invalid(error.message().to_owned()).path(bucket).because(error)
        })
    };
    // Where credentials have to be fetched, a machine without any must learn so in seconds.
    let credentials = build(plain.clone().with_retry(retries(2, Duration::from_secs(5))))?.credentials().clone();
    let with = |retry: RetryConfig| {
        let credentials: AwsCredentialProvider = Arc::clone(&credentials);
        build(plain.clone().with_credentials(credentials).with_retry(retry))
    };
    Ok(S3Clients {
        data: Arc::new(with(retries(settings.max_retries, settings.retry_timeout))?),
        commits: Arc::new(with(retries(0, Duration::ZERO))?),
    })
}

fn retries(max_retries: usize, retry_timeout: Duration) -> RetryConfig {
    RetryConfig { max_retries, retry_timeout, ..RetryConfig::default() }
}

fn settled(bucket: &str, settings: &StoreSettings) -> Result<AmazonS3Builder> {
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
    let mut region = settings.s3.region.clone();
    let mut endpoint = settings.s3.endpoint.clone();
    for source in &settings.s3.credentials {
        if let CredentialSource::Profile { name, credentials_file, config_file } = source {
            let profile = profile::read(name, credentials_file, config_file)?;
            region = region.or(profile.region);
            endpoint = endpoint.or(profile.endpoint);
            if let Some(keys) = profile.keys {
                builder = with_keys(builder, keys);
                break;
            }
        } else {
            builder = with_source(builder, source);
            break;
        }
    }
    let mut options = ClientOptions::new()
        .with_timeout(settings.request_timeout)
        .with_connect_timeout(settings.connect_timeout)
        .with_pool_idle_timeout(Duration::from_secs(60));
    if let Some(endpoint) = endpoint {
        let parsed = url::Url::parse(&endpoint)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                Error::invalid("the S3 endpoint is not a URL").path(&endpoint).hint("write https://host:port")
            })?;
        options = options.with_allow_http(parsed.scheme() == "http");
        builder = builder.with_endpoint(endpoint);
    }
    builder = builder.with_client_options(options);
    if let Some(region) = region {
        builder = builder.with_region(region);
    }
    Ok(builder.with_virtual_hosted_style_request(settings.s3.addressing == Addressing::VirtualHost))
}

fn with_keys(builder: AmazonS3Builder, keys: S3Keys) -> AmazonS3Builder {
    let builder = builder.with_access_key_id(keys.access_key_id).with_secret_access_key(keys.secret_access_key);
    match keys.session_token {
        Some(token) => builder.with_token(token),
        None => builder,
    }
}

fn with_source(builder: AmazonS3Builder, source: &CredentialSource) -> AmazonS3Builder {
    let path = |file: &std::path::Path| file.to_string_lossy().into_owned();
    match source {
        CredentialSource::Anonymous => builder.with_skip_signature(true),
        CredentialSource::Keys(keys) => with_keys(builder, keys.clone()),
        CredentialSource::WebIdentity { token_file, role_arn, session_name } => {
            let builder = builder
                .with_config(AmazonS3ConfigKey::WebIdentityTokenFile, path(token_file))
                .with_config(AmazonS3ConfigKey::RoleArn, role_arn);
            match session_name {
                Some(name) => builder.with_config(AmazonS3ConfigKey::RoleSessionName, name),
                None => builder,
            }
        }
        // Read by the caller, because one without keys gives way to the next source.
        CredentialSource::Profile { .. } => builder,
        CredentialSource::EcsTask { relative_uri } => {
            builder.with_config(AmazonS3ConfigKey::ContainerCredentialsRelativeUri, relative_uri)
        }
        CredentialSource::EksPod { uri, token_file } => builder
            .with_config(AmazonS3ConfigKey::ContainerCredentialsFullUri, uri)
            .with_config(AmazonS3ConfigKey::ContainerAuthorizationTokenFile, path(token_file)),
    }
}

#[cfg(test)]
mod tests {
    use lakebed_txlog::ErrorKind;

    use super::*;
    use crate::store::settings::S3Settings;

    #[test]
    fn an_endpoint_without_a_scheme_is_an_error() {
        for endpoint in ["localhost:9000", "ftp://x", "", "http://"] {
            let s3 = S3Settings { endpoint: Some(endpoint.to_owned()), ..S3Settings::default() };
            let error = clients("b", &StoreSettings { s3, ..StoreSettings::default() }).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{endpoint}");
        }
    }

    #[test]
    fn an_http_endpoint_is_taken_at_its_word() {
        let s3 = S3Settings { endpoint: Some("http://127.0.0.1:1".to_owned()), ..S3Settings::default() };
        assert!(clients("b", &StoreSettings { s3, ..StoreSettings::default() }).is_ok());
    }
}

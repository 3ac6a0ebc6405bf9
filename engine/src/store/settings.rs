//! How a store is to be reached, and with whose credentials.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::url::TableUrl;

/// How stores are reached. The default asks nothing of the environment; [`StoreSettings::from_variables`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// What concerns S3 alone.
    pub s3: S3Settings,
    /// Longest time one request may take, its body included.
    pub request_timeout: Duration,
    /// Longest time a connection may take to be made.
    pub connect_timeout: Duration,
    /// How often a request that failed for a passing reason is sent again. Commits are never sent again by the client:
    /// the commit loop reads the version back first.
    pub max_retries: usize,
    /// Longest time from a request's first sending after which it is not sent again.
    pub retry_timeout: Duration,
    /// Places outside a table's folder whose files it may name: a shallow clone's source, say. They are read and never
    /// changed. Empty by default: a table that names a file anywhere else is refused (pitfall H1).
    pub outside: Vec<TableUrl>,
}

impl Default for StoreSettings {
    fn default() -> Self {
        StoreSettings {
            s3: S3Settings::default(),
            request_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            max_retries: 8,
            retry_timeout: Duration::from_secs(120),
            outside: Vec::new(),
        }
    }
}

/// How S3, or a store that speaks its protocol, is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3Settings {
    /// The server, as `https://host:port`; Amazon's own where `None`. An `http://` endpoint is reached without TLS.
    pub endpoint: Option<String>,
    /// The region that requests are signed for; the profile's where `None`, else `us-east-1`.
    pub region: Option<String>,
    /// How the bucket is named in a request.
    pub addressing: Addressing,
    /// Where credentials may come from: the first source that has some is used; the instance's role where none has.
    pub credentials: Vec<CredentialSource>,
}

/// How the bucket is named in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addressing {
    /// As the first segment of the path: every server understands it.
    #[default]
    Path,
    /// As part of the host's name. With an endpoint, that endpoint names the bucket already.
    VirtualHost,
}

/// One place that credentials may come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// Requests aren't signed: public buckets.
    Anonymous,
    /// These keys.
    Keys(S3Keys),
    /// A token in a file, exchanged for the role's credentials (EKS and other federations).
    WebIdentity {
        /// The file that holds the token.
        token_file: PathBuf,
        /// The role to assume.
        role_arn: String,
        /// The session's name.
        session_name: Option<String>,
    },
    /// A profile of the shared AWS files. A profile named `default` may be missing; any other may not.
    Profile {
        /// The profile's name.
        name: String,
        /// The credentials file, as `~/.aws/credentials`.
        credentials_file: PathBuf,
        /// The configuration file, as `~/.aws/config`.
        config_file: PathBuf,
    },
    /// The role of an ECS task, by the relative URI that ECS names.
    EcsTask {
        /// What follows `http://169.254.170.2`.
        relative_uri: String,
    },
    /// The role of an EKS pod.
    EksPod {
        /// The agent's address.
        uri: String,
        /// The file that holds the token which the agent wants.
        token_file: PathBuf,
    },
}

/// A key pair, with the token that a temporary one needs. Displays and debug-prints without its secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Keys {
    /// The key's public name.
    pub access_key_id: String,
    /// The key's secret.
    pub secret_access_key: String,
    /// The token of temporary credentials.
    pub session_token: Option<String>,
}

impl fmt::Debug for S3Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Keys").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl StoreSettings {
    /// The settings that this process's environment names; see [`StoreSettings::from_variables`].
    #[must_use]
    pub fn from_env() -> StoreSettings {
        StoreSettings::from_variables(lakebed_txlog::env::process_variable)
    }

    /// The settings that the ordinary AWS variables name, in the order in which the AWS tools look:
    ///
    /// 1. `AWS_SKIP_SIGNATURE`: requests aren't signed
    /// 2. `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`
    /// 3. `AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN`, `AWS_ROLE_SESSION_NAME`
    /// 4. the profile `AWS_PROFILE` of `AWS_SHARED_CREDENTIALS_FILE` and `AWS_CONFIG_FILE`, by default `~/.aws`
    /// 5. `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`, or `…_FULL_URI` with `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`
    /// 6. the role of the instance
    ///
    /// and `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL` or `AWS_ENDPOINT`; `AWS_REGION` or `AWS_DEFAULT_REGION`;
    /// `AWS_VIRTUAL_HOSTED_STYLE_REQUEST`. An empty variable counts as unset.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> StoreSettings {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let first = |names: &[&str]| names.iter().find_map(|name| variable(name));
        let is_on = |name: &str| {
            variable(name)
                .is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on"))
        };
        let credentials = if is_on("AWS_SKIP_SIGNATURE") {
            vec![CredentialSource::Anonymous]
        } else {
            [keys(&variable), web_identity(&variable), profile(&variable), container(&variable)]
                .into_iter()
                .flatten()
                .collect()
        };
        let addressing =
            if is_on("AWS_VIRTUAL_HOSTED_STYLE_REQUEST") { Addressing::VirtualHost } else { Addressing::Path };
        StoreSettings {
            s3: S3Settings {
                endpoint: first(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"]),
                region: first(&["AWS_REGION", "AWS_DEFAULT_REGION"]),
                addressing,
                credentials,
            },
            ..StoreSettings::default()
        }
    }
}

fn keys(variable: &dyn Fn(&str) -> Option<String>) -> Option<CredentialSource> {
    Some(CredentialSource::Keys(S3Keys {
        access_key_id: variable("AWS_ACCESS_KEY_ID")?,
        secret_access_key: variable("AWS_SECRET_ACCESS_KEY")?,
        session_token: variable("AWS_SESSION_TOKEN"),
    }))
}

fn web_identity(variable: &dyn Fn(&str) -> Option<String>) -> Option<CredentialSource> {
    Some(CredentialSource::WebIdentity {
        token_file: variable("AWS_WEB_IDENTITY_TOKEN_FILE")?.into(),
        role_arn: variable("AWS_ROLE_ARN")?,
        session_name: variable("AWS_ROLE_SESSION_NAME"),
    })
}

fn profile(variable: &dyn Fn(&str) -> Option<String>) -> Option<CredentialSource> {
    let home = variable("HOME").or_else(|| variable("USERPROFILE")).map(PathBuf::from);
    let file = |name: &str, default: &str| {
        variable(name).map(PathBuf::from).or_else(|| home.as_ref().map(|home| home.join(".aws").join(default)))
    };
    Some(CredentialSource::Profile {
        name: variable("AWS_PROFILE").unwrap_or_else(|| "default".to_owned()),
        credentials_file: file("AWS_SHARED_CREDENTIALS_FILE", "credentials")?,
        config_file: file("AWS_CONFIG_FILE", "config")?,
    })
}

fn container(variable: &dyn Fn(&str) -> Option<String>) -> Option<CredentialSource> {
    if let Some(relative_uri) = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        return Some(CredentialSource::EcsTask { relative_uri });
    }
    Some(CredentialSource::EksPod {
        uri: variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")?,
        token_file: variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")?.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> S3Settings {
        let variables: Vec<_> = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        StoreSettings::from_variables(|name| variables.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone())).s3
    }

    #[test]
    fn no_variables_leave_the_instance_role() {
        assert_eq!(from(&[]), S3Settings::default());
    }

    #[test]
    fn sources_stand_in_the_order_of_the_aws_tools() {
        let s3 = from(&[
            ("HOME", "/h"),
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"),
            ("AWS_ROLE_ARN", "arn"),
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_SESSION_TOKEN", ""),
        ]);
        let kinds: Vec<_> = s3.credentials.iter().map(std::mem::discriminant).collect();
        let expected = [
            CredentialSource::Keys(S3Keys {
                access_key_id: "a".into(),
                secret_access_key: "s".into(),
                session_token: None,
            }),
            CredentialSource::WebIdentity { token_file: "/t".into(), role_arn: "arn".into(), session_name: None },
            CredentialSource::Profile {
                name: "default".into(),
                credentials_file: "/h/.aws/credentials".into(),
                config_file: "/h/.aws/config".into(),
            },
            CredentialSource::EcsTask { relative_uri: "/v2/x".into() },
        ];
        assert_eq!(s3.credentials, expected);
        assert_eq!(kinds.len(), 4);
    }

    #[test]
    fn the_service_endpoint_goes_before_the_general_one() {
        let s3 = from(&[("AWS_ENDPOINT_URL", "http://general"), ("AWS_ENDPOINT_URL_S3", "http://s3")]);
        assert_eq!(s3.endpoint.as_deref(), Some("http://s3"));
        assert_eq!(from(&[("AWS_DEFAULT_REGION", "eu-west-1")]).region.as_deref(), Some("eu-west-1"));
    }

    #[test]
    fn unsigned_requests_ask_for_no_credentials() {
        let s3 = from(&[("AWS_SKIP_SIGNATURE", "true"), ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "s")]);
        assert_eq!(s3.credentials, [CredentialSource::Anonymous]);
    }

    #[test]
    fn secrets_are_not_printed() {
        let s3 =
            from(&[("AWS_ACCESS_KEY_ID", "public"), ("AWS_SECRET_ACCESS_KEY", "hush"), ("AWS_SESSION_TOKEN", "hush")]);
        let printed = format!("{s3:?}");
        assert!(printed.contains("public") && !printed.contains("hush"), "{printed}");
    }
}

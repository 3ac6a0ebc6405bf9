//! What the shared AWS files say about a profile.

use std::collections::BTreeMap;
use std::path::Path;

use lakebed_txlog::{Error, Result};

use super::file_error;
use super::settings::S3Keys;

/// The profile that may be missing.
const DEFAULT: &str = "default";

/// What a profile gives: keys, and where to use them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The profile's keys.
    pub keys: Option<S3Keys>,
    /// The profile's region.
    pub region: Option<String>,
    /// The profile's endpoint.
    pub endpoint: Option<String>,
}

/// Reads the profile `name` from the credentials and configuration files; a file that isn't there says nothing.
///
/// # Errors
///
/// `NotFound` where a profile other than `default` is in neither file; `Unsupported` where it gets its credentials by
/// a role, a process or single sign-on; what reading a file gives.
pub fn read(name: &str, credentials_file: &Path, config_file: &Path) -> Result<Profile> {
    let in_config = if name == DEFAULT { DEFAULT.to_owned() } else { format!("profile {name}") };
    let credentials = section(&text(credentials_file)?, name);
    let config = section(&text(config_file)?, &in_config);
    if credentials.is_none() && config.is_none() && name != DEFAULT {
        return Err(Error::not_found(format!("there is no AWS profile named {name}"))
            .path(credentials_file.to_string_lossy().into_owned())
            .hint("check AWS_PROFILE"));
    }
    // The credentials file goes before the configuration file.
    let mut settings = config.unwrap_or_default();
    settings.extend(credentials.unwrap_or_default());
    of_settings(name, &settings)
}

fn of_settings(name: &str, settings: &BTreeMap<String, String>) -> Result<Profile> {
    let setting = |key: &str| settings.get(key).filter(|value| !value.is_empty()).cloned();
    let keys = match (setting("aws_access_key_id"), setting("aws_secret_access_key")) {
        (Some(access_key_id), Some(secret_access_key)) => {
            Some(S3Keys { access_key_id, secret_access_key, session_token: setting("aws_session_token") })
        }
        _ => None,
    };
    let indirect = ["role_arn", "credential_process", "sso_session", "sso_start_url"];
    if let (None, Some(how)) = (&keys, indirect.iter().find(|key| settings.contains_key(**key))) {
        return Err(Error::unsupported(format!("the AWS profile {name} gets its credentials by {how}"))
            .hint(format!("run `eval $(aws configure export-credentials --profile {name} --format env)` first")));
    }
    Ok(Profile { keys, region: setting("region"), endpoint: setting("endpoint_url") })
}

fn text(file: &Path) -> Result<String> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(file_error(error, "reading the AWS configuration", file)),
    }
}

/// The settings of `[wanted]`, or `None` where there is no such section. Nested settings (indented lines) are left out.
fn section(text: &str, wanted: &str) -> Option<BTreeMap<String, String>> {
    let mut found: Option<BTreeMap<String, String>> = None;
    let mut is_inside = false;
    for line in text.lines() {
        let is_nested = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            let name = header.split(']').next().unwrap_or_default();
            is_inside = name.split_whitespace().eq(wanted.split_whitespace());
            if is_inside {
                found.get_or_insert_default();
            }
        } else if let (true, false, Some((key, value))) = (is_inside, is_nested, line.split_once('=')) {
            let value = value.split(" #").next().unwrap_or_default().trim();
            found.get_or_insert_default().insert(key.trim().to_ascii_lowercase(), value.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use lakebed_txlog::ErrorKind;
    use tempfile::TempDir;

    use super::*;

    fn files(credentials: &str, config: &str) -> (TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("credentials"), folder.path().join("config"));
        std::fs::write(&a, credentials).unwrap();
        std::fs::write(&b, config).unwrap();
        (folder, a, b)
    }

    #[test]
    fn keys_and_region_come_from_their_files() {
        let (_folder, credentials, config) = files(
            "# mine\n[default]\naws_access_key_id=x\naws_secret_access_key=y\n\n[lake]\naws_access_key_id = a\n\
             aws_secret_access_key = s=/+ # rotated\naws_session_token = t\n",
            "[default]\nregion = us-east-1\n[profile lake]\nregion = eu-west-1\ns3 =\n  addressing_style = path\n\
             endpoint_url = http://localhost:9000\n",
        );
        let profile = read("lake", &credentials, &config).unwrap();
        let keys = profile.keys.unwrap();
        assert_eq!((keys.access_key_id.as_str(), keys.secret_access_key.as_str()), ("a", "s=/+"));
        assert_eq!(keys.session_token.as_deref(), Some("t"));
        assert_eq!(profile.region.as_deref(), Some("eu-west-1"));
        assert_eq!(profile.endpoint.as_deref(), Some("http://localhost:9000"));
    }

    #[test]
    fn only_the_default_profile_may_be_missing() {
        let nowhere = Path::new("/nonexistent/aws");
        assert_eq!(read("default", nowhere, nowhere).unwrap(), Profile::default());
        assert_eq!(read("lake", nowhere, nowhere).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_profile_with_a_role_is_refused_by_name() {
        let (_folder, credentials, config) = files("", "[profile r]\nrole_arn = arn\nsource_profile = default\n");
        let error = read("r", &credentials, &config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("role_arn"));
    }
}

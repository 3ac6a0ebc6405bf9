//! Which S3 server is measured against? The one that the tests use, started for this process and ended with it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::Res;

/// A running server with an empty bucket.
pub struct Server {
    /// How it is reached.
    pub access: Access,
    process: Child,
}

/// How a server is reached.
#[derive(Clone, Debug)]
pub struct Access {
    /// `http://127.0.0.1:PORT`
    pub endpoint: String,
    pub access_key: String,
    pub secret_key: String,
    pub region: String,
    pub bucket: String,
}

impl Access {
    /// As text, from which [`Access::parse`] makes it again.
    pub fn text(&self) -> String {
        json!({
            "endpoint": self.endpoint, "access_key": self.access_key, "secret_key": self.secret_key,
            "region": self.region, "bucket": self.bucket,
        })
        .to_string()
    }

    /// From the line that the server's script prints.
    pub fn parse(text: &str) -> Res<Access> {
        let answer: Value = serde_json::from_str(text).map_err(|_| "the S3 server did not start")?;
        let field = |name: &str| answer[name].as_str().map(str::to_owned).ok_or(format!("the server names no {name}"));
        Ok(Access {
            endpoint: field("endpoint")?,
            access_key: field("access_key")?,
            secret_key: field("secret_key")?,
            region: field("region")?,
            bucket: field("bucket")?,
        })
    }
}

impl Server {
    /// Starts it.
    ///
    /// Fails where `tests/setup.sh s3` hasn't installed it.
    pub fn start() -> Res<Server> {
        let installed = installed();
        let weed = installed.join("bin/weed");
        if !weed.is_file() {
            return Err(format!("no S3 server in {}: run tests/setup.sh s3", installed.display()).into());
        }
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/it/s3/serve.py");
        let mut process = Command::new(installed.join("bin/python"))
            .args([script, weed])
            .arg("lakebed")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let answers = process.stdout.take().ok_or("the server's answer can't be read")?;
        BufReader::new(answers).read_line(&mut line)?;
        Ok(Server { access: Access::parse(&line)?, process })
    }

    /// Whether it can be started.
    pub fn is_installed() -> bool {
        installed().join("bin/weed").is_file()
    }
}

fn installed() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    cache.unwrap_or_default().join("lakebed/s3")
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends when its stdin closes; waiting lets it remove its folder.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

//! What is a real S3 server's address? One is started per test process, on first use, and ends with that process.

pub(crate) mod hold;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde::Deserialize;

use crate::machine;

/// A second bucket of the server, for those who reach it by a detour: what engines remember of a bucket is how they reach it.
pub(crate) const BUCKET_APART: &str = "lakebed-apart";

/// A running server and a bucket in it. Everything on it is gone when the test process ends.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct S3 {
    /// `http://127.0.0.1:PORT`: path-style addresses, plain HTTP.
    pub(crate) endpoint: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) region: String,
    pub(crate) bucket: String,
}

impl S3 {
    /// `s3://BUCKET/NAME`: a test names its own tables, so that tests can share the bucket.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("s3://{}/{name}", self.bucket)
    }

    /// The same server's [`BUCKET_APART`].
    pub(crate) fn apart(&self) -> S3 {
        S3 { bucket: BUCKET_APART.to_owned(), ..self.clone() }
    }

    /// What a process needs in its environment to reach the bucket by the ordinary AWS settings.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 5] {
        [
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", &self.access_key),
            ("AWS_SECRET_ACCESS_KEY", &self.secret_key),
            ("AWS_REGION", &self.region),
        ]
    }

    /// The bucket as a plain object store, beside the engine: to look at, damage or count what a test wrote.
    pub(crate) fn objects(&self) -> object_store::aws::AmazonS3 {
        object_store::aws::AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_allow_http(true)
            .with_virtual_hosted_style_request(false)
            .with_access_key_id(&self.access_key)
            .with_secret_access_key(&self.secret_key)
            .with_region(&self.region)
            .with_bucket_name(&self.bucket)
            .build()
            .expect("a complete configuration")
    }
}

/// The server of this test process. `None`: it isn't installed, which was said for `test` (and fails in CI).
pub(crate) fn server(test: &str) -> Option<&'static S3> {
    let server = running();
    if server.is_none() {
        machine::skip(test, "an S3 server", "run `make setup`");
    }
    server
}

/// The server of this test process, started if it is installed.
///
/// # Panics
///
/// Where the server is installed and doesn't start.
pub(crate) fn running() -> Option<&'static S3> {
    /// The child's stdin stays open for as long as this process lives; the server ends when it closes.
    static SERVER: OnceLock<(S3, Child)> = OnceLock::new();
    let weed = machine::cache().join("s3/bin/weed");
    weed.is_file().then(|| &SERVER.get_or_init(|| start(&weed)).0)
}

fn start(weed: &std::path::Path) -> (S3, Child) {
    let mut child = Command::new(machine::cache().join("s3/bin/python"))
        .arg(machine::repository().join("tests/it/s3/serve.py"))
        .arg(weed)
        .args(["lakebed", BUCKET_APART])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the S3 server's Python starts");
    let mut line = String::new();
    let answers = child.stdout.take().expect("stdout is piped");
    BufReader::new(answers).read_line(&mut line).expect("the S3 server's address is read");
    let s3 = serde_json::from_str(&line).unwrap_or_else(|_| panic!("the S3 server did not start: see above"));
    (s3, child)
}

#[cfg(test)]
mod tests {
    use object_store::path::Path;
    use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};

    use super::*;

    #[tokio::test]
    async fn the_server_creates_an_object_once() {
        let Some(s3) = server("the_server_creates_an_object_once") else { return };
        let (store, path) = (s3.objects(), Path::from("s3/created-once"));
        let create = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        store.put_opts(&path, "first".into(), create()).await.unwrap();
        let second = store.put_opts(&path, "second".into(), create()).await;
        assert!(matches!(second, Err(object_store::Error::AlreadyExists { .. })), "{second:?}");
        assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "first");
    }
}

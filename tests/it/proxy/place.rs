//! Where is a table that is reached through a proxy? On the S3 server of this process, which a reader asks directly.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use lakebed::store::{StoreSettings, TableStore, TableUrl};
use lakebed::{CreateTable, Result, Table};
use lakebed_tests::plan::{Plan, schema};
use lakebed_tests::proxy::Proxy;
use lakebed_tests::proxy::asked::Asked;
use lakebed_tests::proxy::fault::{Fault, Script};
use lakebed_txlog::env::{Env, SystemEnv};
use object_store::path::Path;

use crate::commit::reader::Reader;
use crate::s3::S3;

/// The patience of a client whose timeouts a test tries.
const TIMEOUT: Duration = Duration::from_secs(3);

/// A proxy before the S3 server, and names for tables behind it.
pub(crate) struct Place {
    pub(crate) proxy: Proxy,
    s3: &'static S3,
    settings: StoreSettings,
    test: String,
}

impl Place {
    /// `None`: no server is installed, which was said for `test`.
    pub(crate) fn new(test: &str, faults: impl Fn(&Asked) -> Fault + Send + Sync + 'static) -> Option<Place> {
        let s3 = crate::s3::server(test)?;
        let proxy = Proxy::start(&s3.endpoint, faults).unwrap();
        let mut settings =
            StoreSettings { max_retries: 4, retry_timeout: Duration::from_secs(20), ..crate::store::settings_of(s3) };
        settings.s3.endpoint = Some(proxy.endpoint().to_owned());
        Some(Place { proxy, s3, settings, test: test.to_owned() })
    }

    /// The same, whose clients wait but a few seconds.
    pub(crate) fn impatient(mut self) -> Place {
        self.settings.request_timeout = TIMEOUT;
        self.settings.connect_timeout = TIMEOUT;
        self
    }

    /// With faults that the test lines up.
    pub(crate) fn scripted(test: &str) -> Option<(Place, Script)> {
        let script = Script::default();
        let lined_up = script.clone();
        Some((Place::new(test, move |asked| lined_up.meet(asked))?, script))
    }

    fn name(&self, table: &str) -> String {
        format!("proxy/{}/{table}", self.test)
    }

    fn url(&self, table: &str) -> TableUrl {
        TableUrl::parse(&self.s3.url(&self.name(table))).unwrap()
    }

    /// The stores of a table, through the proxy.
    pub(crate) fn store(&self, table: &str) -> TableStore {
        TableStore::open(&self.url(table), &self.settings, &SystemEnv::shared()).unwrap()
    }

    /// The same, without the proxy.
    pub(crate) fn honest(&self, table: &str) -> TableStore {
        TableStore::open(&self.url(table), &crate::store::settings_of(self.s3), &SystemEnv::shared()).unwrap()
    }

    /// Creates a table of a plan's columns, through the proxy.
    pub(crate) async fn create(&self, table: &str) -> Result<Table> {
        CreateTable::of_arrow(&schema()).unwrap().create_in(self.store(table), SystemEnv::shared()).await
    }

    /// A handle of its own, through the proxy.
    pub(crate) async fn open(&self, table: &str, env: Arc<dyn Env>) -> Result<Table> {
        Table::open_with(self.store(table), env).await
    }

    /// What is in a table, read without proxy or engine.
    pub(crate) fn reader(&self, table: &str) -> Reader {
        Reader::new(Arc::new(self.s3.objects()), Path::from(self.name(table)))
    }

    /// Another process that carries out a plan through the proxy; `steps` 0: until it is killed.
    pub(crate) fn writer(&self, table: &str, first: i64, steps: u32, plan: Plan) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writer"));
        command.args([self.s3.url(&self.name(table)).as_str(), &first.to_string(), &steps.to_string(), plan.name()]);
        command.envs(self.s3.environment()).env("AWS_ENDPOINT_URL", self.proxy.endpoint());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }
}

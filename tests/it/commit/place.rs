//! Where is a table that several processes write to? A folder, a prefix of the S3 server, a name in memory.

use std::process::{Command, Stdio};
use std::sync::Arc;

use lakebed::store::{StoreSettings, TableStore, TableUrl};
use lakebed::{CreateTable, Table};
use lakebed_tests::plan::{Plan, rows, schema};
use lakebed_txlog::env::SystemEnv;
use lakebed_txlog::protocol::Profile;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use tempfile::TempDir;

use super::reader::Reader;
use crate::interop;
use crate::s3::S3;

/// A place for one table.
pub(crate) struct Place {
    pub(crate) url: String,
    settings: StoreSettings,
    /// How another process reaches it.
    environment: Vec<(&'static str, String)>,
    /// Beside the engine.
    objects: Arc<dyn ObjectStore>,
    root: Path,
    folder: Option<TempDir>,
}

impl Place {
    pub(crate) fn folder() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t");
        std::fs::create_dir(&path).unwrap();
        Place {
            url: path.to_str().unwrap().to_owned(),
            settings: StoreSettings::default(),
            environment: Vec::new(),
            objects: Arc::new(LocalFileSystem::new_with_prefix(path).unwrap()),
            root: Path::ROOT,
            folder: Some(folder),
        }
    }

    /// `None`: no server is installed, which was said for `test`.
    pub(crate) fn on_s3(test: &str) -> Option<Place> {
        crate::s3::server(test).map(|s3| Place::in_bucket(s3, test))
    }

    pub(crate) fn in_bucket(s3: &S3, test: &str) -> Place {
        let name = format!("commit/{test}");
        Place {
            url: s3.url(&name),
            settings: crate::store::settings_of(s3),
            environment: s3.environment().map(|(key, value)| (key, value.to_owned())).into(),
            objects: Arc::new(s3.objects()),
            root: Path::from(name),
            folder: None,
        }
    }

    pub(crate) fn memory(test: &str) -> Place {
        let url = format!("memory://commit-{test}/t");
        let settings = StoreSettings::default();
        let store = TableStore::open(&TableUrl::parse(&url).unwrap(), &settings, &SystemEnv::shared()).unwrap();
        let (objects, root) = (Arc::clone(store.data()), store.root().clone());
        Place { url, settings, environment: Vec::new(), objects, root, folder: None }
    }

    pub(crate) fn store(&self) -> TableStore {
        let url = TableUrl::parse(&self.url).unwrap();
        TableStore::open(&url, &self.settings, &SystemEnv::shared()).unwrap()
    }

    /// A table of a plan's columns, created here.
    pub(crate) async fn create(&self) -> Table {
        self.create_as(Profile::Standard).await
    }

    pub(crate) async fn create_as(&self, profile: Profile) -> Table {
        let create = CreateTable::of_arrow(&schema()).unwrap().profile(profile);
        create.create_in(self.store(), SystemEnv::shared()).await.unwrap()
    }

    pub(crate) async fn open(&self) -> Table {
        Table::open_with(self.store(), SystemEnv::shared()).await.unwrap()
    }

    /// Demands that Spark reads the rows that are here: what `test` leaves behind, in a folder or on S3.
    pub(crate) async fn spark_reads_same(&self, test: &str) {
        let mut reader = self.reader();
        reader.refresh().await;
        let ids = reader.ids().await;
        interop::spark_reads(test, &self.url, &[rows(&ids).unwrap()]);
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.objects), self.root.clone())
    }

    /// Another process that carries out a plan here; `steps` 0: until it is killed.
    pub(crate) fn writer(&self, first: i64, steps: u32, plan: Plan) -> Command {
        self.writes(first, &steps.to_string(), plan)
    }

    /// Another process that appends here for so long, and pauses after each append.
    pub(crate) fn appender(&self, first: i64, seconds: u64, pause_ms: u64) -> Command {
        let mut command = self.writes(first, &format!("{seconds}s"), Plan::Appends);
        command.arg(pause_ms.to_string());
        command
    }

    fn writes(&self, first: i64, steps: &str, plan: Plan) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writer"));
        command.args([self.url.as_str(), &first.to_string(), steps, plan.name()]);
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    /// Another process that does here what it is told.
    pub(crate) fn served(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writer"));
        command.arg(&self.url);
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }
}

//! How is Spark stopped between its last look at a name and the rename that takes it? By a library that its process loads
//! (`tests/interop/spark/hold.c`): it makes one rename take as long as a test likes, and leaves everything else alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, id};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::machine;

/// A rename that Spark will be stopped at. Dropped, it goes on.
pub(crate) struct Hold {
    _one_at_a_time: MutexGuard<'static, ()>,
}

/// The compiled library; `None` where there is no C compiler, or another way to load it.
fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let compile = || {
        let built = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let (own, library) = (built.join(format!("hold-{}.so", id())), built.join("hold.so"));
        let source = machine::repository().join("tests/interop/spark/hold.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).args([&own, &source]).arg("-ldl");
        let done = cfg!(target_os = "linux") && compiler.status().is_ok_and(|status| status.success());
        // Other test processes may have loaded what is there.
        (done && fs::rename(&own, &library).is_ok()).then_some(library)
    };
    LIBRARY.get_or_init(compile).as_deref()
}

/// Where a test says what is held, and is told that it is.
fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("lakebed-hold-{}", id()))
}

/// What the process of an engine that may be held needs in its environment.
pub(super) fn environment() -> Vec<(&'static str, PathBuf)> {
    library().map_or_else(Vec::new, |library| vec![("LD_PRELOAD", library.to_owned()), ("LAKEBED_HOLD", folder())])
}

/// Will stop Spark at its next rename to `target`. `None` where that isn't possible, which was said for `test`.
pub(crate) fn rename_to(test: &str, target: &Path) -> Option<Hold> {
    static ONE: Mutex<()> = Mutex::new(());
    if library().is_none() {
        machine::skip(test, "Linux and a C compiler", "install cc");
        return None;
    }
    let hold = Hold { _one_at_a_time: ONE.lock().unwrap_or_else(PoisonError::into_inner) };
    let _ = fs::remove_dir_all(folder());
    fs::create_dir(folder()).unwrap();
    // Never seen half written.
    fs::write(folder().join("made"), target.to_str().unwrap()).unwrap();
    fs::rename(folder().join("made"), folder().join("target")).unwrap();
    Some(hold)
}

impl Hold {
    /// Whether Spark has come to the rename.
    pub(crate) fn is_reached(&self) -> bool {
        folder().join("held").exists()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(folder());
    }
}

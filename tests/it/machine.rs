//! Where this machine keeps what tests need, and whether a missing piece fails or only says so.

use std::path::{Path, PathBuf};

/// The repository's root folder.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// True when a missing server, engine or corpus has to fail the test: `CI` is set to something other than `false`.
pub(crate) fn insists() -> bool {
    variable("CI").is_some_and(|value| value != "false" && value != "0")
}

/// The shared folder (corpus, data): `LAKEBED_SHARED`, else `shared` beside the repository.
///
/// `None` when there is none; a test that needs it then calls [`skip`].
pub(crate) fn shared() -> Option<PathBuf> {
    let path = variable("LAKEBED_SHARED").map_or_else(|| repository().join("../shared"), PathBuf::from);
    plain(&path)
}

/// The conformance corpus: `LAKEBED_CORPUS`, else the shared folder's.
pub(crate) fn corpus() -> Option<PathBuf> {
    let path = variable("LAKEBED_CORPUS").map(PathBuf::from).or_else(|| Some(shared()?.join("corpus")))?;
    plain(&path)
}

/// The folder of workload specs: `LAKEBED_SPECS`, else the conformance corpus, which has some.
pub(crate) fn specs() -> Option<PathBuf> {
    match variable("LAKEBED_SPECS") {
        Some(path) => Some(plain(Path::new(&path)).unwrap_or_else(|| panic!("LAKEBED_SPECS: {path} is no folder"))),
        None => corpus(),
    }
}

/// The folder's path without `..`, which no absolute path in a log may have; `None` when there is no such folder.
fn plain(folder: &Path) -> Option<PathBuf> {
    folder.canonicalize().ok().filter(|folder| folder.is_dir())
}

/// The user's cache for what `make setup` installs: `$XDG_CACHE_HOME/lakebed`, else `~/.cache/lakebed`.
pub(crate) fn cache() -> PathBuf {
    let home = || PathBuf::from(variable("HOME").unwrap_or_else(|| ".".to_owned())).join(".cache");
    variable("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join("lakebed")
}

/// The binary `lakebed`, which cargo puts beside what it builds for tests. `None` where it isn't built, which was said
/// for `test` (and fails in CI).
pub(crate) fn binary(test: &str) -> Option<PathBuf> {
    let path = std::env::current_exe().ok()?.parent()?.parent()?.join("lakebed");
    if !path.is_file() {
        skip(test, "the binary", "run `cargo build -p lakebed-cli`");
        return None;
    }
    Some(path)
}

/// Fails in CI; elsewhere prints, loudly, which test did not run, what it lacks and how to get it.
///
/// Writes around the test harness's capture, so that it shows for a passing test too.
///
/// # Panics
///
/// In CI, always.
pub(crate) fn skip(test: &str, lacks: &str, how: &str) {
    assert!(!insists(), "{test} needs {lacks}: {how}");
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "SKIPPED: {test}: needs {lacks}: {how}");
}

/// An environment variable that is set and not empty.
#[allow(clippy::disallowed_methods, reason = "tests are configured by their environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

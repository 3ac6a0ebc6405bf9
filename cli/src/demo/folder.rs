//! Where the lake is built: a folder that is empty, new, or an earlier demo's.

use std::io;
use std::path::Path;

use lakebed::store::file_error;
use lakebed_txlog::{Error, Result};

use crate::args::DemoArgs;

/// What marks a folder as a demo's.
const MARK: &str = ".lakebed-demo";

/// Makes the folder ready: empty but for the mark.
///
/// # Errors
/// `AlreadyExists` for a folder with something in it that no demo made, or that one made and `--force` isn't given.
pub(super) fn prepare(args: &DemoArgs) -> Result<()> {
    let dir = &args.dir;
    let failed = |error: io::Error| file_error(error, "preparing the demo's folder", dir);
    let name = dir.display().to_string();
    if is_filled(dir).map_err(failed)? {
        if !dir.join(MARK).is_file() {
            return Err(Error::already_exists("the folder has something in it that no demo made")
                .path(name)
                .hint("choose another with --dir"));
        }
        if !args.force {
            return Err(Error::already_exists("an earlier demo's lake is in the folder")
                .path(name)
                .hint("--force builds it anew, --dir chooses another folder"));
        }
        std::fs::remove_dir_all(dir).map_err(failed)?;
    }
    std::fs::create_dir_all(dir).map_err(failed)?;
    std::fs::write(dir.join(MARK), "`lakebed demo --force` empties this folder.\n").map_err(failed)
}

fn is_filled(dir: &Path) -> io::Result<bool> {
    match std::fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().transpose()?.is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lakebed_txlog::ErrorKind;

    #[test]
    fn only_a_demos_folder_is_emptied_and_only_by_force() {
        let parent = tempfile::tempdir().unwrap();
        let args = |force| DemoArgs { dir: parent.path().join("lake"), force };
        prepare(&args(false)).unwrap();
        assert_eq!(prepare(&args(false)).unwrap_err().kind(), ErrorKind::AlreadyExists);
        std::fs::write(args(true).dir.join("old"), "").unwrap();
        prepare(&args(true)).unwrap();
        assert!(!args(true).dir.join("old").exists());

        let foreign = DemoArgs { dir: parent.path().join("mine"), force: true };
        std::fs::create_dir(&foreign.dir).unwrap();
        std::fs::write(foreign.dir.join("letter"), "").unwrap();
        assert!(prepare(&foreign).unwrap_err().to_string().contains("no demo made"));
        assert!(foreign.dir.join("letter").exists());
    }
}

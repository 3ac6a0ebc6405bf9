//! Files and folders that outlive a crash once a call has returned.
//!
//! A file is written under a temporary name beside its own, synced, put in its place by one system call, and its folder
//! synced. So nothing is ever seen half written, and what a crash leaves behind is a temporary file, which every reader
//! of a table ignores and vacuum sweeps.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// What the name of a temporary file begins with. A leading dot hides it from every engine, and sorts it before a log.
const TEMPORARY_PREFIX: &str = ".lakebed-";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// Whether `name`, the last segment of a key, is that of a file which was being written when its writer ended.
#[must_use]
pub fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX)
}

/// A file in the making. Dropped before it is published, it is removed.
#[derive(Debug)]
pub(crate) struct Staged {
    temporary: PathBuf,
    target: PathBuf,
    file: File,
    is_published: bool,
}

impl Staged {
    /// An empty temporary file beside `target`, whose folders are made where they are missing.
    pub(crate) fn beside(target: &Path, id: Uuid) -> io::Result<Staged> {
        let folder = folder_of(target)?;
        let temporary = folder.join(format!("{TEMPORARY_PREFIX}{id}{TEMPORARY_SUFFIX}"));
        let open = || OpenOptions::new().read(true).write(true).create_new(true).open(&temporary);
        let file = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_folders(folder)?;
                open()?
            }
            opened => opened?,
        };
        Ok(Staged { temporary, target: target.to_owned(), file, is_published: false })
    }

    /// The temporary file, to write to.
    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Puts the file in its place unless something is there: `AlreadyExists`, and what is there stays as it is.
    pub(crate) fn publish_new(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        if self.target.symlink_metadata().is_err() {
            remove_checksum(&self.target)?;
        }
        // Opened before: what can't be synced must not be there.
        let folder = Folder::open(folder_of(&self.target)?)?;
        match fs::hard_link(&self.temporary, &self.target) {
            Err(error) if !are_one_file(&self.temporary, &self.target) => return Err(unless_links_are_unknown(error)),
            // On NFS a link whose answer was lost is made again, and fails because it is there.
            Ok(()) | Err(_) => {}
        }
        self.is_published = true;
        // The file is in its place: a temporary name that can't be removed changes nothing for anyone.
        let _ = fs::remove_file(&self.temporary);
        folder.sync()
    }

    /// Puts the file in its place, over whatever is there.
    pub(crate) fn publish_over(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        remove_checksum(&self.target)?;
        let folder = Folder::open(folder_of(&self.target)?)?;
        fs::rename(&self.temporary, &self.target)?;
        self.is_published = true;
        folder.sync()
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.is_published {
            // What stays behind is ignored by readers and swept by vacuum.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Removes the file and the checksum that Hadoop keeps beside it: Spark refuses a file with another's checksum
/// (pitfall L17). The caller syncs the folder.
pub(crate) fn remove(file: &Path) -> io::Result<()> {
    remove_checksum(file)?;
    fs::remove_file(file)
}

/// Makes a folder and those above it; each new one is synced into its parent.
pub(crate) fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder_of(folder)?;
    make_folders(parent)?;
    match fs::create_dir(folder) {
        // Another writer made it just now, and may not have synced it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        made => made?,
    }
    sync_folder(parent)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    Folder::open(folder)?.sync()
}

/// A folder whose names are to be made durable; elsewhere than on Unix nothing has to be done for it.
struct Folder(Option<File>);

impl Folder {
    fn open(folder: &Path) -> io::Result<Folder> {
        Ok(Folder(if cfg!(unix) { Some(File::open(folder)?) } else { None }))
    }

    fn sync(self) -> io::Result<()> {
        self.0.map_or(Ok(()), |folder| folder.sync_all())
    }
}

/// The folder that holds `file`.
pub(crate) fn folder_of(file: &Path) -> io::Result<&Path> {
    file.parent().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the root of a file system isn't a file"))
}

fn remove_checksum(file: &Path) -> io::Result<()> {
    let Some(name) = file.file_name().and_then(|name| name.to_str()) else { return Ok(()) };
    match fs::remove_file(file.with_file_name(format!(".{name}.crc"))) {
        Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename) => Err(error),
        _ => Ok(()),
    }
}

/// Whether both names are of one file. That it has two of them isn't enough: a backup may have linked the one.
#[cfg(unix)]
fn are_one_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |file: &Path| fs::symlink_metadata(file).map(|metadata| (metadata.dev(), metadata.ino())).ok();
    id(a).is_some_and(|found| id(b) == Some(found))
}

#[cfg(not(unix))]
fn are_one_file(_a: &Path, _b: &Path) -> bool {
    false
}

/// `EPERM` and `ENOTSUP` are what file systems without hard links answer.
fn unless_links_are_unknown(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported => io::Error::new(
            io::ErrorKind::Unsupported,
            format!("hard links are needed to create a file only where none is, and failed: {error}"),
        ),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn staged(target: &Path, id: u128, bytes: &[u8]) -> Staged {
        let mut staged = Staged::beside(target, Uuid::from_u128(id)).unwrap();
        staged.file().write_all(bytes).unwrap();
        staged
    }

    #[test]
    fn a_second_creation_leaves_the_first_and_no_rubbish() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a/b/0.json");
        let (first, second) = (staged(&target, 1, b"first"), staged(&target, 2, b"second"));
        first.publish_new().unwrap();
        assert_eq!(second.publish_new().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&target).unwrap(), b"first");
        assert_eq!(names(target.parent().unwrap()), ["0.json"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_backup_that_links_what_is_staged_wins_no_race_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("0.json");
        staged(&target, 1, b"first").publish_new().unwrap();
        let second = staged(&target, 2, b"second");
        fs::hard_link(&second.temporary, folder.path().join("backup")).unwrap();
        assert_eq!(second.publish_new().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&target).unwrap(), b"first");
    }

    #[test]
    fn an_unpublished_file_is_hidden_and_goes_when_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let staged = staged(&folder.path().join("0.json"), 1, b"x");
        let [name] = &names(folder.path())[..] else { panic!() };
        assert!(is_temporary(name) && name.starts_with('.'));
        assert!(!is_temporary("0.json") && !is_temporary(".lakebed"));
        drop(staged);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn l17_a_stale_checksum_goes_when_its_file_is_made_replaced_or_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, crc) = (folder.path().join("0.json"), folder.path().join(".0.json.crc"));
        fs::write(&crc, "stale").unwrap();
        staged(&target, 1, b"x").publish_new().unwrap();
        assert!(!crc.exists());

        fs::write(&crc, "of the first").unwrap();
        assert!(staged(&target, 2, b"y").publish_new().is_err());
        assert!(crc.exists(), "a creation that failed leaves the winner's checksum");
        staged(&target, 3, b"z").publish_over().unwrap();
        assert!(!crc.exists());

        fs::write(&crc, "of the third").unwrap();
        remove(&target).unwrap();
        assert!(names(folder.path()).is_empty());
    }
}

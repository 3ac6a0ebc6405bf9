//! Which file system is a folder on, and how much space is left there?

use std::path::{Path, PathBuf};

use lakebed_txlog::{Error, Result};

use super::finding::{Check, Finding, Outcome};
use super::ground::Ground;
use super::mounts::mount_of;
use crate::store::Place;

/// Less than this is worth saying.
const LITTLE_BYTES: u64 = 1 << 30;

/// What is known of a type of file systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// On this machine's own disks.
    Local,
    /// In this machine's memory.
    Memory,
    /// Reached over a network; a hard link is made by the server, or under its locks, for one machine only.
    Network,
    /// Reached over a network or a translation, where links aren't known to be made for one machine only.
    Doubtful,
    /// A layer over other file systems.
    Layered,
    /// Not known.
    Unknown,
}

fn family(kind: &str) -> Family {
    match kind {
        "ext2" | "ext3" | "ext4" | "xfs" | "btrfs" | "zfs" | "f2fs" | "bcachefs" | "jfs" | "apfs" | "hfs" | "ufs" => {
            Family::Local
        }
        "tmpfs" | "ramfs" => Family::Memory,
        "nfs" | "nfs4" | "ceph" | "lustre" | "gpfs" | "beegfs" | "ocfs2" | "gfs2" | "afs" => Family::Network,
        "overlay" | "overlayfs" | "aufs" | "ecryptfs" => Family::Layered,
        "cifs" | "smb3" | "smbfs" | "9p" | "virtiofs" | "vboxsf" | "prl_fs" | "vmhgfs" | "drvfs" | "davfs" => {
            Family::Doubtful
        }
        kind if kind.starts_with("fuse") => Family::Doubtful,
        _ => Family::Unknown,
    }
}

/// The file system and its free space; nothing for what isn't a folder. No request.
///
/// # Errors
/// None but bugs.
pub(super) async fn all(ground: &Ground) -> Result<Vec<Finding>> {
    let Place::Local(folder) = ground.store().url().place() else { return Ok(Vec::new()) };
    let (folder, own) = (folder.clone(), folder.join(ground.prefix()));
    tokio::task::spawn_blocking(move || vec![file_system(&folder, &own), free_space(&folder)])
        .await
        .map_err(|e| Error::bug("the task that looks at a folder ended early").because(e))
}

fn file_system(folder: &Path, own: &Path) -> Finding {
    let check = Check::FileSystem;
    if let Some(failure) = without_links(own) {
        return Finding::fails(check, format!("hard links can't be made here: {failure}"))
            .hint("use a file system with hard links: they are how a commit is created only where none is");
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let at = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    match mount_of(&mounts, &at) {
        Some(mount) => of_family(family(&mount.kind), &mount.kind),
        None => of_family(Family::Unknown, "a type that this system doesn't tell"),
    }
}

fn of_family(family: Family, kind: &str) -> Finding {
    let check = Check::FileSystem;
    let care = |detail: String| Finding::new(check, Outcome::Care, detail);
    match family {
        Family::Local => Finding::holds(check, format!("{kind}: hard links and syncs of files and folders work")),
        Family::Layered => {
            Finding::holds(check, format!("{kind}: hard links and syncs work; what is below isn't known"))
        }
        Family::Memory => care(format!("{kind}: hard links work; nothing outlives a restart")),
        Family::Unknown => {
            care(format!("{kind}: hard links work here; whether other machines see them as made once isn't known"))
                .hint("let writers of several machines share it only where it is a cluster file system")
        }
        Family::Network => {
            care(format!("{kind}, a network file system: links are made by its server, for one machine only"))
                .hint("one machine can't show what others see: run this on each machine that is to write")
        }
        Family::Doubtful => {
            Finding::fails(check, format!("{kind}: links aren't known to be made for one machine only"))
                .hint("let one machine write, or use a local disk, NFS or an object store")
        }
    }
}

/// Why a second link can't be made, where it can't.
fn without_links(own: &Path) -> Option<String> {
    let link = || -> std::io::Result<bool> {
        std::fs::create_dir_all(own)?;
        let (first, second) = (own.join("linked"), own.join("link"));
        std::fs::write(&first, b"x")?;
        std::fs::hard_link(&first, &second)?;
        let again = std::fs::hard_link(&first, &second);
        Ok(again.is_err_and(|e| e.kind() == std::io::ErrorKind::AlreadyExists))
    };
    match link() {
        Ok(true) => None,
        Ok(false) => Some("a link was made over another".to_owned()),
        Err(e) => Some(e.to_string()),
    }
}

fn free_space(folder: &Path) -> Finding {
    let check = Check::FreeSpace;
    match free_bytes(folder) {
        Ok(free) if free >= LITTLE_BYTES => Finding::holds(check, format!("{} GiB free", free >> 30)),
        Ok(free) => Finding::new(check, Outcome::Care, format!("{} MiB free", free >> 20))
            .hint("free some space: a full disk fails writes, and loses nothing that is committed"),
        Err(e) => Finding::new(check, Outcome::Care, format!("how much is free isn't known: {e}")),
    }
}

fn free_bytes(folder: &Path) -> std::io::Result<u64> {
    let said = rustix::fs::statvfs(existing(folder))?;
    Ok(said.f_bavail.saturating_mul(said.f_frsize))
}

/// The folder, or the nearest above it that is there.
fn existing(folder: &Path) -> PathBuf {
    folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_file_system_is_named_and_one_without_sure_links_refused() {
        let outcome = |kind: &str| of_family(family(kind), kind).outcome;
        assert_eq!(outcome("ext4"), Outcome::Holds);
        assert_eq!(outcome("nfs4"), Outcome::Care);
        for kind in ["cifs", "fuse.s3fs", "fuseblk", "9p", "virtiofs"] {
            assert_eq!(outcome(kind), Outcome::Fails, "{kind}");
            assert!(of_family(family(kind), kind).detail.contains(kind));
        }
        assert_eq!(outcome("somethingfs"), Outcome::Care);
    }

    #[test]
    fn links_and_space_of_a_folder_are_found_out() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(without_links(&folder.path().join("own")), None);
        assert!(free_bytes(&folder.path().join("not/there/yet")).unwrap() > 0);
        let file = folder.path().join("file");
        std::fs::write(&file, b"x").unwrap();
        assert!(without_links(&file).is_some());
    }
}

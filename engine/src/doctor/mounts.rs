//! Which mount does a path stand on? Linux says in `/proc/self/mountinfo`; pure.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) at: PathBuf,
    /// Its type, as `ext4` or `nfs4`.
    pub(super) kind: String,
}

/// The mount that `path`, absolute and without links, stands on: the longest that leads to it, the last of equals.
pub(super) fn mount_of(mountinfo: &str, path: &Path) -> Option<Mount> {
    let mounts = mountinfo.lines().filter_map(mount).filter(|mount| path.starts_with(&mount.at));
    mounts.max_by_key(|mount| mount.at.components().count())
}

/// `36 35 98:0 /root /mnt/point rw,noatime shared:1 - ext4 /dev/sda1 rw`, with any number of fields before the dash.
fn mount(line: &str) -> Option<Mount> {
    let (place, system) = line.split_once(" - ")?;
    let at = place.split(' ').nth(4)?;
    let kind = system.split(' ').next()?;
    Some(Mount { at: unescaped(at), kind: kind.to_owned() })
}

/// Spaces, tabs, line ends and backslashes stand there as `\040` and the like.
fn unescaped(text: &str) -> PathBuf {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let octal = bytes.get(at + 1..at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(escaped) if *byte == b'\\' => {
                out.push(escaped);
                at += 4;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    PathBuf::from(OsString::from_vec(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "\
22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw
30 22 0:26 / /data rw - tmpfs tmpfs rw
31 30 0:44 / /data/lake rw,relatime shared:1 master:2 - nfs4 nas:/export rw,vers=4.2
33 30 0:45 / /data/lake rw - ext4 /dev/vdb rw
32 22 0:50 / /mnt/a\\040b rw - fuse.s3fs s3fs rw
malformed
";

    fn kind(path: &str) -> String {
        mount_of(INFO, Path::new(path)).unwrap().kind
    }

    #[test]
    fn the_longest_mount_wins_and_the_last_of_equals() {
        assert_eq!(kind("/"), "ext4");
        assert_eq!(kind("/data/x"), "tmpfs");
        assert_eq!(kind("/data/lake/t"), "ext4");
        assert_eq!(kind("/data/lakes"), "tmpfs");
        assert_eq!(kind("/mnt/a b/t"), "fuse.s3fs");
        assert_eq!(mount_of("", Path::new("/")), None);
    }
}

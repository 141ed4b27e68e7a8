//! How much a directory holds, where whoever writes into it may be our enemy: links are not followed, nothing is opened but
//! directories, and neither their number, their depth nor their names can make it take long.

use std::collections::HashSet;
use std::ffi::CStr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use nix::dir::{Dir, OwningIter};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat};

use crate::driver::DEPTH;

/// Entries that a game may have; with more the directory counts as over its limit.
pub(super) const ENTRIES: u64 = 200_000;
/// What an entry takes of a file system beside its blocks: its inode and its name.
const ENTRY: u64 = 256;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Bytes that are taken on the disk.
    pub bytes: u64,
    /// Files, directories and everything else.
    pub entries: u64,
}

/// Why a directory counts as too large whatever it holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmeasurable {
    /// It is closed to us.
    #[error("`{0}` in it is closed to the controller, so that nobody knows what it holds")]
    Closed(String),
    /// Too many entries.
    #[error("it has more than {ENTRIES} files")]
    Entries,
    /// Too deep.
    #[error("its directories are nested more than {DEPTH} deep")]
    Depth,
}

/// Measures; `None` where there is no such directory.
///
/// # Errors
/// [`Unmeasurable`].
pub fn measure(root: &Path) -> Result<Option<Size>, Unmeasurable> {
    walk(root, ENTRIES)
}

fn walk(root: &Path, most: u64) -> Result<Option<Size>, Unmeasurable> {
    const HOW: OFlag = OFlag::O_DIRECTORY.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC).union(OFlag::O_RDONLY);
    let mut size = Size { bytes: 0, entries: 0 };
    let mut linked = HashSet::new();
    let top = match Dir::open(root, HOW, Mode::empty()) {
        Ok(dir) => dir,
        Err(Errno::ENOENT) => return Ok(None),
        Err(error) => return Err(Unmeasurable::Closed(error.desc().to_owned())),
    };
    let closed = |name: &CStr| Unmeasurable::Closed(name.to_string_lossy().chars().take(64).collect());
    // Two open descriptors each.
    let mut open = vec![level(top).map_err(|_| closed(c"."))?];
    while let Some((fd, entries)) = open.last_mut() {
        let Some(entry) = entries.next() else {
            open.pop();
            continue;
        };
        let Ok(entry) = entry else { return Err(closed(c"?")) };
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let found = match fstatat(&*fd, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(found) => found,
            // An engine writes and removes while we look.
            Err(Errno::ENOENT) => continue,
            Err(_) => return Err(closed(name)),
        };
        size.entries += 1;
        size.bytes = size.bytes.saturating_add(taken(&found, &mut linked));
        if size.entries > most {
            return Err(Unmeasurable::Entries);
        }
        if SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT != SFlag::S_IFDIR {
            continue;
        }
        match Dir::openat(&*fd, name, HOW, Mode::empty()) {
            Ok(_) if open.len() >= DEPTH => return Err(Unmeasurable::Depth),
            Ok(dir) => open.push(level(dir).map_err(|_| closed(name))?),
            // Gone, or something else by now: no directory any more.
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => {}
            Err(_) => return Err(closed(name)),
        }
    }
    Ok(Some(size))
}

/// A directory that is being walked: what its entries are looked up by, and those that are left of them.
fn level(dir: Dir) -> std::io::Result<(OwnedFd, OwningIter)> {
    let fd = dir.as_fd().try_clone_to_owned()?;
    Ok((fd, dir.into_iter()))
}

/// What an entry takes. A file with holes takes what is written of it, one with several names counts once.
fn taken(found: &FileStat, linked: &mut HashSet<(u64, u64)>) -> u64 {
    if found.st_nlink > 1
        && SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG
        && !linked.insert((found.st_dev, found.st_ino))
    {
        return ENTRY;
    }
    u64::try_from(found.st_blocks).unwrap_or_default().saturating_mul(512).saturating_add(ENTRY)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn bytes(path: &Path) -> u64 {
        measure(path).unwrap().unwrap().bytes
    }

    #[test]
    fn what_is_written_counts_wherever_it_lies_and_what_only_looks_so_does_not() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("state");
        assert_eq!(measure(&dir), Ok(None));
        fs::create_dir(&dir).unwrap();
        assert_eq!(measure(&dir), Ok(Some(Size { bytes: 0, entries: 0 })));
        fs::create_dir_all(dir.join("a/b")).unwrap();
        fs::write(dir.join("a/b/c"), vec![1; 1 << 20]).unwrap();
        let one = bytes(&dir);
        assert!((1 << 20..(1 << 20) + (64 << 10)).contains(&one), "{one}");
        // A second name, a hole, and links out of it.
        fs::hard_link(dir.join("a/b/c"), dir.join("again")).unwrap();
        fs::File::create(dir.join("hole")).unwrap().set_len(1 << 40).unwrap();
        let outside = root.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("large"), vec![1; 4 << 20]).unwrap();
        symlink(&outside, dir.join("link")).unwrap();
        symlink(outside.join("large"), dir.join("file")).unwrap();
        symlink("..", dir.join("a/loop")).unwrap();
        assert!(bytes(&dir) < one + (64 << 10), "{} {one}", bytes(&dir));
        // The directory itself replaced by a link is none.
        let swapped = root.path().join("swapped");
        symlink(&outside, &swapped).unwrap();
        assert!(matches!(measure(&swapped), Err(Unmeasurable::Closed(_))));
    }

    #[test]
    fn many_empty_files_are_not_nothing_and_depth_has_an_end() {
        let root = tempfile::tempdir().unwrap();
        for n in 0..100 {
            fs::write(root.path().join(n.to_string()), "").unwrap();
        }
        assert_eq!(measure(root.path()), Ok(Some(Size { bytes: 100 * ENTRY, entries: 100 })));
        assert_eq!(walk(root.path(), 99), Err(Unmeasurable::Entries));
        let deep = (0..40).fold(root.path().to_owned(), |path, _| path.join("d"));
        fs::create_dir_all(deep).unwrap();
        assert_eq!(measure(root.path()), Err(Unmeasurable::Depth));
    }

    #[test]
    fn a_directory_that_is_closed_to_us_is_told_of() {
        let root = tempfile::tempdir().unwrap();
        let closed = root.path().join("closed");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        // Root reads everything.
        if !nix::unistd::Uid::effective().is_root() {
            assert_eq!(measure(root.path()), Err(Unmeasurable::Closed("closed".to_owned())));
        }
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    }
}

//! Trees of files that an engine wrote, and may have written to harm: deep, closed, full of what is no file. No engine is at work in
//! them while they are copied or removed.

use std::fs::{self, DirEntry, File, Metadata, OpenOptions, Permissions};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, lchown, symlink,
};
use std::path::Path;

/// Levels of directories that a state may have.
pub const DEPTH: usize = 32;
/// The most files and directories of a tree that is copied.
const ENTRIES: u64 = 1_000_000;

/// How much a tree has.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Its files' bytes.
    pub bytes: u64,
    /// Files, directories and all else.
    pub entries: u64,
}

/// Adds up a tree, and looks whether all of it can be copied. The engine may still be at work in it: what has just gone is passed
/// over. `depth` is how deep this is.
///
/// # Errors
/// What cannot be read, or is too much.
pub fn measure(path: &Path, size: &mut Size, depth: usize) -> Result<()> {
    let meta = fs::symlink_metadata(path)?;
    size.entries += 1;
    size.bytes = size.bytes.saturating_add(meta.len());
    if size.entries > ENTRIES {
        return Err(Error::other(format!("it has more than {ENTRIES} files")));
    }
    if meta.is_file() {
        // Should it be a pipe or a link by now, nobody waits for it and nobody follows it.
        OpenOptions::new().read(true).custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK).open(path)?;
    }
    if meta.is_dir() {
        not_too_deep(depth)?;
        for entry in fs::read_dir(path)? {
            match measure(&entry?.path(), size, depth + 1) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// What recurses here has a stack, and what the watch finds too deep is no state that a game may have.
fn not_too_deep(depth: usize) -> Result<()> {
    match depth {
        DEPTH.. => Err(Error::other(format!("its directories are nested more than {DEPTH} deep"))),
        _ => Ok(()),
    }
}

/// Copies a tree and writes it through. Links are copied as links; sockets, pipes and devices are no state and are left out. `depth` is
/// how deep this is.
///
/// # Errors
/// What cannot be read, written, or is too deep.
pub fn copy(from: &Path, to: &Path, depth: usize) -> Result<()> {
    let meta = fs::symlink_metadata(from)?;
    let mode = meta.permissions().mode();
    if meta.is_symlink() {
        symlink(fs::read_link(from)?, to)?;
        return own(to, &meta).map(drop);
    }
    if meta.is_file() {
        let no_link = nix::libc::O_NOFOLLOW;
        let mut source = OpenOptions::new().read(true).custom_flags(no_link).open(from)?;
        let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
        std::io::copy(&mut source, &mut target)?;
        // Where it cannot be the engine's, the engine gets in as anybody would: what is above keeps everybody else out.
        let open = if own(to, &meta)? { 0 } else { 0o666 };
        target.set_permissions(Permissions::from_mode((mode & 0o777) | open))?;
        return target.sync_all();
    }
    if meta.is_dir() {
        not_too_deep(depth)?;
        fs::DirBuilder::new().mode(0o700).create(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()), depth + 1)?;
        }
        sync(to)?;
        let open = if own(to, &meta)? { 0 } else { 0o777 };
        fs::set_permissions(to, Permissions::from_mode((mode & 0o777) | open))?;
    }
    Ok(())
}

/// Gives a copy the owner of what it was copied from; answers whether it has that owner.
fn own(path: &Path, of: &Metadata) -> Result<bool> {
    match lchown(path, Some(of.uid()), Some(of.gid())) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes the names in a directory through to the disk.
///
/// # Errors
/// What the system says.
pub fn sync(dir: &Path) -> Result<()> {
    File::open(dir)?.sync_all()
}

/// Opens a directory for its owner, where it is closed and that can be done: to read, to write, and to be moved.
pub fn open_up(dir: &Path) {
    let mode = fs::symlink_metadata(dir).map(|meta| meta.permissions().mode()).unwrap_or_default();
    if mode & 0o700 != 0o700 {
        // Whose it is not, and who is not root, fails at what comes next, which says what is wrong.
        let _ = fs::set_permissions(dir, Permissions::from_mode((mode & 0o777) | 0o700));
    }
}

/// Removes a tree, if it is there, however deep it is and whatever is closed in it. What a directory holds moves up below the top
/// before the directory goes, so nothing recurses and no path grows long.
///
/// # Errors
/// What cannot be moved or removed; what is left can be tried again.
pub fn remove(top: &Path) -> Result<()> {
    match fs::symlink_metadata(top) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(meta) if !meta.is_dir() => return fs::remove_file(top),
        Ok(_) => open_up(top),
    }
    let mut moved = 0_u64;
    loop {
        let mut is_empty = true;
        for entry in fs::read_dir(top)? {
            let entry = entry?;
            is_empty = false;
            let path = entry.path();
            if !is_dir(&entry)? {
                fs::remove_file(&path)?;
                continue;
            }
            open_up(&path);
            for inner in fs::read_dir(&path)? {
                let inner = inner?;
                if !is_dir(&inner)? {
                    fs::remove_file(inner.path())?;
                    continue;
                }
                open_up(&inner.path());
                let place = loop {
                    let place = top.join(format!("moved-{moved}"));
                    moved += 1;
                    if fs::symlink_metadata(&place).is_err() {
                        break place;
                    }
                };
                fs::rename(inner.path(), place)?;
            }
            fs::remove_dir(&path)?;
        }
        // What was moved up while this was read may not have been seen.
        if is_empty {
            return fs::remove_dir(top);
        }
    }
}

fn is_dir(entry: &DirEntry) -> Result<bool> {
    Ok(entry.file_type()?.is_dir())
}

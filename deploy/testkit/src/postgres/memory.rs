//! Whether the shared server's data may lie in memory.
//!
//! Each test makes and drops a database of some hundred files. On a file system of a disk that cost a sixth of all processor time of
//! a run, in the kernel's search for inodes; and nobody wants the data back.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use nix::unistd::Uid;

use super::os_user::OsUser;

/// Linux's own file system in memory, which everybody may write to.
const SHM: &str = "/dev/shm";
/// What must be free there, in bytes, and be had as memory: several times what a run's databases take at once.
const ROOM: u64 = 8 << 30;

/// A directory in memory that stands for `wanted`; `None` where there is no room for it, or where somebody else's stands in its place.
pub(super) fn dir(wanted: &Path, user: Option<OsUser>) -> Option<PathBuf> {
    let shm = Path::new(SHM);
    let found = statfs(shm).ok().filter(|found| found.filesystem_type() == TMPFS_MAGIC)?;
    let block = u64::try_from(found.block_size()).ok()?;
    let name: String =
        wanted.to_string_lossy().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let dir = shm.join(format!("galaxy{name}"));
    match std::fs::symlink_metadata(&dir) {
        // Everybody may make a directory here, under any name.
        Ok(there) => (there.is_dir() && is_ours(there.uid(), user)).then_some(dir),
        Err(_) => (found.blocks_available().saturating_mul(block) >= ROOM && memory() >= ROOM).then_some(dir),
    }
}

fn is_ours(owner: u32, user: Option<OsUser>) -> bool {
    owner == Uid::effective().as_raw() || user.is_some_and(|user| owner == user.uid)
}

/// What Linux says that processes can still have, in bytes.
fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or_default() << 10
}

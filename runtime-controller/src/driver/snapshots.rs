//! Copies of state directories (SPEC §9): a patch may be undone, so what the former engine left is copied before the new one touches it,
//! and put back with the former image. Every driver keeps state in `<state root>/<game_id>`; the copies stand beside, on the same file
//! system, in `<state root>/.snapshots/<game_id>/<name>`, where `name` is the patch's. On Kubernetes the root is a game's own volume.
//!
//! A copy is made under another name, written through to the disk, and then renamed: under its own name it is whole. Nothing here runs
//! while an engine does: who calls has removed its container. `docs/engine-answers.md` has what a crash leaves at each step.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use shared::ids::GameId;

use super::{Copies, DriverError};

/// What a copy may not take of the disk: the daemon, its logs and the other games need some.
const SPARE: u64 = 64 << 20;
/// The most files and directories of a state that is copied.
const ENTRIES: u64 = 1_000_000;

/// The copies below one `BACKEND_GAME_STATE_ROOT`.
#[derive(Debug, Clone)]
pub struct Snapshots {
    root: PathBuf,
}

/// How much a state directory has.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Size {
    bytes: u64,
    entries: u64,
}

impl Snapshots {
    /// Those below this state root.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Whether the state of a game can be copied now: there is room for it. Asked before the engine is touched.
    ///
    /// # Errors
    /// [`DriverError::Config`], with what is missing.
    pub async fn fits(&self, game_id: GameId) -> Result<(), DriverError> {
        self.blocking("be copied", move |this| this.fits_now(game_id)).await
    }

    /// Copies the state of a game, unless the copy of this name is there already. Those of other names go first: a game has one.
    ///
    /// # Errors
    /// [`DriverError::Config`] where it cannot be copied: no room, unreadable files.
    pub async fn take(&self, game_id: GameId, name: &str) -> Result<(), DriverError> {
        let name = name.to_owned();
        self.blocking("be copied", move |this| this.take_now(game_id, &name)).await
    }

    /// Puts the copy of this name back in place of the state; the copy stays. Answers whether there is one.
    ///
    /// # Errors
    /// [`DriverError::Config`] where it cannot be put back; the state is then what it was, or gone, and the copy is whole.
    pub async fn restore(&self, game_id: GameId, name: &str) -> Result<bool, DriverError> {
        let name = name.to_owned();
        self.blocking("be put back", move |this| this.restore_now(game_id, &name)).await
    }

    /// Whether a game has a copy, of whatever name. One look at the file system.
    #[must_use]
    pub fn has_any(&self, game_id: GameId) -> bool {
        std::fs::symlink_metadata(self.of(game_id)).is_ok()
    }

    /// Drops the copies of a game.
    ///
    /// # Errors
    /// [`DriverError::Config`] where they cannot be removed.
    pub async fn drop_all(&self, game_id: GameId) -> Result<(), DriverError> {
        self.blocking("be dropped", move |this| remove(&this.of(game_id))).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(Self) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, DriverError> {
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || work(this)).await;
        let done = done.map_err(|error| DriverError::Failed(error.to_string()))?;
        done.map_err(|error| DriverError::Config(format!("the game's state cannot {what}: {error}")))
    }

    fn of(&self, game_id: GameId) -> PathBuf {
        self.root.join(".snapshots").join(game_id.to_string())
    }

    fn state(&self, game_id: GameId) -> PathBuf {
        self.root.join(game_id.to_string())
    }

    fn fits_now(&self, game_id: GameId) -> std::io::Result<()> {
        let mut size = Size::default();
        measure(&self.state(game_id), &mut size)?;
        let disk = nix::sys::statvfs::statvfs(&self.root)?;
        let free = disk.blocks_available().saturating_mul(disk.fragment_size());
        let needed = size.bytes.saturating_add(SPARE);
        if free < needed {
            let mib = |bytes: u64| bytes >> 20;
            return Err(Error::other(format!(
                "the disk has {} MiB left, and {} MiB are needed",
                mib(free),
                mib(needed)
            )));
        }
        Ok(())
    }

    fn take_now(&self, game_id: GameId, name: &str) -> std::io::Result<()> {
        let (dir, whole) = (self.of(game_id), self.of(game_id).join(name));
        if std::fs::symlink_metadata(&whole).is_ok() {
            return Ok(());
        }
        remove(&dir)?;
        self.fits_now(game_id)?;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        let draft = dir.join(format!("{name}.part"));
        copy(&self.state(game_id), &draft)?;
        std::fs::rename(&draft, &whole)?;
        sync(&dir)?;
        sync(&self.root.join(".snapshots"))
    }

    fn restore_now(&self, game_id: GameId, name: &str) -> std::io::Result<bool> {
        let (dir, state) = (self.of(game_id), self.state(game_id));
        let (whole, draft, spoilt) =
            (dir.join(name), dir.join(format!("{name}.back")), dir.join(format!("{name}.spoilt")));
        if std::fs::symlink_metadata(&whole).is_err() {
            return Ok(false);
        }
        remove(&draft)?;
        copy(&whole, &draft)?;
        if std::fs::symlink_metadata(&state).is_ok() {
            remove(&spoilt)?;
            std::fs::rename(&state, &spoilt)?;
        }
        std::fs::rename(&draft, &state)?;
        sync(&self.root)?;
        sync(&dir)?;
        remove(&spoilt)?;
        Ok(true)
    }
}

#[async_trait]
impl Copies for Snapshots {
    async fn fits(&self, game_id: GameId) -> Result<(), DriverError> {
        Self::fits(self, game_id).await
    }

    async fn take(&self, game_id: GameId, name: &str) -> Result<(), DriverError> {
        Self::take(self, game_id, name).await
    }

    async fn restore(&self, game_id: GameId, name: &str) -> Result<bool, DriverError> {
        Self::restore(self, game_id, name).await
    }

    async fn has_any(&self, game_id: GameId) -> Result<bool, DriverError> {
        Ok(Self::has_any(self, game_id))
    }

    async fn drop_all(&self, game_id: GameId) -> Result<(), DriverError> {
        Self::drop_all(self, game_id).await
    }
}

/// Adds up a tree, and looks whether all of it can be read. The engine may still be at work in it: what has just gone is passed over.
fn measure(path: &Path, size: &mut Size) -> std::io::Result<()> {
    let meta = std::fs::symlink_metadata(path)?;
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
        for entry in std::fs::read_dir(path)? {
            match measure(&entry?.path(), size) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Copies a tree and writes it through. Links are copied as links; sockets, pipes and devices are no state and are left out.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    let meta = std::fs::symlink_metadata(from)?;
    let mode = meta.permissions().mode();
    if meta.is_symlink() {
        std::os::unix::fs::symlink(std::fs::read_link(from)?, to)?;
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
        std::fs::DirBuilder::new().mode(0o700).create(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        let open = if own(to, &meta)? { 0 } else { 0o777 };
        std::fs::set_permissions(to, Permissions::from_mode((mode & 0o777) | open))?;
        return sync(to);
    }
    Ok(())
}

/// Gives a copy the owner of what it was copied from; answers whether it has that owner.
fn own(path: &Path, of: &std::fs::Metadata) -> std::io::Result<bool> {
    match std::os::unix::fs::lchown(path, Some(of.uid()), Some(of.gid())) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(false),
        Err(error) => Err(error),
    }
}

fn sync(dir: &Path) -> std::io::Result<()> {
    File::open(dir)?.sync_all()
}

fn remove(dir: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A state with a file, a directory, a link to elsewhere and a pipe.
    fn state() -> (tempfile::TempDir, Snapshots, GameId) {
        let root = tempfile::tempdir().unwrap();
        let game = GameId::new();
        let dir = root.path().join(game.to_string());
        std::fs::create_dir_all(dir.join("turns")).unwrap();
        std::fs::write(dir.join("turns/1"), "one").unwrap();
        std::fs::set_permissions(dir.join("turns/1"), Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.join("link")).unwrap();
        nix::unistd::mkfifo(&dir.join("pipe"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        let snapshots = Snapshots::new(root.path().to_owned());
        (root, snapshots, game)
    }

    fn is_as_before(dir: &Path) {
        assert_eq!(std::fs::read_to_string(dir.join("turns/1")).unwrap(), "one");
        assert_eq!(std::fs::metadata(dir.join("turns/1")).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(std::fs::read_link(dir.join("link")).unwrap(), Path::new("/etc/passwd"));
        assert!(!dir.join("pipe").exists() && !dir.join("rewritten").exists());
    }

    fn rewrite(dir: &Path) {
        std::fs::remove_dir_all(dir.join("turns")).unwrap();
        std::fs::write(dir.join("rewritten"), "nobody else can read this").unwrap();
    }

    #[tokio::test]
    async fn what_an_engine_rewrote_is_put_back_as_often_as_it_takes() {
        let (root, snapshots, game) = state();
        let dir = root.path().join(game.to_string());
        assert!(!snapshots.has_any(game) && !snapshots.restore(game, "a").await.unwrap());
        snapshots.take(game, "a").await.unwrap();
        rewrite(&dir);
        // Taken again by an attempt that went on: it is the first one that counts.
        snapshots.take(game, "a").await.unwrap();
        for _ in 0..2 {
            assert!(snapshots.restore(game, "a").await.unwrap());
            is_as_before(&dir);
            rewrite(&dir);
        }
        assert!(!snapshots.restore(game, "b").await.unwrap(), "another patch's copy is not this one's");
        snapshots.drop_all(game).await.unwrap();
        snapshots.drop_all(game).await.unwrap();
        assert!(!snapshots.has_any(game));
    }

    #[tokio::test]
    async fn what_a_crash_left_half_is_begun_anew() {
        let (root, snapshots, game) = state();
        let (dir, own) = (root.path().join(game.to_string()), root.path().join(".snapshots").join(game.to_string()));
        // Killed while it was copied, and before that a patch whose copy nobody dropped.
        std::fs::create_dir_all(own.join("old/turns")).unwrap();
        std::fs::create_dir_all(own.join("a.part/turns")).unwrap();
        snapshots.take(game, "a").await.unwrap();
        let mut left: Vec<_> = std::fs::read_dir(&own).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.pop().unwrap(), "a", "a game has one copy");
        assert!(left.is_empty());
        // Killed while it was put back: the state has gone already, and the draft is half.
        std::fs::rename(&dir, own.join("a.spoilt")).unwrap();
        std::fs::create_dir_all(own.join("a.back/turns")).unwrap();
        assert!(snapshots.restore(game, "a").await.unwrap());
        is_as_before(&dir);
        assert!(!own.join("a.spoilt").exists() && !own.join("a.back").exists());
    }

    #[tokio::test]
    async fn a_state_that_cannot_be_read_is_not_copied_by_half() {
        let (root, snapshots, game) = state();
        std::fs::remove_dir_all(root.path().join(game.to_string())).unwrap();
        let error = snapshots.take(game, "a").await.unwrap_err();
        assert!(matches!(&error, DriverError::Config(reason) if reason.contains("cannot be copied")), "{error}");
        assert!(!snapshots.restore(game, "a").await.unwrap());
    }
}

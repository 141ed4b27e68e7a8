//! Copies of state directories (SPEC §9): a patch may be undone, so what the former engine left is copied before the new one touches it,
//! and put back with the former image. Every driver keeps state in `<state root>/<game_id>`; the copies stand beside, on the same file
//! system, in `<state root>/.snapshots/<game_id>/<name>`, where `name` is the patch's. On Kubernetes the root is a game's own volume.
//!
//! A copy is made under another name, written through to the disk, and then renamed: under its own name it is whole. Nothing here runs
//! while an engine does: who calls has removed its container. `docs/engine-answers.md` has what a crash leaves at each step.

use std::fs::Permissions;
use std::io::Error;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::PathBuf;

use async_trait::async_trait;
use shared::ids::GameId;

use super::tree::{Size, copy, measure, open_up, remove, sync};
use super::{Copies, DriverError};

/// What a copy may not take of the disk: the daemon, its logs and the other games need some.
const SPARE: u64 = 64 << 20;

/// The copies below one `BACKEND_GAME_STATE_ROOT`.
#[derive(Debug, Clone)]
pub struct Snapshots {
    root: PathBuf,
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
        measure(&self.state(game_id), &mut size, 0)?;
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
        let draft = dir.join(format!("{name}.part"));
        if let Err(error) = remove(&dir) {
            // What an engine's own user closed, only root removes. It stands in nobody's way under another name.
            tracing::warn!(%game_id, %error, "a former copy of a state could not be removed");
            remove(&draft)?;
        }
        self.fits_now(game_id)?;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        copy(&self.state(game_id), &draft, 0)?;
        std::fs::rename(&draft, &whole)?;
        sync(&dir)?;
        sync(&self.root.join(".snapshots"))
    }

    fn restore_now(&self, game_id: GameId, name: &str) -> std::io::Result<bool> {
        let (dir, state) = (self.of(game_id), self.state(game_id));
        let (whole, draft) = (dir.join(name), dir.join(format!("{name}.back")));
        if std::fs::symlink_metadata(&whole).is_err() {
            return Ok(false);
        }
        remove(&draft)?;
        copy(&whole, &draft, 0)?;
        // What moves to another directory must be open for writing itself; it is closed again as the engine had it.
        let mode = std::fs::symlink_metadata(&draft)?.permissions().mode();
        // One that only root can remove stays where it is.
        let mut names = (0..100).map(|n| dir.join(format!("{name}.spoilt{n}")));
        let spoilt = names
            .find(|spoilt| remove(spoilt).is_ok())
            .ok_or_else(|| Error::other("what former patches left cannot be removed"))?;
        if std::fs::symlink_metadata(&state).is_ok() {
            open_up(&state);
            std::fs::rename(&state, &spoilt)?;
        }
        open_up(&draft);
        std::fs::rename(&draft, &state)?;
        std::fs::set_permissions(&state, Permissions::from_mode(mode & 0o777))?;
        sync(&self.root)?;
        sync(&dir)?;
        if let Err(error) = remove(&spoilt) {
            // The state is back; the next copy tries once more.
            tracing::warn!(%game_id, %error, "what a patch left could not be removed");
        }
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

#[cfg(test)]
mod tests {
    use std::path::Path;

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
        std::fs::rename(&dir, own.join("a.spoilt0")).unwrap();
        std::fs::create_dir_all(own.join("a.back/turns")).unwrap();
        assert!(snapshots.restore(game, "a").await.unwrap());
        is_as_before(&dir);
        assert!(!own.join("a.spoilt0").exists() && !own.join("a.back").exists());
    }

    #[tokio::test]
    async fn a_state_too_deep_to_be_copied_is_refused_and_one_that_became_so_is_put_back_and_removed() {
        let (root, snapshots, game) = state();
        let dir = root.path().join(game.to_string());
        snapshots.take(game, "a").await.unwrap();
        // Deeper than a stack of recursion is.
        deepen(&dir, 16_000);
        assert!(snapshots.restore(game, "a").await.unwrap());
        is_as_before(&dir);
        deepen(&dir, 40);
        let error = snapshots.fits(game).await.unwrap_err();
        assert!(error.to_string().contains("nested more than 32 deep"), "{error}");
        let error = snapshots.take(game, "b").await.unwrap_err();
        assert!(error.to_string().contains("nested more than 32 deep"), "{error}");
        deepen(&snapshots.of(game), 2_000);
        snapshots.drop_all(game).await.unwrap();
        assert!(!snapshots.has_any(game));
    }

    /// Directories within directories, deeper than any path says.
    fn deepen(dir: &Path, levels: usize) {
        use nix::fcntl::{OFlag, open, openat};
        use nix::sys::stat::{Mode, mkdirat};
        std::fs::create_dir_all(dir).unwrap();
        let how = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut at = open(dir, how, Mode::empty()).unwrap();
        for _ in 0..levels {
            mkdirat(&at, "d", Mode::S_IRWXU).unwrap();
            at = openat(&at, "d", how, Mode::empty()).unwrap();
        }
    }

    /// As a controller that is not root: a thread has a user of its own for files (setfsuid(2)), and none of root's privileges with it.
    fn as_nobody(work: impl FnOnce() + Send) {
        use nix::unistd::{Gid, Uid, setfsgid, setfsuid};
        let nobody = 65_534;
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                setfsgid(Gid::from_raw(nobody));
                setfsuid(Uid::from_raw(nobody));
                work();
            });
            thread.join().unwrap();
        });
    }

    #[test]
    fn a_state_whose_directories_an_engine_closed_is_put_back_as_it_was() {
        as_nobody(|| {
            let (root, snapshots, game) = state();
            let dir = root.path().join(game.to_string());
            let mode = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
            mode(&dir.join("turns"), 0o555);
            mode(&dir, 0o555);
            snapshots.take_now(game, "a").unwrap();
            for _ in 0..2 {
                mode(&dir.join("turns"), 0o000);
                mode(&dir, 0o000);
                assert!(snapshots.restore_now(game, "a").unwrap());
                is_as_before(&dir);
                for closed in [&dir, &dir.join("turns")] {
                    assert_eq!(std::fs::metadata(closed).unwrap().permissions().mode() & 0o777, 0o555);
                }
            }
            for path in [snapshots.of(game), dir.clone()] {
                remove(&path).unwrap();
            }
            assert!(!dir.exists() && !snapshots.has_any(game));
        });
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

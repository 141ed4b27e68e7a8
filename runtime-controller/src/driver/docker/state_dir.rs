//! A game's state directory on the host, made so that the engine's user, and as few others as can be, may write it.

use std::io::{Error, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use shared::ids::GameId;

use super::super::{DriverError, ENGINE_UID};

/// Where a game's state is.
pub(super) fn path(root: &Path, game_id: GameId) -> PathBuf {
    root.join(game_id.to_string())
}

/// Makes the directory, or mends its owner. What is in it is left alone.
pub(super) async fn prepare(root: &Path, game_id: GameId) -> Result<PathBuf, DriverError> {
    let dir = path(root, game_id);
    let made = dir.clone();
    let root = root.to_owned();
    let done = tokio::task::spawn_blocking(move || make(&root, &made)).await;
    let done = done.map_err(|error| DriverError::Failed(error.to_string()))?;
    done.map_err(|error| DriverError::Config(format!("the state directory {}: {error}", dir.display())))?;
    Ok(dir)
}

fn make(root: &Path, dir: &Path) -> Result<(), Error> {
    // 0700: only root and the daemon reach what is in it, whatever the modes below are.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(root)?;
    match std::fs::DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let meta = std::fs::symlink_metadata(dir)?;
    if !meta.is_dir() {
        return Err(Error::other("is not a directory"));
    }
    if meta.uid() == ENGINE_UID {
        return Ok(());
    }
    match std::os::unix::fs::chown(dir, Some(ENGINE_UID), Some(ENGINE_UID)) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            // Not root: the engine's user gets in as anybody would, and the parent keeps everybody else out.
            if std::fs::metadata(root)?.permissions().mode() & 0o077 != 0 {
                return Err(Error::other(format!(
                    "cannot be given to uid {ENGINE_UID} without root, and its parent is open to others: chmod 700 {}",
                    root.display()
                )));
            }
            std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o777))
        }
        done => done,
    }
}

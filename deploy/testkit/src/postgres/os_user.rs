//! The unprivileged user that Postgres runs as. Postgres refuses to run as root; when we are not root it runs as us.

use std::fs::File;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::unistd::{Uid, User};

const NAME: &str = "galaxy-postgres";

/// Whom the server runs as, when it is not us.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OsUser {
    pub(super) uid: u32,
    gid: u32,
}

impl OsUser {
    /// The user to drop to: `None` when we are an ordinary user already, `galaxy-postgres` (made on demand) for root.
    pub(crate) fn for_server() -> Result<Option<OsUser>> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        if let Some(user) = find()? {
            return Ok(Some(user));
        }
        let useradd = crate::spawn::find_in_path("useradd").context(
            "Postgres refuses to run as root, and there is no `useradd` to make a user for it: \
             `apt-get install -y passwd`, or run as an ordinary user",
        )?;
        // One at a time: of two useradds that race, the later one silently gives the user another id.
        let lock = File::create("/run/lock/galaxy-postgres-useradd")
            .or_else(|_| File::create(std::env::temp_dir().join("galaxy-postgres-useradd.lock")))?;
        lock.lock()?;
        if let Some(user) = find()? {
            return Ok(Some(user));
        }
        let output = Command::new(&useradd)
            .args(["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"])
            .args(["--shell", "/usr/sbin/nologin", NAME])
            .output()
            .context("run useradd")?;
        match find()? {
            Some(user) => Ok(Some(user)),
            None => bail!("useradd {NAME}: {}", String::from_utf8_lossy(&output.stderr).trim()),
        }
    }

    /// Makes `command` run as this user, without our supplementary groups.
    pub(crate) fn drop_to(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Gives `path` to this user.
    pub(crate) fn own(self, path: &Path) -> Result<()> {
        chown(path, Some(self.uid), Some(self.gid)).with_context(|| format!("chown {}", path.display()))
    }
}

fn find() -> Result<Option<OsUser>> {
    let user = User::from_name(NAME).context("look up the system user")?;
    Ok(user.map(|user| OsUser { uid: user.uid.as_raw(), gid: user.gid.as_raw() }))
}

/// `wanted`, or a directory under `elsewhere` that stands for it when the server's user cannot walk to `wanted`
/// (a checkout under `/root`, say).
pub(crate) fn reachable(wanted: &Path, elsewhere: &Path, user: Option<OsUser>) -> Result<PathBuf> {
    let wanted = std::path::absolute(wanted)?;
    let walkable = |dir: &Path| match std::fs::metadata(dir) {
        Ok(meta) => meta.permissions().mode() & 0o001 != 0,
        Err(_) => true, // we shall make it
    };
    if user.is_none() || wanted.ancestors().skip(1).all(walkable) {
        return Ok(wanted);
    }
    let name: String =
        wanted.to_string_lossy().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    Ok(elsewhere.join(name.trim_matches('_')))
}

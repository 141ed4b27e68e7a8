//! `cargo xtask tools`: the programs that tests run and that no package of this workspace builds.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{prerequisites, run};

/// Installs what is missing.
///
/// # Errors
/// When something cannot be installed.
pub fn tools() -> Result<()> {
    prerequisites::tools()?;
    schemathesis(&crate::root())
}

/// Schemathesis, in a virtual environment of its own under `.local`, in exactly the versions of its `requirements.txt`: what it
/// tries depends on them.
fn schemathesis(root: &Path) -> Result<()> {
    let wanted: PathBuf = root.join("api-server/tests/schemathesis/requirements.txt");
    let text = std::fs::read(&wanted).with_context(|| wanted.display().to_string())?;
    let dir = root.join(".local/schemathesis");
    // Written last, so that half an installation is none.
    let stamp = dir.join("installed.txt");
    if std::fs::read(&stamp).ok().as_ref() == Some(&text) {
        return Ok(());
    }
    if dir.exists() {
        std::fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))?;
    }
    run::step("A virtual environment for Schemathesis", Command::new("python3").args(["-m", "venv"]).arg(&dir))?;
    run::step(
        "Install Schemathesis",
        Command::new(dir.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"])
            .arg(&wanted),
    )?;
    std::fs::write(&stamp, &text).with_context(|| stamp.display().to_string())
}

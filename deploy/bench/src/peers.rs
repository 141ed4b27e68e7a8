//! What others would use instead, installed below `target` in exactly the versions that `deploy/bench/peers` names.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

/// The packages of npm, and the scripts that ask them; answers the folder where both are.
///
/// # Errors
/// When they cannot be installed.
pub async fn node() -> Result<PathBuf> {
    let (source, dir) = folders("node");
    std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
    for file in ["package.json", "package-lock.json", "graphile.mjs"] {
        std::fs::copy(source.join(file), dir.join(file)).with_context(|| file.to_owned())?;
    }
    let wanted = std::fs::read(dir.join("package-lock.json"))?;
    if !is_installed(&dir, &wanted) {
        let install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        step(Command::new("npm").args(install).current_dir(&dir)).await.context("npm ci")?;
        note(&dir, &wanted)?;
    }
    Ok(dir)
}

/// The packages of PyPI in a virtual environment; answers the folder of its programs.
///
/// # Errors
/// When they cannot be installed.
pub async fn python() -> Result<PathBuf> {
    let (source, dir) = folders("python");
    let list = source.join("requirements.txt");
    let wanted = std::fs::read(&list).with_context(|| list.display().to_string())?;
    let bin = dir.join("bin");
    if !is_installed(&dir, &wanted) {
        if dir.exists() {
            std::fs::remove_dir_all(&dir).with_context(|| dir.display().to_string())?;
        }
        step(Command::new("python3").args(["-m", "venv"]).arg(&dir)).await.context("python3 -m venv")?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"];
        step(Command::new(bin.join("python")).args(install).arg(&list)).await.context("pip install")?;
        note(&dir, &wanted)?;
    }
    Ok(bin)
}

/// Runs a script of a peer, and answers the JSON of its last line.
///
/// # Errors
/// When it fails, with what it says, or answers otherwise.
pub async fn ask(command: &mut Command) -> Result<Value> {
    let ran = command.kill_on_drop(true).output().await?;
    ensure!(ran.status.success(), "{}: {}", ran.status, String::from_utf8_lossy(&ran.stderr));
    let said = String::from_utf8_lossy(&ran.stdout);
    serde_json::from_str(said.lines().last().unwrap_or_default()).with_context(|| format!("it said {said:?}"))
}

/// Where what is wanted stands, and where it is installed.
fn folders(kind: &str) -> (PathBuf, PathBuf) {
    (testkit::workspace_root().join("deploy/bench/peers"), testkit::target_dir().join("bench-peers").join(kind))
}

/// Written last: it says that all of the list is there.
fn stamp(dir: &Path) -> PathBuf {
    dir.join("installed")
}

fn is_installed(dir: &Path, wanted: &[u8]) -> bool {
    std::fs::read(stamp(dir)).is_ok_and(|there| there == wanted)
}

fn note(dir: &Path, wanted: &[u8]) -> Result<()> {
    std::fs::write(stamp(dir), wanted).with_context(|| dir.display().to_string())
}

async fn step(command: &mut Command) -> Result<()> {
    let ran = command.kill_on_drop(true).output().await?;
    ensure!(ran.status.success(), "{}: {}", ran.status, String::from_utf8_lossy(&ran.stderr));
    Ok(())
}

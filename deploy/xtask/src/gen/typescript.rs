//! The TypeScript types of the REST contract: `api-server/openapi.json` → `deploy/typescript/src/contract.ts`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::run;

/// Writes the types anew, installing the generator first if it is not there.
///
/// # Errors
/// When the packages cannot be installed, or the document is none that the generator understands.
pub fn generate(root: &Path) -> Result<()> {
    run::step("TypeScript types", npm(&installed(root)?).args(["run", "--silent", "generate"]))
}

/// Type-checks the sample and what must not compile.
///
/// # Errors
/// Their faults are on the terminal.
pub fn check(root: &Path) -> Result<()> {
    run::step("TypeScript: the sample against the types", npm(&installed(root)?).args(["run", "--silent", "check"]))
}

/// The package's directory, with what its lock file names.
fn installed(root: &Path) -> Result<PathBuf> {
    let dir = root.join("deploy/typescript");
    let lock = std::fs::read(dir.join("package-lock.json")).context("deploy/typescript/package-lock.json")?;
    // Written last: a copy beside the packages says that they are all there, and of which lock file they are.
    let stamp = dir.join("node_modules/.installed-lock.json");
    if std::fs::read(&stamp).ok().as_ref() != Some(&lock) {
        run::step(
            "Install the TypeScript packages",
            npm(&dir).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]),
        )?;
        std::fs::write(&stamp, &lock).with_context(|| stamp.display().to_string())?;
    }
    Ok(dir)
}

fn npm(dir: &Path) -> Command {
    let mut command = run::program("npm");
    command.current_dir(dir);
    command
}

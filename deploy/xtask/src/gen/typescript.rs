//! The TypeScript types of the REST contract: `api-server/openapi.json` → `deploy/typescript/src/contract.ts`.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{run, tools};

/// Writes the types anew, installing the generator first if it is not there.
///
/// # Errors
/// When the packages cannot be installed, or the document is none that the generator understands.
pub fn generate(root: &Path) -> Result<()> {
    run::step("TypeScript types", tools::npm(&installed(root)?).args(["run", "--silent", "generate"]))
}

/// Type-checks the sample and what must not compile.
///
/// # Errors
/// Their faults are on the terminal.
pub fn check(root: &Path) -> Result<()> {
    run::step(
        "TypeScript: the sample against the types",
        tools::npm(&installed(root)?).args(["run", "--silent", "check"]),
    )
}

/// The package's directory, with what the lock file names.
fn installed(root: &Path) -> Result<PathBuf> {
    // One lock file for all front ends, in the workspace above it.
    tools::packages(&root.join("deploy"), "packages of the front ends")?;
    Ok(root.join("deploy/typescript"))
}

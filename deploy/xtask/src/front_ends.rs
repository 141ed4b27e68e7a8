//! The front ends (`deploy/console`): built, tested, and looked at. `cargo build` needs none of it; a binary that is built without
//! answers `/console` with how to build it.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};

use crate::{prerequisites, run, tools};

/// What the build leaves last of all, as `api-server/build.rs` knows it.
const WHOLE: &str = "deploy/console/dist/built.txt";

/// What the console is built from.
const SOURCES: [&str; 8] = [
    "deploy/console/src",
    "deploy/console/public",
    "deploy/console/scripts",
    "deploy/console/index.html",
    "deploy/console/package.json",
    "deploy/console/vite.config.mjs",
    "deploy/package-lock.json",
    "deploy/typescript/src",
];

/// Builds the console where it is not built from what is there; what it weighs is printed, and held to its bars.
///
/// # Errors
/// When its packages cannot be installed, it does not build, or weighs too much.
pub fn console() -> Result<()> {
    prerequisites::front_ends()?;
    let root = crate::root();
    let whole = root.join(WHOLE);
    // Built anew it would be another one to cargo, and api-server with it.
    let built = whole.metadata().and_then(|built| built.modified()).ok();
    let newest = SOURCES.iter().filter_map(|source| newest(&root.join(source))).max();
    let script = if built > newest { "sizes" } else { "build" };
    run::step("Build the console", tools::npm(&installed()?).args(["run", "--silent", script]))?;
    ensure!(whole.is_file(), "the console's build left no {}", whole.display());
    Ok(())
}

/// Types, unit tests, and a browser against the mock; the console must be built. Where `stack` runs the journeys too, in
/// `deploy/e2e/tests/it/console.rs`, those that only a mock can have are left, and axe.
///
/// # Errors
/// Their faults are on the terminal.
pub fn test(stack: bool) -> Result<()> {
    prerequisites::browser()?;
    let dir = installed()?;
    let script = |name: &str| {
        let mut npm = tools::npm(&dir);
        npm.args(["run", "--silent", name]);
        npm
    };
    run::step("Console: types", &mut script("check"))?;
    run::step("Console: units", &mut script("test"))?;
    let mut journeys = script("journeys");
    if stack {
        journeys.args(["--", "--beside-stack"]);
    }
    run::step("Console: journeys, and axe on every screen", &mut journeys)
}

/// Pictures of every page, in `deploy/console/shots`.
///
/// # Errors
/// When the console does not build, or a page is not drawn.
pub fn screenshots() -> Result<()> {
    console()?;
    prerequisites::browser()?;
    run::step("Screenshots", tools::npm(&installed()?).args(["run", "--silent", "screenshots"]))
}

/// Fails where a binary of api-server does not hold the console that was built: nobody notices a missing page before it is needed.
///
/// # Errors
/// What it does not hold.
pub fn held_by(binary: &Path) -> Result<()> {
    let assets = crate::root().join("deploy/console/dist/assets");
    let content = std::fs::read(binary).with_context(|| binary.display().to_string())?;
    for entry in std::fs::read_dir(&assets).with_context(|| assets.display().to_string())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".br") || name.ends_with(".gz") {
            continue;
        }
        let held = content.windows(name.len()).any(|window| window == name.as_bytes());
        ensure!(held, "{} was built without the console: it does not hold {name}", binary.display());
    }
    Ok(())
}

/// When a file, or the newest file of a directory, was written. `None` where it is not there.
fn newest(path: &Path) -> Option<SystemTime> {
    let own = path.metadata().ok()?.modified().ok()?;
    let within = std::fs::read_dir(path).into_iter().flatten().flatten().filter_map(|entry| newest(&entry.path()));
    within.chain([own]).max()
}

/// The console's directory, with what the lock file of the front ends names.
fn installed() -> Result<PathBuf> {
    let workspace = crate::root().join("deploy");
    tools::packages(&workspace, "packages of the front ends")?;
    Ok(workspace.join("console"))
}

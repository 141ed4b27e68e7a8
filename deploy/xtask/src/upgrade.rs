//! `cargo xtask upgrade`: a stack of another revision, upgraded to this tree under load, and taken back (docs/upgrading.md).

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use testkit::process::bin_path;

use crate::{build, prerequisites, run, worktree};

/// What a stack is made of: the packages whose binaries it runs.
const PACKAGES: [&str; 7] = [
    "api-server",
    "mail-worker",
    "notify-worker",
    "runtime-controller",
    "galaxy-migrations",
    "galaxy-engine",
    "galaxy-testkit",
];

/// Runs it from a revision that git knows: a tag, a branch, a commit.
///
/// # Errors
/// When there is no such revision, something does not build, or something did not hold.
pub fn upgrade(from: &str) -> Result<()> {
    prerequisites::stack()?;
    let commit = run::output(worktree::git().args(["rev-parse", "--verify", &format!("{from}^{{commit}}")]))?;
    let former = former(from, commit.trim())?;
    build::binaries()?;
    let upgrade = bin_path("galaxy-upgrade");
    let next = upgrade.parent().context("where the binaries are")?;
    run::step(
        &format!("Upgrade from {from}"),
        run::program(&upgrade).arg("--next").arg(next).env("GALAXY_BIN_DIR", former),
    )
}

/// Builds the stack of a commit in a worktree of its own; answers where its binaries are. They are built in the same two directories each
/// time, so that dependencies are built once.
fn former(from: &str, commit: &str) -> Result<PathBuf> {
    let dir = testkit::target_dir().join("upgrade");
    let (tree, target) = (dir.join("tree"), dir.join("target"));
    std::fs::create_dir_all(&dir).context("make target/upgrade")?;
    worktree::make(&tree, from, commit)?;
    let mut cargo = run::cargo();
    cargo.current_dir(&tree).env("CARGO_TARGET_DIR", &target).args(["build", "--locked", "--bins"]);
    cargo.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    let built = run::step(&format!("Build the binaries of {from}"), &mut cargo);
    worktree::remove(&tree)?;
    built.map(|()| target.join("debug"))
}

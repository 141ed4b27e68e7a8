//! Another revision of the tree, or this one where it may be changed: in a worktree of its own.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::run;

/// Puts a commit there, whatever a killed run left in its place. `what` names it to whoever watches.
///
/// # Errors
/// When git refuses.
pub fn make(tree: &Path, what: &str, commit: &str) -> Result<()> {
    remove(tree)?;
    run::step(
        &format!("A worktree of {what}"),
        // Git may still know of one there that somebody removed by hand.
        git().args(["worktree", "add", "--quiet", "--force", "--detach"]).arg(tree).arg(commit),
    )
}

/// Removes the worktree, also what a killed run left of it.
///
/// # Errors
/// When it cannot be removed.
pub fn remove(tree: &Path) -> Result<()> {
    if tree.exists() && run::output(git().args(["worktree", "remove", "--force"]).arg(tree)).is_err() {
        std::fs::remove_dir_all(tree).with_context(|| format!("remove {}", tree.display()))?;
    }
    Ok(())
}

/// Git, in the checkout.
pub fn git() -> Command {
    run::program("git")
}

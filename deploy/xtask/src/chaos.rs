//! `cargo xtask chaos`: a stack that is broken part by part (docs/testing.md).

use anyhow::Result;
use testkit::process::bin_path;

use crate::{build, prerequisites, run};

/// Runs it.
///
/// # Errors
/// When something does not build, or something did not hold.
pub fn chaos(rounds: u32, seed: Option<u64>, whole_story: bool) -> Result<()> {
    prerequisites::stack()?;
    build::binaries()?;
    let mut chaos = run::program(bin_path("galaxy-chaos"));
    chaos.arg("--rounds").arg(rounds.to_string());
    if let Some(seed) = seed {
        chaos.arg("--seed").arg(seed.to_string());
    }
    if whole_story {
        chaos.arg("--whole-story");
    }
    run::step("Chaos", &mut chaos)
}

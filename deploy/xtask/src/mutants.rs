//! `cargo xtask mutants`: faults are put into the code one at a time, and some test must notice each (docs/testing.md).

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};

use crate::{prerequisites, run, tools, worktree};

/// A part of the code, and the tests that are to hold it.
struct Area {
    name: &'static str,
    /// Globs below the checkout.
    files: &'static str,
    /// What is run against each mutant, of the package that is mutated: a filter of nextest. What takes long and holds something
    /// else is left out.
    tests: &'static str,
    /// Whether a mutant that nothing notices may be explained instead.
    excusable: bool,
}

static AREAS: [Area; 5] = [
    Area {
        name: "domain",
        files: "shared/src/domain/**",
        tests: "kind(lib) or test(/^(words|turn_protocol)::/)",
        excusable: false,
    },
    Area { name: "queue", files: "shared/src/queue/**", tests: "kind(lib) or test(/^queue::/)", excusable: true },
    Area {
        name: "push_log",
        files: "shared/src/db/push_log/**",
        tests: "kind(lib) or test(/^push_log::/)",
        excusable: true,
    },
    Area {
        name: "schedule",
        files: "runtime-controller/src/schedule/**",
        tests: "kind(lib) or test(/^(finish|lanes|late|stopped|timers|turns|unread)::/)",
        excusable: true,
    },
    Area {
        name: "reconcile",
        files: "runtime-controller/src/reconcile/**",
        tests: "kind(lib) or test(/^(crash|failures|idle|leftovers|reconcile|replace)::/)",
        excusable: true,
    },
];

/// Where survivors are explained.
const EXPLAINED: &str = "docs/testing.md";

/// How cargo-mutants says that some mutants were not noticed, and that the tests of some found no end: a mutant that hangs is noticed.
const SURVIVORS: i32 = 2;
const HUNG: i32 = 3;

/// Tries every mutant of the areas whose name has `wanted` in it; `shard` is a part of them, as `2/8`.
///
/// # Errors
/// Mutants that no test noticed and nobody explained, or that nothing could be run.
pub fn mutants(wanted: &str, shard: Option<&str>) -> Result<()> {
    let areas: Vec<&Area> = AREAS.iter().filter(|area| area.name.contains(wanted)).collect();
    let known: Vec<&str> = AREAS.iter().map(|area| area.name).collect();
    ensure!(!areas.is_empty(), "no area has {wanted:?} in its name; there are {}", known.join(", "));
    prerequisites::stack()?;
    let (mutants, nextest) = (tools::cargo_mutants()?, tools::cargo_nextest()?);
    let home = testkit::target_dir().join("mutants");
    let (tree, target) = (home.join("tree"), home.join("target"));
    std::fs::create_dir_all(&home).with_context(|| home.display().to_string())?;
    let commit = run::output(worktree::git().args(["rev-parse", "HEAD"]))?;
    // The code is changed in place, so not in this checkout. What is not committed yet is not in it.
    worktree::make(&tree, "this revision, to be mutated", commit.trim())?;
    let tried = try_areas(&areas, shard, &Places { home: &home, tree: &tree, target: &target, mutants, nextest });
    worktree::remove(&tree)?;
    let survivors = tried?;
    if survivors.is_empty() {
        println!("\n   every mutant was noticed, or is explained in {EXPLAINED}");
        return Ok(());
    }
    bail!(
        "mutants that no test noticed; kill each with a test, or explain it in {EXPLAINED}:\n  {}",
        survivors.join("\n  ")
    )
}

struct Places<'a> {
    home: &'a Path,
    tree: &'a Path,
    target: &'a Path,
    mutants: PathBuf,
    nextest: PathBuf,
}

fn try_areas(areas: &[&Area], shard: Option<&str>, places: &Places<'_>) -> Result<Vec<String>> {
    // Tests start them as processes.
    let mut binaries = run::cargo();
    binaries.current_dir(places.tree).env("CARGO_TARGET_DIR", places.target);
    run::step("Build every binary there", binaries.args(["build", "--workspace", "--bins", "--locked"]))?;
    let page = std::fs::read_to_string(crate::root().join(EXPLAINED)).context(EXPLAINED)?;
    let mut survivors = Vec::new();
    for area in areas {
        let survived = try_area(area, shard, places)?;
        let explained = |mutant: &String| area.excusable && page.contains(&format!("`{mutant}`"));
        survivors.extend(survived.into_iter().filter(|mutant| !explained(mutant)));
    }
    Ok(survivors)
}

/// Answers the mutants that were not noticed.
fn try_area(area: &Area, shard: Option<&str>, places: &Places<'_>) -> Result<Vec<String>> {
    println!("\n── Mutants of {} ({})", area.name, area.files);
    let out = places.home.join(area.name);
    std::fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    let mut command = run::program(&places.mutants);
    command.current_dir(places.tree).env("CARGO_TARGET_DIR", places.target).stdin(Stdio::null());
    // It runs `cargo nextest`, which must be found.
    if let Some(beside) = places.nextest.parent().filter(|dir| dir.is_absolute()) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(beside.to_owned()).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(path)?);
    }
    command.args(["mutants", "--in-place", "--no-config", "--test-tool", "nextest", "--cargo-arg=--locked"]);
    command.args(["--file", area.files]).arg(format!("--cargo-test-arg=--filterset={}", area.tests));
    command.arg("--output").arg(&out);
    if let Some(shard) = shard {
        command.args(["--shard", shard]);
    }
    let status = command.status().with_context(|| format!("run {command:?}"))?;
    if !status.success() && !matches!(status.code(), Some(SURVIVORS | HUNG)) {
        bail!("mutants of {}: {status}; what was said is in {}", area.name, out.join("mutants.out/log").display());
    }
    let missed = out.join("mutants.out/missed.txt");
    let missed = std::fs::read_to_string(&missed).with_context(|| missed.display().to_string())?;
    Ok(missed.lines().map(without_place).collect())
}

/// `file:12:5: what was done` without line and column, which move with every change.
fn without_place(mutant: &str) -> String {
    let Some((place, what)) = mutant.split_once(": ") else { return mutant.to_owned() };
    let file = place.trim_end_matches(|c: char| c.is_ascii_digit() || c == ':');
    format!("{file}: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_is_named_without_its_place() {
        let said = "shared/src/queue/sql.rs:212:9: replace Statements::hold -> Result<bool, Error> with Ok(true)";
        let named = "shared/src/queue/sql.rs: replace Statements::hold -> Result<bool, Error> with Ok(true)";
        assert_eq!(without_place(said), named);
        assert_eq!(without_place(named), named);
    }

    #[test]
    fn every_area_has_files() {
        for area in &AREAS {
            let folder = area.files.trim_end_matches("/**");
            assert!(crate::root().join(folder).is_dir(), "{} is not there", area.files);
        }
    }
}

//! `cargo xtask fuzz`: the fuzz targets, led by coverage for as long as is wanted (docs/fuzzing.md).
//!
//! libFuzzer runs on stable Rust: LLVM's counters and comparisons are asked for by flags of the compiler, and no sanitizer is. What
//! `cargo fuzz` needs nightly for is the sanitizers, and there is no unsafe code here that they would watch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::run;

/// The packages whose libraries have modules named `fuzz`.
const PACKAGES: [&str; 4] = ["galaxy-shared", "api-server", "mail-worker", "runtime-controller"];

/// What counts edges and shows comparisons to libFuzzer, and what makes an overflow a panic.
const FLAGS: &str = "--cfg fuzzing_libfuzzer -Cdebug-assertions -Coverflow-checks -Copt-level=1 -Cpasses=sancov-module \
     -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
     -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Runs every target whose name has `wanted` in it, one after the other, `minutes` in all.
///
/// # Errors
/// What was found, or that nothing could be run.
pub fn fuzz(minutes: u32, wanted: &str) -> Result<()> {
    let home = testkit::target_dir().join("fuzz");
    let mut targets = Vec::new();
    for program in build(&home)? {
        let listed = run::output(Command::new(&program).args(["--list", "--format", "terse"]))?;
        let names = listed.lines().filter_map(|line| line.strip_suffix(": test"));
        let names = names.filter(|name| format!("::{name}").contains("::fuzz::") && name.contains(wanted));
        targets.extend(names.map(|name| (program.clone(), name.to_owned())));
    }
    ensure!(!targets.is_empty(), "no target has {wanted:?} in its name");
    let seconds = (minutes as usize * 60 / targets.len()).max(5);
    println!("\n── {} targets, {seconds} s each", targets.len());
    let mut found = BTreeMap::new();
    for (program, name) in targets {
        if let Some(finding) = run_one(&home, &program, &name, seconds)? {
            found.insert(name, finding);
        }
    }
    if found.is_empty() {
        println!("\n   nothing was found");
        return Ok(());
    }
    let lines: Vec<String> = found.iter().map(|(name, finding)| format!("{name}: {}", finding.display())).collect();
    bail!(
        "properties that do not hold (the inputs are in these files; docs/fuzzing.md says what to do):\n  {}",
        lines.join("\n  ")
    )
}

/// The test programs of the packages' libraries, in a target directory of their own: every crate in them is built with the flags.
fn build(home: &Path) -> Result<Vec<PathBuf>> {
    let version = run::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    println!("\n── Build with counters (many minutes the first time)");
    let mut command = run::cargo();
    command
        .args(["test", "--no-run", "--locked", "--lib", "--message-format", "json-render-diagnostics"])
        .args(PACKAGES.iter().flat_map(|package| ["--package", package]))
        // With a target named, build scripts and macros are built without the flags: they could not be linked with them.
        .args(["--target", host, "--target-dir"])
        .arg(home.join("build"))
        .env("RUSTFLAGS", FLAGS)
        .stderr(Stdio::inherit())
        .env("CARGO_INCREMENTAL", "0");
    let messages = run::output(&mut command)?;
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let programs = artifacts.filter_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)));
    Ok(programs.collect())
}

/// Runs one target; answers the file with what it wrote, where a property did not hold. Scripts that led somewhere new are kept
/// for the next time.
fn run_one(home: &Path, program: &Path, name: &str, seconds: usize) -> Result<Option<PathBuf>> {
    let plain = name.replace("::", ".");
    let (corpus, finding) = (home.join("corpus").join(&plain), home.join("found").join(format!("{plain}.txt")));
    for dir in [&corpus, &home.join("found")] {
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    let arguments = [
        format!("-max_total_time={seconds}"),
        format!("-artifact_prefix={}", home.join("found").join(format!("{plain}.")).display()),
        "-max_len=128".to_owned(),
        // One input may take so long, and so much memory: what takes more is a bomb.
        "-timeout=30".to_owned(),
        "-rss_limit_mb=2048".to_owned(),
        "-print_final_stats=1".to_owned(),
        corpus.display().to_string(),
    ];
    let output = Command::new(program)
        .args(["--exact", name, "--nocapture", "--test-threads", "1"])
        .env("GALAXY_FUZZ_LIBFUZZER", arguments.join("\n"))
        .current_dir(crate::root())
        .output()
        .with_context(|| program.display().to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    let executed = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units: "));
    let edges = said.lines().rev().find_map(|line| line.split_once("cov: ")?.1.split(' ').next().map(str::to_owned));
    println!("   {name}: {} scripts, {} edges", executed.unwrap_or("?").trim(), edges.as_deref().unwrap_or("?"));
    if output.status.success() {
        return Ok(None);
    }
    std::fs::write(&finding, said.as_bytes()).with_context(|| finding.display().to_string())?;
    for line in
        said.lines().filter(|line| line.contains("the property does not hold of") || line.contains("panicked at"))
    {
        println!("      {line}");
    }
    Ok(Some(finding))
}

//! Running other programs, with their output where a person sees it.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// Cargo, in the checkout. `CARGO` is the one that runs us.
pub fn cargo() -> Command {
    program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A program in the checkout, in the environment that cargo was started in.
///
/// `cargo run` tells us our own package's directory and version in variables. Some build scripts (ring's) are run again when those
/// change: passed on, they would make every `cargo xtask` and every plain `cargo build` undo each other's work.
pub fn program(name: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(crate::root());
    for (variable, _) in std::env::vars_os() {
        let ours = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
        if variable.to_str().is_some_and(|name| ours.iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(variable);
        }
    }
    command
}

/// Runs it under a headline; its output goes to the terminal.
///
/// # Errors
/// When it cannot be run or fails.
pub fn step(title: &str, command: &mut Command) -> Result<()> {
    println!("\n── {title}");
    let started = Instant::now();
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("run {command:?}"))?;
    if !status.success() {
        bail!("{title}: failed ({status})\n  {command:?}");
    }
    println!("   done in {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Its output as text.
///
/// # Errors
/// When it cannot be run or fails, with what it wrote to stderr.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The docker command for a daemon. Its own builder does: an image from scratch needs no BuildKit, which would be another install.
pub fn docker(host: Option<&str>, arguments: &[&str]) -> Command {
    let mut command = program("docker");
    command.env("DOCKER_BUILDKIT", "0").args(arguments);
    if let Some(host) = host {
        command.env("DOCKER_HOST", host);
    }
    command
}

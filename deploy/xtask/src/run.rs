//! Running other programs, with their output where a person sees it.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// Cargo, in the checkout. `CARGO` is the one that runs us.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::root());
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

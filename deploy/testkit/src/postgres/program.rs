//! Finding the Postgres programs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The oldest major version that the product runs on (SPEC §2).
pub(crate) const OLDEST: u32 = 15;

/// The directory with `postgres` and `initdb` of the newest installed version.
///
/// # Errors
/// When none that is new enough is installed; the message holds the command that installs it.
pub(crate) fn bin_dir() -> Result<(u32, PathBuf)> {
    if let Some(dir) = std::env::var_os("GALAXY_POSTGRES_BIN") {
        let dir = PathBuf::from(dir);
        let version = version_of(&dir).with_context(|| format!("GALAXY_POSTGRES_BIN={}", dir.display()))?;
        return Ok((version, dir));
    }
    let mut found: Vec<(u32, PathBuf)> = installed();
    found.sort();
    match found.pop() {
        Some((version, dir)) if version >= OLDEST => Ok((version, dir)),
        Some((version, dir)) => bail!(
            "the newest Postgres here is {version} ({}); {OLDEST} or newer is needed: {}",
            dir.display(),
            advice()
        ),
        None => bail!("no Postgres server programs found: {}", advice()),
    }
}

fn installed() -> Vec<(u32, PathBuf)> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = versions
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            let dir = entry.path().join("bin");
            (dir.join("postgres").is_file() && dir.join("initdb").is_file()).then_some((version, dir))
        })
        .collect();
    if found.is_empty()
        && let Some(dir) = crate::spawn::find_in_path("postgres").and_then(|file| file.parent().map(Path::to_path_buf))
        && dir.join("initdb").is_file()
        && let Ok(version) = version_of(&dir)
    {
        found.push((version, dir));
    }
    found
}

/// `postgres (PostgreSQL) 15.18 (Debian …)` → 15.
fn version_of(dir: &Path) -> Result<u32> {
    let output = std::process::Command::new(dir.join("postgres")).arg("--version").output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let word = text.split_whitespace().nth(2).context("`postgres --version` answers strangely")?;
    word.split('.').next().unwrap_or(word).parse().with_context(|| format!("version {word:?}"))
}

fn advice() -> &'static str {
    "install it with `apt-get update && apt-get install -y --no-install-recommends postgresql` \
     (or name the directory of its programs in GALAXY_POSTGRES_BIN)"
}

//! What Postgres itself does in the same time: Postgres' own bench, with prepared statements and as many connections.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use testkit::TestDb;

/// Transactions a second of a statement, in which `:n` is a number below `numbers`.
///
/// # Errors
/// When pgbench cannot be run, or a statement fails.
pub async fn measure(db: &TestDb, statement: &str, connections: usize, numbers: u32, time: Duration) -> Result<f64> {
    let mut script = tempfile::NamedTempFile::new()?;
    writeln!(script, "\\set n random(0, {})\n{statement};", numbers.saturating_sub(1))?;
    let dsn = db.dsn();
    let ran = tokio::process::Command::new(program()?)
        .env("PGOPTIONS", "-c search_path=backend")
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
        .args([format!("--client={connections}"), format!("--time={}", time.as_secs().max(1))])
        .arg("--file")
        .arg(script.path())
        .arg(dsn.split('?').next().unwrap_or(&dsn))
        .output()
        .await?;
    let said = String::from_utf8_lossy(&ran.stdout);
    ensure!(ran.status.success(), "pgbench: {}", String::from_utf8_lossy(&ran.stderr));
    let tps = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    tps.with_context(|| format!("pgbench said: {said}"))
}

/// Debian keeps it beside the server, away from the `PATH`.
fn program() -> Result<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")?
        .flatten()
        .map(|version| version.path().join("bin/pgbench"))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found.pop().context("no pgbench in /usr/lib/postgresql")
}

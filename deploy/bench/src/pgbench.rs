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
    let script = format!("\\set n random(0, {})\n{statement};\n", numbers.saturating_sub(1));
    run(db, &script, connections, &[format!("--time={}", time.as_secs().max(1))]).await
}

/// Transactions a second of a script, for as long as the arguments say.
///
/// # Errors
/// When pgbench cannot be run, or a statement fails.
pub async fn run(db: &TestDb, script: &str, connections: usize, arguments: &[String]) -> Result<f64> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(script.as_bytes())?;
    let dsn = db.dsn();
    let ran = tokio::process::Command::new(program()?)
        .env("PGOPTIONS", "-c search_path=backend")
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
        .arg(format!("--client={connections}"))
        .args(arguments)
        .arg("--file")
        .arg(file.path())
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

//! Others' queues at the same work, each in a process of its own, on the same server.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;
use testkit::{PostgresServer, TestDb};
use tokio::process::Command;

use crate::peers;

/// A queue of others.
pub struct Peer {
    /// Its name.
    pub name: &'static str,
    program: PathBuf,
    script: PathBuf,
}

impl Peer {
    /// Installs them all.
    ///
    /// # Errors
    /// When one cannot be installed.
    pub async fn all() -> Result<Vec<Self>> {
        let (node, python) = (peers::node().await?, peers::python().await?);
        let scripts = testkit::workspace_root().join("deploy/bench/peers");
        Ok(vec![
            Self { name: "graphile-worker", program: PathBuf::from("node"), script: node.join("graphile.mjs") },
            Self {
                name: "procrastinate",
                program: python.join("python"),
                script: scripts.join("procrastinate_queue.py"),
            },
        ])
    }

    /// Jobs a second, of so many.
    ///
    /// # Errors
    /// What it says when it fails.
    pub async fn rate(&self, server: &PostgresServer, jobs: usize) -> Result<f64> {
        let answer = self.ask(server, "drain", jobs).await?;
        answer.get("per_second").and_then(Value::as_f64).context("no rate")
    }

    /// Milliseconds from the commit of a job to its beginning, in their order.
    ///
    /// # Errors
    /// What it says when it fails.
    pub async fn pick_ups(&self, server: &PostgresServer, samples: usize) -> Result<Vec<f64>> {
        let answer = self.ask(server, "pickup", samples).await?;
        let took = answer.get("ms").and_then(Value::as_array).context("no times")?;
        let mut took: Vec<f64> = took.iter().filter_map(Value::as_f64).collect();
        took.sort_by(f64::total_cmp);
        Ok(took)
    }

    async fn ask(&self, server: &PostgresServer, mode: &str, jobs: usize) -> Result<Value> {
        let db = TestDb::try_on(&server.base_dsn()).await?;
        let dsn = db.dsn();
        let mut command = Command::new(&self.program);
        // Neither a line a job, which costs graphile-worker more than the job.
        command.env("NO_LOG_SUCCESS", "1").arg(&self.script).arg(dsn.split('?').next().unwrap_or(&dsn));
        command.args([mode, &jobs.to_string()]);
        peers::ask(&mut command).await.with_context(|| format!("{} {mode}", self.name))
    }
}

//! What runs on this machine, beside the cluster: Postgres and the mail catcher.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use testkit::kubernetes::Cluster;
use testkit::stack;
use testkit::{PostgresConfig, PostgresServer};

/// Where the mails are read.
pub(super) const MAIL_PAGE: &str = "127.0.0.1:8025";

/// A process that is killed when dropped.
pub(super) struct Killed(pub(super) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A Postgres that pods reach too.
pub(super) fn postgres(cluster: &Cluster) -> Result<PostgresServer> {
    println!("\n── Postgres on {}", cluster.address());
    // Where the user that Postgres runs as can read it.
    let rules = std::env::temp_dir().join(format!("galaxy-hba-{}.conf", std::process::id()));
    std::fs::write(&rules, "host all all 0.0.0.0/0 scram-sha-256\n")?;
    let addresses = format!("127.0.0.1,{}", cluster.address());
    let settings = [("listen_addresses", addresses), ("hba_file", rules.display().to_string())];
    let server = PostgresServer::start(PostgresConfig {
        password: Some(stack::fresh_secret()),
        settings: settings.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        ..PostgresConfig::default()
    });
    let _ = std::fs::remove_file(&rules);
    server
}

/// The mail catcher, where pods reach it by the name `mail-catcher`.
pub(super) fn catcher(cluster: &Cluster, work: &Path, ca: &Path) -> Result<Killed> {
    println!("\n── Mail catcher on {}", cluster.address());
    let log = std::fs::File::create(work.join("mail-catcher.log"))?;
    let child = Command::new(testkit::process::bin_path("mail-catcher"))
        .args(["--tls-mode", "starttls", "--name", "mail-catcher", "--http", MAIL_PAGE, "--smtp"])
        .arg(format!("{}:1025", cluster.address()))
        .arg("--ca-out")
        .arg(ca)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("start the mail catcher")?;
    let mut child = Killed(child);
    let end = Instant::now() + Duration::from_secs(90);
    while !std::fs::metadata(ca).is_ok_and(|file| file.len() > 0) {
        let ended = child.0.try_wait()?;
        ensure!(
            ended.is_none() && Instant::now() < end,
            "the mail catcher did not start; its log is in {}",
            work.display()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(child)
}

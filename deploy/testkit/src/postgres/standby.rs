//! A second server that streams from a first one, and takes its place.

use std::process::Command;

use anyhow::{Context, Result, bail};

use super::server::new_temp_dir;
use super::{PostgresConfig, PostgresServer, SUPERUSER};

impl PostgresServer {
    /// Starts a standby that streams from this server: a copy of it by `pg_basebackup`, on a port of its own, read-only until
    /// [`promote`](Self::promote). It is called `name` in `pg_stat_replication` and for `synchronous_standby_names`. It has the
    /// settings of this server, and its directory is a temporary one.
    ///
    /// # Errors
    /// When this server has a password, when `pg_basebackup` fails, or when the standby does not start (with the end of its log).
    pub fn standby(&self, name: &str) -> Result<PostgresServer> {
        if self.config.password.is_some() {
            bail!("a standby follows only a server that trusts everybody on loopback");
        }
        let config = PostgresConfig { dir: None, port: None, ..self.config.clone() };
        let dir = new_temp_dir(self.user)?;
        std::fs::create_dir_all(&dir).with_context(|| format!("make {}", dir.display()))?;
        if let Some(user) = self.user {
            user.own(&dir)?;
        }
        // Made first, so that what fails from here on leaves nothing behind.
        let mut standby = PostgresServer { config, dir, bin: self.bin.clone(), user: self.user, port: 0, child: None };
        let mut copy = standby.command(Command::new(self.bin.join("pg_basebackup")));
        copy.arg("--pgdata").arg(standby.data_dir());
        // `--write-recovery-conf` makes it a standby, and has it connect as we do here, under the same name.
        copy.args(["--write-recovery-conf", "--checkpoint", "fast", "--wal-method", "stream", "--no-sync"]);
        let way = format!("host=127.0.0.1 port={} user={SUPERUSER} application_name={name}", self.port);
        copy.arg("--dbname").arg(way);
        done(copy, "pg_basebackup")?;
        standby.run_on_a_port()?;
        Ok(standby)
    }

    /// Makes a standby a primary, on a timeline of its own, by `pg_ctl promote`. It takes writes when this returns.
    ///
    /// # Errors
    /// What `pg_ctl` says: this server is no standby, or does not get there within a minute.
    pub fn promote(&self) -> Result<()> {
        let mut promote = self.command(Command::new(self.bin.join("pg_ctl")));
        promote.arg("promote").arg("--pgdata").arg(self.data_dir()).args(["--wait", "--timeout", "60"]);
        done(promote, "pg_ctl promote")
    }
}

fn done(mut command: Command, what: &str) -> Result<()> {
    let output = command.output().with_context(|| format!("run {what}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{what} ({}): {}", output.status, said.trim());
    }
    Ok(())
}

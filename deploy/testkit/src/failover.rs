//! A primary, a standby that has whatever was committed, and an address that moves from one to the other.

use std::net::SocketAddr;
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

use crate::proxy::TcpProxy;
use crate::{PostgresConfig, PostgresServer, StopMode, eventually};

/// What the standby is called in `pg_stat_replication`.
const STANDBY: &str = "galaxy_standby";
const SOON: Duration = Duration::from_secs(90);

/// Two servers with synchronous replication. Databases are made on [`primary`](Self::primary); whoever is to live through the
/// failover connects to [`proxy`](Self::proxy).
#[derive(Debug)]
pub struct Pair {
    /// What takes writes until it is killed.
    pub primary: PostgresServer,
    /// What takes them after it was promoted.
    pub standby: PostgresServer,
    /// The address that moves. Leads to the primary at first.
    pub proxy: TcpProxy,
}

impl Pair {
    /// Starts both. From here on a commit is answered only when the standby has it.
    ///
    /// # Panics
    /// When a server does not start, or the standby does not follow: the message says which and why.
    pub async fn start() -> Pair {
        let servers = tokio::task::spawn_blocking(|| {
            let primary = PostgresServer::start(PostgresConfig::default())?;
            let standby = primary.standby(STANDBY)?;
            anyhow::Ok((primary, standby))
        });
        let (primary, standby) =
            servers.await.expect("the servers' thread").unwrap_or_else(|error| panic!("{error:#}"));
        let mut admin = PgConnection::connect(&primary.dsn("postgres")).await.expect("connect to the primary");
        // In the primary's own file, which the standby was copied without: promoted, it waits for nobody.
        for statement in
            [format!("ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'"), "SELECT pg_reload_conf()".to_owned()]
        {
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut admin).await.expect("set the primary up");
        }
        admin.close().await.expect("close");
        eventually(SOON, "the standby follows, and is waited for", || async {
            let mut conn = PgConnection::connect(&primary.dsn("postgres")).await.map_err(|error| error.to_string())?;
            let follows = "SELECT EXISTS (SELECT FROM pg_stat_replication
                                           WHERE application_name = $1 AND state = 'streaming' AND sync_state = 'sync')";
            match sqlx::query_scalar(follows).bind(STANDBY).fetch_one(&mut conn).await {
                Ok(true) => Ok(()),
                Ok(false) => Err("not yet".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        })
        .await;
        let proxy = TcpProxy::start(address(&primary)).await.expect("a proxy");
        Pair { primary, standby, proxy }
    }

    /// Kills the primary in mid-statement, and moves the address to the standby, which is read-only still.
    ///
    /// # Panics
    /// When the primary does not end.
    pub async fn lose_the_primary(&mut self) {
        tokio::task::block_in_place(|| self.primary.stop(StopMode::Immediate)).expect("the primary ends");
        self.proxy.set_upstream(address(&self.standby));
    }

    /// Makes the standby the primary.
    ///
    /// # Panics
    /// When it does not become one.
    pub fn promote(&self) {
        tokio::task::block_in_place(|| self.standby.promote()).unwrap_or_else(|error| panic!("{error:#}"));
    }
}

fn address(server: &PostgresServer) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], server.port()))
}

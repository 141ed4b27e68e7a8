//! Databases for tests: private, migrated, gone afterwards.

use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool};
use tokio::sync::OnceCell;

use crate::postgres::{PostgresServer, shared};
use crate::{schema, spawn};

/// Every test database is named so, with the tag of the process that made it: what a killed test left behind is known
/// by its dead process.
const PREFIX: &str = "galaxy_test_";
const TEMPLATE_PREFIX: &str = "galaxy_template_";

/// Templates of older migrations that are kept: other branches, and tests that run while a migration is being written.
const KEPT_TEMPLATES: i64 = 5;

/// Advisory lock keys, in the `postgres` database of the server.
const TEMPLATE_LOCK: i64 = 0x6761_6c61_7879_0001;
const SWEEP_LOCK: i64 = 0x6761_6c61_7879_0002;

/// A database of its own for one test, on the shared server or a given one, dropped (with whatever is still connected)
/// when this value is.
#[derive(Debug)]
pub struct TestDb {
    base_dsn: String,
    name: String,
    pool: OnceLock<PgPool>,
    dropped: bool,
}

impl TestDb {
    /// A migrated database on the shared server.
    ///
    /// # Panics
    /// When there is no Postgres, or a migration fails: the message says which and what to do.
    pub async fn new() -> TestDb {
        Self::try_new().await.unwrap_or_else(|error| panic!("no test database: {error:#}"))
    }

    /// An empty database on the shared server, without even the schema `backend`.
    ///
    /// # Panics
    /// When there is no Postgres.
    pub async fn empty() -> TestDb {
        let make = async { Self::create(shared_dsn().await?, None).await };
        make.await.unwrap_or_else(|error| panic!("no test database: {error:#}"))
    }

    /// A migrated database on a server of one's own, for tests that stop and start it.
    ///
    /// # Panics
    /// As [`TestDb::new`].
    pub async fn on(server: &PostgresServer) -> TestDb {
        Self::try_on(&server.base_dsn()).await.unwrap_or_else(|error| panic!("no test database: {error:#}"))
    }

    /// [`TestDb::new`] for callers that want the error.
    ///
    /// # Errors
    /// When there is no Postgres, or a migration fails.
    pub async fn try_new() -> Result<TestDb> {
        Self::try_on(&shared_dsn().await?).await
    }

    /// A migrated database on the server that a DSN without a database names.
    ///
    /// # Errors
    /// When the server cannot be reached, or a migration fails.
    pub async fn try_on(base_dsn: &str) -> Result<TestDb> {
        let template = template(base_dsn).await?;
        Self::create(base_dsn.to_owned(), Some(template)).await
    }

    async fn create(base_dsn: String, template: Option<String>) -> Result<TestDb> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{PREFIX}{}_{}", spawn::self_tag(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut admin = admin(&base_dsn).await?;
        sweep(&mut admin).await;
        let template = template.as_deref().unwrap_or("template0");
        sqlx::raw_sql(AssertSqlSafe(format!(r#"CREATE DATABASE "{name}" TEMPLATE "{template}""#)))
            .execute(&mut admin)
            .await
            .with_context(|| format!("create {name} from {template}"))?;
        admin.close().await?;
        Ok(TestDb { base_dsn, name, pool: OnceLock::new(), dropped: false })
    }

    /// The DSN as the product's configuration takes it: `postgres://…/<name>?search_path=backend`.
    pub fn dsn(&self) -> String {
        format!("{}/{}?search_path=backend", self.base_dsn, self.name)
    }

    /// The same DSN through another address, say a [`TcpProxy`](crate::proxy::TcpProxy) in front of the server.
    pub fn dsn_via(&self, addr: std::net::SocketAddr) -> String {
        let user = self.base_dsn.rsplit_once('@').map_or(self.base_dsn.as_str(), |(user, _)| user);
        format!("{user}@{addr}/{}?search_path=backend", self.name)
    }

    /// The address of the server, as a proxy's upstream.
    pub fn server_addr(&self) -> std::net::SocketAddr {
        let host = self.base_dsn.rsplit_once('@').map_or("", |(_, host)| host);
        host.parse().expect("the server is named by address and port")
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A pool of up to 10 connections with `search_path=backend`; the same one at every call. Connects at first use,
    /// and belongs to the runtime it is first used in.
    pub fn pool(&self) -> PgPool {
        self.pool.get_or_init(|| self.pool_of(10)).clone()
    }

    /// A further pool, of up to `max` connections.
    pub fn pool_of(&self, max: u32) -> PgPool {
        PgPoolOptions::new().max_connections(max).connect_lazy_with(self.options())
    }

    /// One connection outside any pool.
    ///
    /// # Panics
    /// When the server refuses it.
    pub async fn connect(&self) -> PgConnection {
        self.options().connect().await.unwrap_or_else(|error| panic!("connect to {}: {error}", self.name))
    }

    /// Options of a connection with `search_path=backend`, to change and to connect with.
    pub fn options(&self) -> PgConnectOptions {
        // sqlx ignores `search_path` in a DSN, with a warning: it goes through `options`.
        let plain = format!("{}/{}", self.base_dsn, self.name);
        PgConnectOptions::from_str(&plain).expect("our own DSN parses").options([("search_path", "backend")])
    }

    /// Drops the database now. Dropping the value does the same, but swallows errors.
    ///
    /// # Panics
    /// When the server refuses it.
    pub async fn close(mut self) {
        self.dropped = true;
        if let Some(pool) = self.pool.get() {
            pool.close().await;
        }
        drop_database(&self.base_dsn, &self.name).await.unwrap_or_else(|error| panic!("drop {}: {error:#}", self.name));
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        if self.dropped {
            return;
        }
        let (base_dsn, name) = (self.base_dsn.clone(), self.name.clone());
        // We may be inside a runtime that must not block on itself: a thread with a runtime of its own does it.
        let worker = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let limit = std::time::Duration::from_secs(10);
            runtime.block_on(async { tokio::time::timeout(limit, drop_database(&base_dsn, &name)).await? })
        });
        if let Ok(Err(error)) = worker.join() {
            eprintln!("testkit: {} stays for the next run to drop: {error:#}", self.name);
        }
    }
}

async fn shared_dsn() -> Result<String> {
    tokio::task::spawn_blocking(shared::base_dsn).await?
}

async fn admin(base_dsn: &str) -> Result<PgConnection> {
    let options = PgConnectOptions::from_str(&format!("{base_dsn}/postgres"))?;
    options.connect().await.with_context(|| format!("connect to {base_dsn}"))
}

async fn drop_database(base_dsn: &str, name: &str) -> Result<()> {
    let mut admin = admin(base_dsn).await?;
    force_drop(&mut admin, name).await?;
    admin.close().await?;
    Ok(())
}

async fn force_drop(admin: &mut PgConnection, name: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(format!(r#"DROP DATABASE IF EXISTS "{name}" WITH (FORCE)"#))).execute(admin).await?;
    Ok(())
}

/// The name of the migrated template on that server; made by whoever comes first, under a lock.
async fn template(base_dsn: &str) -> Result<String> {
    static KNOWN: OnceCell<(String, String)> = OnceCell::const_new();
    // A process mostly works with one server: only the first look for it is worth keeping.
    if let Some((dsn, name)) = KNOWN.get()
        && dsn == base_dsn
    {
        return Ok(name.clone());
    }
    let name = format!("{TEMPLATE_PREFIX}{}", schema::fingerprint().await?);
    let mut admin = admin(base_dsn).await?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(TEMPLATE_LOCK).execute(&mut admin).await?;
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(&name)
        .fetch_one(&mut admin)
        .await?;
    if !exists {
        make_template(base_dsn, &mut admin, &name).await?;
    }
    admin.close().await?; // gives the lock back
    let _ = KNOWN.set((base_dsn.to_owned(), name.clone()));
    Ok(name)
}

/// Built under another name and renamed at the end, so that a template that exists is a whole one.
async fn make_template(base_dsn: &str, admin: &mut PgConnection, name: &str) -> Result<()> {
    let draft = format!("{TEMPLATE_PREFIX}draft");
    force_drop(admin, &draft).await?;
    sqlx::raw_sql(AssertSqlSafe(format!(r#"CREATE DATABASE "{draft}" TEMPLATE template0"#)))
        .execute(&mut *admin)
        .await?;
    let mut conn = PgConnectOptions::from_str(&format!("{base_dsn}/{draft}"))?.connect().await?;
    schema::apply(&mut conn).await.context("migrate the template database")?;
    conn.close().await?;
    sqlx::raw_sql(AssertSqlSafe(format!(r#"ALTER DATABASE "{draft}" RENAME TO "{name}""#)))
        .execute(&mut *admin)
        .await?;
    let old: Vec<String> = sqlx::query_scalar(
        "SELECT datname::text FROM pg_database WHERE starts_with(datname, $1) ORDER BY oid DESC OFFSET $2",
    )
    .bind(TEMPLATE_PREFIX)
    .bind(KEPT_TEMPLATES)
    .fetch_all(&mut *admin)
    .await?;
    for name in old {
        force_drop(admin, &name).await?;
    }
    Ok(())
}

/// Drops what killed tests left behind, once a process and by one process at a time.
async fn sweep(admin: &mut PgConnection) {
    static DONE: AtomicU32 = AtomicU32::new(0);
    if DONE.swap(1, Ordering::Relaxed) != 0 {
        return;
    }
    let swept: Result<()> = async {
        let alone: bool =
            sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(SWEEP_LOCK).fetch_one(&mut *admin).await?;
        if !alone {
            return Ok(());
        }
        let names: Vec<String> =
            sqlx::query_scalar("SELECT datname::text FROM pg_database WHERE starts_with(datname, $1)")
                .bind(PREFIX)
                .fetch_all(&mut *admin)
                .await?;
        for name in names {
            let tag = name.strip_prefix(PREFIX).and_then(|rest| rest.rsplit_once('_')).map_or("", |(tag, _)| tag);
            if !spawn::tag_is_alive(tag) {
                force_drop(admin, &name).await?;
            }
        }
        sqlx::query("SELECT pg_advisory_unlock($1)").bind(SWEEP_LOCK).execute(&mut *admin).await?;
        Ok(())
    }
    .await;
    if let Err(error) = swept {
        eprintln!("testkit: sweeping old test databases: {error:#}");
    }
}

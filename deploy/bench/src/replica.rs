//! An api-server in this process, on a database of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use api_server::config::Config;
use shared::SCHEMA_VERSION;
use shared::clock::Clock;
use shared::config::{self, Fault, Source};
use shared::db::Db;
use shared::random::Random;
use shared::service::health::{self, Health};
use shared::service::lifecycle::Lifecycle;
use shared::service::ops::OpsListener;
use shared::service::run::{BaseConfig, Service};
use testkit::TestDb;
use tokio::net::TcpListener;

/// The gateway's token of every bench.
pub const GATEWAY_TOKEN: &str = "gateway-token-of-the-bench-long-enough";

/// The workers' token of every bench.
pub const WORKER_TOKEN: &str = "worker-token-of-the-bench-long-enough";

/// The first administrator.
pub const ADMIN: (&str, &str) = ("root", "correct horse battery");

/// A running replica and its database; the former ends when dropped, the latter with the last replica on it.
pub struct Replica {
    /// The database.
    pub db: Arc<TestDb>,
    /// The pool that the replica itself uses.
    pub pool: Db,
    /// The REST listener.
    pub rest: SocketAddr,
    /// The push hub.
    pub grpc: SocketAddr,
    /// The operations' listener.
    pub ops: SocketAddr,
    _ops: OpsListener,
    lifecycle: Lifecycle,
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.lifecycle.stop();
    }
}

impl Replica {
    /// Starts it, ready. The database is the testkit's, or one on the server that `GALAXY_TEST_POSTGRES` names.
    ///
    /// # Errors
    /// When there is no Postgres, or the replica does not become ready.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// The same with other settings than the defaults.
    ///
    /// # Errors
    /// As [`Replica::start`].
    pub async fn start_with(settings: &[(&str, &str)]) -> Result<Self> {
        Self::on(Arc::new(TestDb::try_new().await?), settings).await
    }

    /// Another one on the same database.
    ///
    /// # Errors
    /// As [`Replica::start`].
    pub async fn another(&self) -> Result<Self> {
        Self::on(self.db.clone(), &[]).await
    }

    async fn on(db: Arc<TestDb>, settings: &[(&str, &str)]) -> Result<Self> {
        let mut env: BTreeMap<String, String> = [
            ("BACKEND_POSTGRES_DSN", db.dsn().as_str()),
            ("BACKEND_GATEWAY_TOKEN", GATEWAY_TOKEN),
            ("BACKEND_WORKER_TOKEN", WORKER_TOKEN),
            ("BACKEND_AUTH_CODE_PEPPER", "pepper-of-the-bench-which-is-long-enough"),
            ("BACKEND_ADMIN_BOOTSTRAP_USER", ADMIN.0),
            ("BACKEND_ADMIN_BOOTSTRAP_PASSWORD", ADMIN.1),
            ("BACKEND_OTEL_TRACES_EXPORTER", "none"),
            ("BACKEND_OTEL_METRICS_EXPORTER", "none"),
            ("BACKEND_OPS_LISTEN_ADDR", "127.0.0.1:0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        env.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let source = Source::new(BTreeMap::new(), env);
        let base = config::load::<BaseConfig>("api-server", source.clone()).map_err(|f| faulty(&f))?.config;
        let config = config::load::<Config>("api-server", source).map_err(|f| faulty(&f))?.config;
        let lifecycle = Lifecycle::new(Duration::from_secs(5));
        let health = Health::new();
        let pool = Db::connect(&base.postgres, "bench");
        let gate = health::watch_schema(&pool, &health, SCHEMA_VERSION, &lifecycle);
        let ops = OpsListener::start(&base.ops, health.clone(), None).await?;
        let service = Service {
            name: "api-server",
            config,
            base,
            lifecycle: lifecycle.clone(),
            health: health.clone(),
            gate,
            clock: Clock::system(),
            random: Random::system(),
            db: pool.clone(),
            instance: "bench".to_owned(),
            registry: None,
        };
        let rest = TcpListener::bind(("127.0.0.1", 0)).await?;
        let grpc = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addresses = api_server::start(service, rest, grpc).await.context("start the replica")?;
        let began = Instant::now();
        while health.report().http_status() != 200 {
            if began.elapsed() > Duration::from_secs(30) {
                bail!("the replica is not ready: {:?}", health.report());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { db, pool, rest: addresses.rest, grpc: addresses.grpc, ops: ops.address(), _ops: ops, lifecycle })
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/api/v1{path}", self.rest)
    }
}

fn faulty(faults: &[Fault]) -> anyhow::Error {
    anyhow!("configuration: {faults:?}")
}

//! An api-server that is a process of its own, on a Postgres that flushes each commit, and on a database of its own. Further
//! replicas, and workers, can stand beside it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use testkit::process::{Proc, ProcConfig, free_addr};
use testkit::{PostgresConfig, PostgresServer, TestDb};

use crate::replica::{ADMIN, GATEWAY_TOKEN, WORKER_TOKEN};

/// See the module; all of it ends when it is dropped, the process first.
pub struct Served {
    /// The process.
    pub process: Proc,
    /// Its REST listener.
    pub address: SocketAddr,
    /// Its push hub.
    pub grpc: SocketAddr,
    /// Its database.
    pub db: TestDb,
    _server: PostgresServer,
}

/// A further replica. It ends when it is dropped.
pub struct Beside {
    /// The process.
    pub process: Proc,
    /// Its push hub.
    pub grpc: SocketAddr,
}

impl Served {
    /// Starts all of it, ready, at log level `info`. The log goes straight to this file.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn start(log: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        // Its own server, which flushes each commit.
        let durable = PostgresConfig { durable: true, ..PostgresConfig::default() };
        let server = tokio::task::spawn_blocking(|| PostgresServer::start(durable)).await??;
        let db = TestDb::try_on(&server.base_dsn()).await?;
        let (address, grpc) = (free_addr(), free_addr());
        let process = api_server(&db, address, grpc, log, settings).await?;
        Ok(Self { process, address, grpc, db, _server: server })
    }

    /// Starts another replica on the same database, ready.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn another(&self, log: &Path, settings: &[(&str, &str)]) -> Result<Beside> {
        let grpc = free_addr();
        let process = api_server(&self.db, free_addr(), grpc, log, settings).await?;
        Ok(Beside { process, grpc })
    }

    /// Starts a notify-worker that publishes to this replica, ready.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn notify_worker(&self, log: &Path, settings: &[(&str, &str)]) -> Result<Proc> {
        let hub = format!("http://{}", self.grpc);
        let mut all = vec![("BACKEND_WORKER_TOKEN", WORKER_TOKEN), ("BACKEND_PUSH_HUB_URL", hub.as_str())];
        all.extend_from_slice(settings);
        self.worker("notify-worker", log, &all).await
    }

    /// Starts a worker on the same database, ready.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn worker(&self, name: &str, log: &Path, settings: &[(&str, &str)]) -> Result<Proc> {
        let ops = free_addr();
        let process = Proc::start(
            ProcConfig::bin(name)
                .env("BACKEND_POSTGRES_DSN", self.db.dsn())
                .env("BACKEND_OTEL_TRACES_EXPORTER", "none")
                .env("BACKEND_OTEL_METRICS_EXPORTER", "prometheus")
                .env("BACKEND_OPS_LISTEN_ADDR", ops)
                .env("BACKEND_LOGGING_LEVEL", "info")
                .envs(settings.iter().copied())
                .straight_to(log),
        )?;
        ready(name, &format!("http://{ops}/readyz")).await?;
        Ok(process)
    }

    /// The base of its API.
    pub fn api(&self) -> String {
        format!("http://{}/api/v1", self.address)
    }
}

async fn api_server(
    db: &TestDb,
    rest: SocketAddr,
    grpc: SocketAddr,
    log: &Path,
    settings: &[(&str, &str)],
) -> Result<Proc> {
    let ops = free_addr();
    let process = Proc::start(
        ProcConfig::bin("api-server")
            .env("BACKEND_POSTGRES_DSN", db.dsn())
            .env("BACKEND_GATEWAY_TOKEN", GATEWAY_TOKEN)
            .env("BACKEND_WORKER_TOKEN", WORKER_TOKEN)
            .env("BACKEND_AUTH_CODE_PEPPER", "pepper-of-the-bench-which-is-long-enough")
            .env("BACKEND_ADMIN_BOOTSTRAP_USER", ADMIN.0)
            .env("BACKEND_ADMIN_BOOTSTRAP_PASSWORD", ADMIN.1)
            .env("BACKEND_OTEL_TRACES_EXPORTER", "none")
            .env("BACKEND_OTEL_METRICS_EXPORTER", "prometheus")
            .env("BACKEND_HTTP_LISTEN_ADDR", rest)
            .env("BACKEND_GRPC_PUSH_LISTEN_ADDR", grpc)
            .env("BACKEND_OPS_LISTEN_ADDR", ops)
            .env("BACKEND_LOGGING_LEVEL", "info")
            // One address asks far more here than people do.
            .env("BACKEND_HTTP_PUBLIC_RATE", "1000000")
            .envs(settings.iter().copied())
            .straight_to(log),
    )?;
    ready("api-server", &format!("http://{ops}/readyz")).await?;
    Ok(process)
}

async fn ready(name: &str, url: &str) -> Result<()> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let began = Instant::now();
    while !http.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
        if began.elapsed() > Duration::from_secs(30) {
            bail!("{name} is not ready");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    http.get(url).send().await.context("readiness").map(drop)
}

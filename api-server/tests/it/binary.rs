//! The real binary, for what only a process shows.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use testkit::TestDb;
use testkit::process::{Proc, ProcConfig, free_addr};
use tokio::net::TcpStream;

use crate::harness::{GATEWAY_TOKEN, PEPPER, WORKER_TOKEN};

const PATIENCE: Duration = Duration::from_secs(90);

/// One replica as a process of its own.
pub struct Binary {
    pub process: Proc,
    pub rest: SocketAddr,
    pub ops: SocketAddr,
}

impl Binary {
    /// Starts it with these settings beside those that it cannot do without.
    pub fn start(db: &TestDb, settings: &[(&str, &str)]) -> Self {
        Self::run(ProcConfig::new(env!("CARGO_BIN_EXE_api-server")), db, settings)
    }

    /// The same with so many file descriptors, of which half at first.
    pub fn start_limited(db: &TestDb, descriptors: usize, settings: &[(&str, &str)]) -> Self {
        let limits = format!("--nofile={}:{descriptors}", descriptors / 2);
        let config = ProcConfig::new("prlimit").arg(limits).arg(env!("CARGO_BIN_EXE_api-server"));
        Self::run(config, db, settings)
    }

    fn run(program: ProcConfig, db: &TestDb, settings: &[(&str, &str)]) -> Self {
        let (rest, ops) = (free_addr(), free_addr());
        let config = program
            .env("BACKEND_POSTGRES_DSN", db.dsn())
            .env("BACKEND_HTTP_LISTEN_ADDR", rest)
            .env("BACKEND_GRPC_PUSH_LISTEN_ADDR", "127.0.0.1:0")
            .env("BACKEND_OPS_LISTEN_ADDR", ops)
            .env("BACKEND_GATEWAY_TOKEN", GATEWAY_TOKEN)
            .env("BACKEND_WORKER_TOKEN", WORKER_TOKEN)
            .env("BACKEND_AUTH_CODE_PEPPER", PEPPER)
            .env("BACKEND_OTEL_TRACES_EXPORTER", "none")
            .env("BACKEND_OTEL_METRICS_EXPORTER", "prometheus")
            .envs(settings.iter().copied());
        Self { process: Proc::start(config).unwrap(), rest, ops }
    }

    /// Waits until it says that it is ready, and listens.
    pub async fn ready(&mut self) {
        let end = Instant::now() + PATIENCE;
        loop {
            let state = match reqwest::get(format!("http://{}/readyz", self.ops)).await {
                Ok(answer) if answer.status() == StatusCode::OK => match TcpStream::connect(self.rest).await {
                    Ok(_) => return,
                    Err(error) => format!("REST: {error}"),
                },
                Ok(answer) => answer.text().await.unwrap_or_default(),
                Err(error) => error.to_string(),
            };
            let ended = self.process.try_exit();
            let hope = ended.is_none() && Instant::now() < end;
            assert!(hope, "not ready, exit {ended:?}: {state}\n{}", self.process.tail(40));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks it to end, and demands that it does so well.
    pub async fn stop(&mut self) {
        self.process.terminate();
        let status = self.process.wait_exit(Duration::from_secs(90)).await.unwrap();
        assert!(status.success(), "{status}: {}", self.process.tail(20));
    }
}

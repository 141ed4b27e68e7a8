//! A database and replicas of the hub over it, each stopped or killed on its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use api_server::push::{PushConfig, PushHub};
use shared::config::{PostgresConfig, Source, load};
use shared::db::{Db, push_log};
use shared::ids::{DeviceSessionId, UserId};
use shared::queue::wake::{self, Topic, Waker};
use shared::random::Random;
use shared::secret::Secret;
use shared::service::health::{Health, SchemaGate, watch_schema};
use shared::service::lifecycle::Lifecycle;
use sqlx::PgPool;
use testkit::{PostgresServer, TestDb, eventually};
use tokio::net::TcpListener;

use super::PATIENCE;
use crate::harness::{GATEWAY_TOKEN, WORKER_TOKEN};

/// What replicas stand on.
pub struct Stage {
    pub db: TestDb,
}

/// How a replica differs from the product's.
pub struct Like {
    pub config: PushConfig,
    /// LISTEN goes through this address.
    pub listens_via: Option<SocketAddr>,
    /// All else goes through this one.
    pub works_via: Option<SocketAddr>,
    /// Whether Postgres is looked after as in a process, which notices when a server takes writes again.
    pub watched: bool,
}

impl Default for Like {
    fn default() -> Self {
        let config = PushConfig {
            gateway_token: Some(Secret::new(GATEWAY_TOKEN.to_owned()).into()),
            worker_token: Some(Secret::new(WORKER_TOKEN.to_owned()).into()),
            shutdown_timeout: Duration::from_secs(2),
            ..PushConfig::default()
        };
        Self { config, listens_via: None, works_via: None, watched: false }
    }
}

impl Like {
    pub fn with(change: impl FnOnce(&mut PushConfig)) -> Self {
        let mut like = Self::default();
        change(&mut like.config);
        like
    }
}

impl Stage {
    pub async fn new() -> Self {
        Self { db: TestDb::new().await }
    }

    /// On a server that the test stops and starts.
    pub async fn on(server: &PostgresServer) -> Self {
        Self { db: TestDb::on(server).await }
    }

    pub fn pool(&self) -> PgPool {
        self.db.pool()
    }

    pub async fn replica(&self) -> Replica {
        self.replica_like(Like::default()).await
    }

    /// A replica on a port of its own, ready.
    pub async fn replica_like(&self, like: Like) -> Replica {
        let replica = self.start(like).await;
        eventually(PATIENCE, "the hub is ready", || async { replica.is_ready() }).await;
        replica
    }

    /// The same, not waited for.
    pub async fn start(&self, like: Like) -> Replica {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("runtime");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port").into_std().expect("std");
        let address = listener.local_addr().expect("bound");
        let (health, lifecycle) = (Health::new(), Lifecycle::new(Duration::from_secs(10)));
        let entered = runtime.enter();
        let config = postgres(&self.db, &like);
        let (waker, ears) = wake::start(&config, &lifecycle, &Random::system());
        let db = Db::connect(&config, "hub");
        let gate = match like.watched {
            true => watch_schema(&db, &health, shared::SCHEMA_VERSION, &lifecycle),
            false => SchemaGate::always_open(),
        };
        let hub = PushHub::start(db, waker.clone(), ears, &lifecycle, &health, gate, like.config);
        hub.serve(TcpListener::from_std(listener).expect("tokio"), None);
        drop(entered);
        Replica { address, waker, health, lifecycle, runtime: Some(runtime) }
    }

    /// Commits an invalidation, as the transaction that revokes does.
    pub async fn invalidate(&self, user: UserId, sessions: &[DeviceSessionId], reason: &str) {
        let mut tx = self.pool().begin().await.expect("begin");
        push_log::append_invalidation(&mut tx, user, sessions, reason).await.expect("append");
        tx.commit().await.expect("commit");
    }

    /// The one number that a query gives.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool()).await.expect("a number")
    }
}

/// One running replica, on a runtime of its own so that it can be killed.
pub struct Replica {
    pub address: SocketAddr,
    pub waker: Waker,
    health: Health,
    lifecycle: Lifecycle,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Replica {
    pub fn is_ready(&self) -> bool {
        self.health.report().http_status() == 200
    }

    /// As after somebody's commit: every replica hears of it, this one at once.
    pub fn wake(&self) {
        self.waker.wake(Topic::PushLog);
    }

    /// What SIGTERM does first.
    pub fn begin_stop(&self) {
        self.lifecycle.stop();
    }

    /// Ends as after SIGTERM.
    pub async fn stop(mut self) {
        self.lifecycle.stop();
        let (lifecycle, runtime) = (self.lifecycle.clone(), self.runtime.take().expect("it lives"));
        runtime.spawn(async move { lifecycle.run_to_end().await }).await.expect("the shutdown");
        runtime.shutdown_background();
    }

    /// Ends as after SIGKILL: every task is dropped where it stands.
    pub fn kill(mut self) {
        self.runtime.take().expect("it lives").shutdown_background();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn postgres(db: &TestDb, like: &Like) -> PostgresConfig {
    let mut env = BTreeMap::from([
        ("BACKEND_POSTGRES_DSN".to_owned(), like.works_via.map_or_else(|| db.dsn(), |via| db.dsn_via(via))),
        ("BACKEND_POSTGRES_MAX_CONNS".to_owned(), "8".to_owned()),
    ]);
    if let Some(via) = like.listens_via {
        env.insert("BACKEND_POSTGRES_LISTEN_DSN".to_owned(), db.dsn_via(via));
    }
    load::<PostgresConfig>("api-server", Source::new(BTreeMap::new(), env)).expect("a DSN").config
}

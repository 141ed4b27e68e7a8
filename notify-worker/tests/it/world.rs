//! A database, a hub and workers, each stopped or killed on its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use api_server::push::{PushConfig, PushHub};
use notify_worker::Tuning;
use notify_worker::config::{HubConfig, HubTls, NotifyConfig};
use shared::config::{PostgresConfig, Source, load};
use shared::db::Db;
use shared::db::notifications::{NewNotification, produce};
use shared::domain::notification::{Audience, Payload};
use shared::ids::{GameId, UserId};
use shared::mail::Style;
use shared::queue::{Timing, Topic, Waker, Worker, WorkerDeps, wake};
use shared::random::Random;
use shared::secret::Secret;
use shared::service::health::{Health, SchemaGate};
use shared::service::lifecycle::Lifecycle;
use shared::service::listen::Tls;
use sqlx::PgPool;
use testkit::{TestDb, eventually};
use tokio::net::TcpListener;
use uuid::Uuid;

pub const SOON: Duration = Duration::from_secs(90);
pub const GATEWAY: &str = "gateway-token";
pub const WORKER: &str = "worker-token";

/// The database, with a process of its own that only wakes the others.
pub struct World {
    pub db: TestDb,
    pub waker: Waker,
    _waking: Lifecycle,
}

/// One running process, on a runtime of its own so that it can be killed.
pub struct Node {
    pub health: Health,
    lifecycle: Lifecycle,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Node {
    fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("runtime");
        Self { health: Health::new(), lifecycle: Lifecycle::new(Duration::from_secs(10)), runtime: Some(runtime) }
    }

    fn enter(&self) -> tokio::runtime::EnterGuard<'_> {
        self.runtime.as_ref().expect("it lives").enter()
    }

    /// Ends as after SIGTERM.
    pub async fn stop(mut self) {
        self.lifecycle.stop();
        let lifecycle = self.lifecycle.clone();
        let runtime = self.runtime.take().expect("it lives");
        runtime.spawn(async move { lifecycle.run_to_end().await }).await.expect("the shutdown");
        runtime.shutdown_background();
    }

    /// Ends as after SIGKILL: every task is dropped where it stands, nothing is handed back.
    pub fn kill(mut self) {
        self.runtime.take().expect("it lives").shutdown_background();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// How a worker differs from the product's.
pub struct WorkerLike {
    pub admin_email: Option<&'static str>,
    pub tuning: Tuning,
    pub max_attempts: u32,
    pub retention: Duration,
    /// How often it looks by itself, while notifications arrive.
    pub scan_interval: Duration,
}

impl Default for WorkerLike {
    fn default() -> Self {
        let tuning = Tuning { backoff_base: Duration::from_millis(50), ..Tuning::default() };
        Self {
            admin_email: Some("admin@example.org"),
            tuning,
            max_attempts: 8,
            retention: Duration::from_secs(3600),
            scan_interval: Duration::from_secs(2),
        }
    }
}

impl WorkerLike {
    /// Scans alone would take longer than any test waits: what it does, it was woken for.
    pub fn hardly_scanning() -> Self {
        Self { scan_interval: Duration::from_secs(3_600), ..Self::default() }
    }

    pub fn chunk(recipients: u32, routes: usize) -> Self {
        let mut one = Self::default();
        one.tuning.chunk = NonZeroU32::new(recipients).expect("not zero");
        one.tuning.dispatch_batch = routes;
        one
    }
}

impl World {
    pub async fn new() -> Self {
        let db = TestDb::new().await;
        let lifecycle = Lifecycle::new(Duration::from_secs(5));
        let (waker, _) = wake::start(&postgres(&db), &lifecycle, &Random::system());
        Self { db, waker, _waking: lifecycle }
    }

    pub fn pool(&self) -> PgPool {
        self.db.pool()
    }

    /// A replica's push hub on a port of its own.
    pub async fn hub(&self) -> (Node, SocketAddr) {
        self.hub_with(None).await
    }

    /// A replica's push hub that speaks TLS.
    pub async fn hub_with(&self, tls: Option<Tls>) -> (Node, SocketAddr) {
        let node = Node::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port").into_std().expect("std");
        let address = listener.local_addr().expect("bound");
        {
            let _in = node.enter();
            let listener = TcpListener::from_std(listener).expect("tokio");
            let (db, waker, ears) = self.parts(&node.lifecycle);
            let config = PushConfig {
                gateway_token: Some(Secret::new(GATEWAY.to_owned()).into()),
                worker_token: Some(Secret::new(WORKER.to_owned()).into()),
                shutdown_timeout: Duration::from_secs(1),
                ..PushConfig::default()
            };
            let gate = SchemaGate::always_open();
            PushHub::start(db, waker, ears, &node.lifecycle, &node.health, gate, config).serve(listener, tls);
        }
        eventually(SOON, "the hub is ready", || async { node.health.report().http_status() == 200 }).await;
        (node, address)
    }

    /// A notify-worker that publishes to `hub`.
    pub fn worker(&self, hub: SocketAddr, like: &WorkerLike) -> Node {
        self.start_worker(plain(hub, WORKER), like)
    }

    /// A notify-worker with a credential of one's own.
    pub fn worker_with_token(&self, hub: SocketAddr, token: &str) -> Node {
        self.start_worker(plain(hub, token), &WorkerLike::default())
    }

    /// A notify-worker with a way of its own to the hub.
    pub fn worker_by(&self, hub: HubConfig) -> Node {
        self.start_worker(hub, &WorkerLike::default())
    }

    fn start_worker(&self, hub: HubConfig, like: &WorkerLike) -> Node {
        let node = Node::new();
        let entered = node.enter();
        let (db, waker, listener) = self.parts(&node.lifecycle);
        let random = Random::system();
        let timing = Timing {
            beat: Duration::from_millis(200),
            lease: Duration::from_millis(1_500),
            margin: Duration::from_millis(300),
            rescue: Duration::from_millis(200),
            ..Timing::default()
        };
        let worker = Worker::start_with(&db, "notify-worker", "test", &node.lifecycle, &random, timing);
        let deps = WorkerDeps {
            db,
            worker,
            waker,
            listener,
            lifecycle: node.lifecycle.clone(),
            random,
            gate: SchemaGate::always_open(),
        };
        let config = NotifyConfig {
            admin_email: like.admin_email.map(str::to_owned),
            worker_interval: like.scan_interval,
            max_attempts: like.max_attempts,
            concurrency: 4,
            retention: like.retention,
            hub,
            style: Style { public_url: Some("https://play.example.org".into()), ..Style::default() },
        };
        notify_worker::start(&config, like.tuning, &deps, &node.health).expect("the worker starts");
        drop(entered);
        node
    }

    fn parts(&self, lifecycle: &Lifecycle) -> (Db, Waker, shared::queue::Listener) {
        let config = postgres(&self.db);
        let (waker, listener) = wake::start(&config, lifecycle, &Random::system());
        (Db::connect(&config, "test"), waker, listener)
    }

    /// `n` accounts, by id; with an e-mail identity each when asked for.
    pub async fn accounts(&self, n: usize, email: bool) -> Vec<UserId> {
        let ids: Vec<UserId> = (0..n).map(|_| UserId::new()).collect();
        let uuids: Vec<Uuid> = ids.iter().map(|i| i.uuid()).collect();
        sqlx::query(
            "INSERT INTO accounts (user_id, user_name, preferred_language, time_zone)
            SELECT u, 'u-' || u, 'en', 'UTC' FROM unnest($1::uuid[]) AS u",
        )
        .bind(&uuids)
        .execute(&self.pool())
        .await
        .expect("accounts");
        if email {
            sqlx::query(
                "INSERT INTO identities (identity_id, user_id, kind, external_id)
                SELECT gen_random_uuid(), u, 'email', u || '@example.org' FROM unnest($1::uuid[]) AS u",
            )
            .bind(&uuids)
            .execute(&self.pool())
            .await
            .expect("identities");
        }
        ids
    }

    /// A running game with these members.
    pub async fn game(&self, members: &[UserId]) -> GameId {
        let game = GameId::new();
        let uuids: Vec<Uuid> = members.iter().map(|i| i.uuid()).collect();
        sqlx::raw_sql("INSERT INTO engine_versions (version, image) VALUES ('1.0.0', 'x') ON CONFLICT DO NOTHING")
            .execute(&self.pool())
            .await
            .expect("version");
        sqlx::query(
            "INSERT INTO games (game_id, name, visibility, status, min_players, max_players, enrollment_ends_at,
                 turn_schedule, target_engine_version)
             VALUES ($1, 'Rim', 'public', 'running', 1, 1000, now(), '@every 1h', '1.0.0')",
        )
        .bind(game.uuid())
        .execute(&self.pool())
        .await
        .expect("game");
        sqlx::query(
            "INSERT INTO memberships (membership_id, game_id, user_id, race_name, canonical_key)
             SELECT gen_random_uuid(), $1, u, 'r-' || u, 'r-' || u FROM unnest($2::uuid[]) AS u",
        )
        .bind(game.uuid())
        .bind(&uuids)
        .execute(&self.pool())
        .await
        .expect("members");
        game
    }

    /// One notification, committed, its queue woken.
    pub async fn produce(&self, payload: Payload, audience: Audience, game_id: Option<GameId>) -> Uuid {
        self.produce_keyed(&shared::ids::NotificationId::new().to_string(), payload, audience, game_id).await
    }

    pub async fn produce_keyed(
        &self,
        key: &str,
        payload: Payload,
        audience: Audience,
        game_id: Option<GameId>,
    ) -> Uuid {
        let kind = payload.kind();
        let new = NewNotification {
            payload,
            idempotency_key: key.to_owned(),
            audience,
            game_id,
            request_id: Some("req-1".to_owned()),
            traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        };
        let mut tx = self.pool().begin().await.expect("begin");
        produce(&mut tx, new).await.expect("produce");
        tx.commit().await.expect("commit");
        self.waker.wake(Topic::Notifications);
        sqlx::query_scalar("SELECT notification_id FROM notifications WHERE kind = $1 AND idempotency_key = $2")
            .bind(kind.as_str())
            .bind(key)
            .fetch_one(&self.pool())
            .await
            .expect("the row")
    }

    /// How many routes of a notification are in which status.
    pub async fn routes(&self, notification: Uuid) -> BTreeMap<(String, String), i64> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT channel, status, count(*) FROM notification_routes WHERE notification_id = $1 GROUP BY 1, 2",
        )
        .bind(notification)
        .fetch_all(&self.pool())
        .await
        .expect("routes");
        rows.into_iter().map(|(channel, status, n)| ((channel, status), n)).collect()
    }

    /// Waits until a notification's routes are exactly these.
    pub async fn settles(&self, notification: Uuid, expected: &[(&str, &str, i64)]) {
        let expected: BTreeMap<(String, String), i64> =
            expected.iter().map(|(c, s, n)| (((*c).to_owned(), (*s).to_owned()), *n)).collect();
        eventually(SOON, "the routes settle", || async {
            let seen = self.routes(notification).await;
            if seen == expected { Ok(()) } else { Err(seen) }
        })
        .await;
    }

    /// The status of a notification.
    pub async fn status(&self, notification: Uuid) -> String {
        sqlx::query_scalar("SELECT status FROM notifications WHERE notification_id = $1")
            .bind(notification)
            .fetch_one(&self.pool())
            .await
            .expect("the row")
    }

    /// Waits until a notification is expanded: its routes are there a moment before.
    pub async fn expands(&self, notification: Uuid) {
        eventually(SOON, "it is expanded", || async {
            let status = self.status(notification).await;
            if status == "expanded" { Ok(()) } else { Err(status) }
        })
        .await;
    }

    /// The one number that a query gives.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool()).await.expect("a number")
    }
}

fn plain(hub: SocketAddr, token: &str) -> HubConfig {
    let token = Some(Secret::new(token.to_owned()));
    HubConfig { url: format!("http://{hub}"), token, tls: HubTls::default() }
}

fn postgres(db: &TestDb) -> PostgresConfig {
    let env = BTreeMap::from([
        ("BACKEND_POSTGRES_DSN".to_owned(), db.dsn()),
        ("BACKEND_POSTGRES_MAX_CONNS".to_owned(), "8".to_owned()),
    ]);
    load::<PostgresConfig>("test", Source::new(BTreeMap::new(), env)).expect("a DSN").config
}

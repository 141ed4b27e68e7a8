//! A replica in this process on a database of its own, and callers of it that are held to the document.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api_server::Addresses;
use api_server::config::Config;
use serde_json::{Value, json};
use shared::SCHEMA_VERSION;
use shared::clock::Clock;
use shared::config::{self, Source};
use shared::db::Db;
use shared::ids::UserId;
use shared::random::Random;
use shared::service::health::{self, Health};
use shared::service::lifecycle::Lifecycle;
use shared::service::run::{BaseConfig, Service};
use sqlx::PgPool;
use testkit::openapi::{Contract, ContractClient};
use testkit::{TestDb, eventually};
use tokio::net::TcpListener;

pub const GATEWAY_TOKEN: &str = "gateway-token-of-the-tests-long-enough";
pub const WORKER_TOKEN: &str = "worker-token-of-the-tests-long-enough";
pub const PEPPER: &str = "pepper-of-the-tests-which-is-long-enough";
pub const SECRETS_KEY: &str = "key-of-the-tests-which-is-long-enough-too";
pub const ADMIN: &str = "root";
pub const PASSWORD: &str = "correct horse battery";
pub const VERSION: &str = "1.0.0";

/// One replica.
pub struct Api {
    /// Dropped with the last replica on it.
    db: Arc<TestDb>,
    pub rest: SocketAddr,
    pub grpc: SocketAddr,
    pub client: ContractClient,
    lifecycle: Lifecycle,
}

impl Drop for Api {
    fn drop(&mut self) {
        self.lifecycle.stop();
    }
}

impl Api {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// A replica with other settings than the defaults, ready.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_on(TestDb::new().await, settings).await
    }

    /// A replica on a given database.
    pub async fn start_on(db: TestDb, settings: &[(&str, &str)]) -> Self {
        Self::on_shared(Arc::new(db), settings).await
    }

    /// Another replica on the same database: what one decides must hold on the other at once.
    pub async fn replica(&self) -> Self {
        self.replica_with(&[]).await
    }

    /// Another replica, with settings of its own.
    pub async fn replica_with(&self, settings: &[(&str, &str)]) -> Self {
        Self::on_shared(self.db.clone(), settings).await
    }

    /// The database, for ways to it that the pool does not go.
    pub fn db(&self) -> &TestDb {
        &self.db
    }

    async fn on_shared(db: Arc<TestDb>, settings: &[(&str, &str)]) -> Self {
        let (lifecycle, Addresses { rest, grpc }) = replica(&db, settings).await;
        let client = ContractClient::new(format!("http://{rest}"));
        let api = Self { db, rest, grpc, client, lifecycle };
        eventually(Duration::from_secs(90), "ready", || async {
            // Not through the contract's client: probes are no operations, and their 503 is no problem.
            let answer = reqwest::get(format!("http://{rest}/readyz")).await.unwrap();
            if answer.status() == 200 { Ok(()) } else { Err(answer.text().await) }
        })
        .await;
        api
    }

    pub fn pool(&self) -> PgPool {
        self.db.pool()
    }

    /// The gateway itself.
    pub fn gateway(&self) -> ContractClient {
        self.client.with_bearer(GATEWAY_TOKEN)
    }

    /// The gateway on behalf of a user.
    pub fn user(&self, user: &str) -> ContractClient {
        self.gateway().with_header("X-User-ID", user)
    }

    /// The bootstrap administrator.
    pub fn admin(&self) -> ContractClient {
        self.client.with_basic(ADMIN, PASSWORD)
    }

    /// A new account, straight into the table: sign-in has tests of its own.
    pub async fn account(&self, name: &str) -> String {
        let id = UserId::new();
        let mut conn = self.pool().acquire().await.unwrap();
        let account = shared::db::accounts::NewAccount {
            user_id: id,
            user_name: name,
            display_name: None,
            preferred_language: "en",
            time_zone: "UTC",
            declared_country: None,
        };
        assert!(shared::db::accounts::insert(&mut conn, &account, None).await.unwrap());
        id.to_string()
    }

    /// A new account and a client on its behalf.
    pub async fn player(&self, name: &str) -> (String, ContractClient) {
        let id = self.account(name).await;
        let client = self.user(&id);
        (id, client)
    }

    /// Puts a sanction on an account.
    pub async fn sanction(&self, user: &str, kind: &str) {
        sqlx::query(
            "INSERT INTO sanctions (sanction_id, user_id, kind, reason, actor)
            VALUES (gen_random_uuid(), $1::uuid, $2, 'test', 'test')",
        )
        .bind(user)
        .bind(kind)
        .execute(&self.pool())
        .await
        .unwrap();
    }

    /// Grants a plan.
    pub async fn plan(&self, user: &str, plan: &str) {
        self.sql(
            "UPDATE entitlements SET superseded_at = now() WHERE user_id = $1::uuid AND superseded_at IS NULL",
            user,
        )
        .await;
        sqlx::query("INSERT INTO entitlements (entitlement_id, user_id, plan, source) VALUES (gen_random_uuid(), $1::uuid, $2, 'test')")
            .bind(user)
            .bind(plan)
            .execute(&self.pool())
            .await
            .unwrap();
    }

    /// Registers [`VERSION`], unless it is there.
    pub async fn engine_version(&self) {
        let body = json!({ "version": VERSION, "image": "galaxy-engine:1.0.0" });
        self.admin().post("/api/v1/admin/engine-versions").json(&body).send().await;
    }

    /// A public game in `draft`.
    pub async fn public_game(&self, change: Value) -> String {
        self.engine_version().await;
        let answer = self.admin().post("/api/v1/admin/games").json(&game(change)).send().await.expect(201);
        text(&answer.json(), "game_id")
    }

    /// A public game that takes applications.
    pub async fn open_public_game(&self, change: Value) -> String {
        let id = self.public_game(change).await;
        self.admin().post(format!("/api/v1/admin/games/{id}/open-enrollment")).send().await.expect(200);
        id
    }

    /// A private game of `owner` that takes invites.
    pub async fn open_private_game(&self, owner: &ContractClient, change: Value) -> String {
        self.engine_version().await;
        let answer = owner.post("/api/v1/user/lobby/games").json(&game(change)).send().await.expect(201);
        let id = text(&answer.json(), "game_id");
        owner.post(format!("/api/v1/user/lobby/games/{id}/open-enrollment")).send().await.expect(200);
        id
    }

    /// Applies, and is approved by the administrator.
    pub async fn join(&self, game: &str, player: &ContractClient, race: &str) {
        let path = format!("/api/v1/user/lobby/games/{game}/applications");
        let answer = player.post(&path).json(&json!({ "race_name": race })).send().await.expect(201);
        let id = text(&answer.json(), "application_id");
        self.admin().post(format!("/api/v1/admin/games/{game}/applications/{id}/approve")).send().await.expect(200);
    }

    /// The game as administrators see it.
    pub async fn game(&self, id: &str) -> Value {
        self.admin().get(format!("/api/v1/admin/games/{id}")).send().await.expect(200).json()
    }

    /// Rows of a table.
    pub async fn count(&self, what: &str) -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {what}")))
            .fetch_one(&self.pool())
            .await
            .unwrap()
    }

    /// Runs a statement on the database, for states that other processes make.
    pub async fn sql(&self, statement: &str, game: &str) {
        sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).bind(game).execute(&self.pool()).await.unwrap();
    }
}

/// A body that makes a game, with some members changed; null takes one away.
pub fn game(change: Value) -> Value {
    let ends = (Clock::system().now() + chrono::TimeDelta::days(1)).to_rfc3339();
    let mut body = json!({
        "name": "Orion", "min_players": 2, "max_players": 4, "enrollment_ends_at": ends,
        "turn_schedule": "@every 1h", "target_engine_version": VERSION,
    });
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
        if value.is_null() {
            body.as_object_mut().unwrap().remove(name);
        }
    }
    body
}

/// A member of an object, as text.
pub fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}")).to_owned()
}

/// The committed document.
pub fn contract() -> Arc<Contract> {
    Contract::committed().unwrap()
}

async fn replica(db: &TestDb, settings: &[(&str, &str)]) -> (Lifecycle, Addresses) {
    let mut env: BTreeMap<String, String> = [
        ("BACKEND_POSTGRES_DSN", db.dsn().as_str()),
        ("BACKEND_GATEWAY_TOKEN", GATEWAY_TOKEN),
        ("BACKEND_WORKER_TOKEN", WORKER_TOKEN),
        ("BACKEND_AUTH_CODE_PEPPER", PEPPER),
        ("BACKEND_SECRETS_KEY", SECRETS_KEY),
        // What that asks for has tests of its own.
        ("BACKEND_ADMIN_REQUIRE_TOTP", "false"),
        ("BACKEND_ADMIN_BOOTSTRAP_USER", ADMIN),
        ("BACKEND_ADMIN_BOOTSTRAP_PASSWORD", PASSWORD),
        ("BACKEND_HTTP_PUBLIC_RATE", "100000"),
        ("BACKEND_OTEL_TRACES_EXPORTER", "none"),
        ("BACKEND_OTEL_METRICS_EXPORTER", "none"),
        ("BACKEND_ENGINE_PROBE_TIMEOUT", "2s"),
        // All tests run at once on few cores: what is slow there is no fault.
        ("BACKEND_POSTGRES_OPERATION_TIMEOUT", "30s"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    env.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let source = Source::new(BTreeMap::new(), env);
    let base = config::load::<BaseConfig>("api-server", source.clone()).unwrap_or_else(|f| panic!("{f:?}")).config;
    let config = config::load::<Config>("api-server", source).unwrap_or_else(|f| panic!("{f:?}")).config;
    let lifecycle = Lifecycle::new(Duration::from_secs(5));
    let health = Health::new();
    let pool = Db::connect(&base.postgres, "test");
    let gate = health::watch_schema(&pool, &health, SCHEMA_VERSION, &lifecycle);
    let service = Service {
        name: "api-server",
        config,
        base,
        lifecycle: lifecycle.clone(),
        health,
        gate,
        clock: Clock::system(),
        random: Random::system(),
        db: pool,
        instance: "test".to_owned(),
        registry: None,
    };
    let rest = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let grpc = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addresses = api_server::start(service, rest, grpc).await.unwrap();
    (lifecycle, addresses)
}

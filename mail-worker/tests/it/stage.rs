//! What every test here needs: a database, a relay, a producer, and workers to start and stop.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use mail_worker::Config;
use shared::clock::Clock;
use shared::config::{Source, load};
use shared::db::Db;
use shared::db::mail::{NewMail, enqueue};
use shared::ids::{DeliveryId, GameId};
use shared::mail::{GameStarted, LoginCode, Priority, Style, Template};
use shared::queue::wake::{WakeTiming, start_with};
use shared::queue::{Settings, Timing, Topic, Waker, Worker, WorkerDeps};
use shared::random::Random;
use shared::service::health::{Health, SchemaGate};
use shared::service::lifecycle::Lifecycle;
use sqlx::{FromRow, PgPool};
use testkit::mail::{MailCatcher, MailCatcherConfig, TlsMode};
use testkit::{TestDb, eventually};

/// Generous: two slow cores, and other tests beside this one.
pub const SOON: Duration = Duration::from_secs(90);

pub struct Stage {
    pub db: TestDb,
    pub relay: MailCatcher,
    ca: tempfile::NamedTempFile,
    relay_config: MailCatcherConfig,
    waker: Waker,
    producer: Lifecycle,
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(MailCatcherConfig::default()).await
    }

    pub async fn with(relay_config: MailCatcherConfig) -> Self {
        let (db, relay) = (TestDb::new().await, MailCatcher::start(relay_config.clone()).await.unwrap());
        let mut ca = tempfile::NamedTempFile::new().unwrap();
        ca.write_all(relay.ca_pem().as_bytes()).unwrap();
        let producer = Lifecycle::new(Duration::from_secs(2));
        let (waker, _) = start_with(db.options(), db.options(), &producer, &Random::system(), WakeTiming::default());
        Self { db, relay, ca, relay_config, waker, producer }
    }

    pub fn pool(&self) -> PgPool {
        self.db.pool()
    }

    /// The environment of a worker for this stage.
    pub fn env(&self) -> BTreeMap<String, String> {
        let mode = match self.relay_config.tls {
            TlsMode::None => "none",
            TlsMode::StartTls => "starttls",
            TlsMode::Tls => "tls",
        };
        let mut env = BTreeMap::from([
            ("BACKEND_POSTGRES_DSN", self.db.dsn()),
            ("BACKEND_SMTP_HOST", "localhost".to_owned()),
            ("BACKEND_SMTP_PORT", self.relay.smtp_addr().port().to_string()),
            ("BACKEND_SMTP_FROM", "Galaxy <noreply@galaxy.test>".to_owned()),
            ("BACKEND_SMTP_TLS_MODE", mode.to_owned()),
            ("BACKEND_SMTP_TIMEOUT", "5s".to_owned()),
            ("BACKEND_MAIL_WORKER_INTERVAL", "2s".to_owned()),
        ]);
        if self.relay_config.tls != TlsMode::None {
            env.insert("BACKEND_SMTP_TLS_CA_FILE", self.ca.path().to_str().unwrap().to_owned());
        }
        if let Some((user, password)) = &self.relay_config.credentials {
            env.insert("BACKEND_SMTP_USERNAME", user.clone());
            env.insert("BACKEND_SMTP_PASSWORD", password.clone());
        }
        env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// A worker in this process, with short backoff.
    pub fn worker(&self) -> InProcess {
        self.worker_with(&[], |_| {})
    }

    /// The same with other variables and settings.
    pub fn worker_with(&self, env: &[(&str, &str)], change: impl FnOnce(&mut Settings)) -> InProcess {
        let mut vars = self.env();
        vars.extend(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let config = load::<Config>("mail-worker", Source::new(BTreeMap::new(), vars)).unwrap().config;
        let mut settings = mail_worker::settings(&config);
        settings.backoff_base = Duration::from_millis(50);
        settings.backoff_floor = 0.0;
        settings.backoff_cap = Duration::from_millis(400);
        change(&mut settings);
        let (lifecycle, random, health) = (Lifecycle::new(Duration::from_secs(5)), Random::system(), Health::new());
        let db = Db::new(self.db.options(), 12);
        let (waker, listener) =
            start_with(self.db.options(), self.db.options(), &lifecycle, &random, WakeTiming::default());
        let timing = Timing { rescue: Duration::from_millis(300), ..Timing::default() };
        let worker = Worker::start_with(&db, "mail-worker", "test", &lifecycle, &random, timing);
        let gate = SchemaGate::always_open();
        let deps = WorkerDeps { db, worker, waker, listener, lifecycle: lifecycle.clone(), random, gate };
        mail_worker::start(&config, settings, deps, &health).unwrap();
        InProcess { lifecycle, health }
    }

    /// Commits a mail as a producer does, and wakes the workers.
    pub async fn enqueue(&self, template: &Template, key: &str, to: &[&str]) -> DeliveryId {
        self.enqueue_until(template, key, to, None).await
    }

    pub async fn enqueue_until(
        &self,
        template: &Template,
        key: &str,
        to: &[&str],
        expires_at: Option<DateTime<Utc>>,
    ) -> DeliveryId {
        let to: Vec<String> = to.iter().map(|a| (*a).to_owned()).collect();
        let mut tx = self.pool().begin().await.unwrap();
        let mail = NewMail {
            template,
            style: &Style::default(),
            time_zone: None,
            idempotency_key: key,
            to: &to,
            priority: Priority::Normal,
            expires_at,
            request_id: Some("req-1"),
            traceparent: None,
        };
        let id = enqueue(&mut tx, mail).await.unwrap().expect("a new key");
        tx.commit().await.unwrap();
        self.waker.wake(Topic::Mail);
        id
    }

    /// Wakes whoever waits for the topic, as after a commit.
    pub fn wake(&self, topic: Topic) {
        self.waker.wake(topic);
    }

    pub async fn delivery(&self, id: DeliveryId) -> Delivery {
        sqlx::query_as("SELECT * FROM mail_deliveries WHERE delivery_id = $1")
            .bind(id.uuid())
            .fetch_one(&self.pool())
            .await
            .unwrap()
    }

    /// The delivery, once it has this status.
    pub async fn reaches(&self, id: DeliveryId, status: &str) -> Delivery {
        eventually(SOON, format!("delivery {status}"), || async {
            let delivery = self.delivery(id).await;
            if delivery.status == status { Ok(delivery) } else { Err(delivery) }
        })
        .await
    }

    pub async fn attempts(&self, id: DeliveryId) -> Vec<Attempt> {
        sqlx::query_as("SELECT * FROM mail_attempts WHERE delivery_id = $1 ORDER BY attempt_no")
            .bind(id.uuid())
            .fetch_all(&self.pool())
            .await
            .unwrap()
    }

    /// `(address, status, smtp_code)`, by address.
    pub async fn recipients(&self, id: DeliveryId) -> Vec<(String, String, Option<i16>)> {
        sqlx::query_as("SELECT address, status, smtp_code FROM mail_recipients WHERE delivery_id = $1 ORDER BY address")
            .bind(id.uuid())
            .fetch_all(&self.pool())
            .await
            .unwrap()
    }

    pub async fn payload(&self, id: DeliveryId) -> Payload {
        sqlx::query_as("SELECT * FROM mail_payloads WHERE delivery_id = $1")
            .bind(id.uuid())
            .fetch_one(&self.pool())
            .await
            .unwrap()
    }

    pub async fn dead_letter(&self, id: DeliveryId) -> Option<String> {
        sqlx::query_scalar("SELECT last_error FROM mail_dead_letters WHERE delivery_id = $1")
            .bind(id.uuid())
            .fetch_optional(&self.pool())
            .await
            .unwrap()
    }

    /// How often the administrators are told that this mail died.
    pub async fn announced(&self, id: DeliveryId) -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FROM notifications WHERE kind = 'mail.dead_lettered' AND payload ->> 'delivery_id' = $1",
        )
        .bind(id.to_string())
        .fetch_one(&self.pool())
        .await
        .unwrap()
    }

    /// How many deaths the alarms to the administrators count.
    pub async fn told_of(&self) -> i64 {
        sqlx::query_scalar("SELECT coalesce(sum(deliveries), 0)::bigint FROM mail_alarms")
            .fetch_one(&self.pool())
            .await
            .unwrap()
    }

    pub async fn end(self) {
        self.producer.stop();
        self.producer.run_to_end().await;
    }
}

/// A worker that runs in the test's own process.
pub struct InProcess {
    pub lifecycle: Lifecycle,
    pub health: Health,
}

impl InProcess {
    /// Whether readiness names the relay as degraded.
    pub fn smtp_degraded(&self) -> bool {
        let report = serde_json::to_value(self.health.report()).unwrap();
        report["parts"].as_array().unwrap().iter().any(|p| p["name"] == "smtp" && p["status"] == "degraded")
    }

    pub async fn stop(self) {
        self.lifecycle.stop();
        assert_eq!(self.lifecycle.run_to_end().await, shared::service::lifecycle::Outcome::Clean);
    }
}

#[derive(Debug, FromRow)]
pub struct Delivery {
    pub status: String,
    pub attempt_no: i32,
    pub failures: i32,
    pub last_error: Option<String>,
    pub sent_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub data_started_at: Option<DateTime<Utc>>,
}

#[derive(Debug, FromRow)]
pub struct Attempt {
    pub attempt_no: i32,
    pub started_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub outcome: String,
    pub smtp_code: Option<i16>,
}

#[derive(Debug, FromRow)]
pub struct Payload {
    pub subject: Option<String>,
    pub body_text: Option<String>,
    pub body_html: Option<String>,
    pub wiped_at: Option<DateTime<Utc>>,
}

pub fn code(code: &str) -> Template {
    Template::LoginCode(LoginCode { code: code.to_owned(), asked_at: from_now(0.0), expires_at: from_now(600.0) })
}

pub fn started(game_name: &str) -> Template {
    Template::GameStarted(GameStarted { game_id: GameId::new(), game_name: game_name.into(), orders_until: None })
}

/// The `Message-ID` that a delivery's mails carry, without angle brackets.
pub fn message_id(id: DeliveryId) -> String {
    format!("{id}@galaxy.test")
}

pub fn from_now(seconds: f64) -> DateTime<Utc> {
    Clock::system().now() + TimeDelta::milliseconds((seconds * 1000.0) as i64)
}

//! A database with games in it, a state root, and controllers to start and to kill.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use shared::db::runtime::questions::{self, NewQuestion};
use shared::db::runtime::{NewJob, enqueue_job, enqueue_stop, record};
use shared::domain::runtime::{JobKind, QuestionKind};
use shared::ids::{GameId, MembershipId, RaceNameId, UserId};
use shared::queue::Topic;
use sqlx::PgPool;
use tempfile::TempDir;
use testkit::process::{Proc, ProcConfig, bin_path};
use testkit::scripted::{Rule, Script};
use testkit::{TestDb, eventually};

pub const SOON: Duration = Duration::from_secs(90);

pub struct World {
    pub db: TestDb,
    pub root: TempDir,
    pub image: String,
    driver: Vec<(String, String)>,
}

impl World {
    /// With the process driver and the reference engine's ordinary binary.
    pub async fn with_processes() -> Self {
        let engine = std::path::absolute(bin_path("galaxy-engine")).unwrap();
        let driver = vec![("BACKEND_RUNTIME_DRIVER".to_owned(), "process".to_owned())];
        Self::new(engine.to_str().unwrap().to_owned(), driver).await
    }

    /// With the process driver and engines that do what their scripts say.
    pub async fn with_scripts() -> Self {
        let engine = std::path::absolute(bin_path("scripted-engine")).unwrap();
        let driver = vec![("BACKEND_RUNTIME_DRIVER".to_owned(), "process".to_owned())];
        Self::new(engine.to_str().unwrap().to_owned(), driver).await
    }

    /// The directory of a game's engine.
    pub fn state_dir(&self, game_id: GameId) -> PathBuf {
        self.state_root().join(game_id.to_string())
    }

    /// What a game's engine is to do from now on.
    pub fn script(&self, game_id: GameId, rules: impl IntoIterator<Item = Rule>) {
        Script::of(rules).write(&self.state_dir(game_id)).unwrap();
    }

    /// A game in `starting` whose engine has its script before it begins.
    pub async fn scripted(&self, schedule: &str, script: Script) -> GameId {
        let game_id = self.game_without_job(schedule, &["Ants", "Bees"]).await;
        script.write(&self.state_dir(game_id)).unwrap();
        self.enqueue(game_id, JobKind::Start, json!({})).await;
        game_id
    }

    /// The turns that a game's engine generated, in its own words.
    pub fn journal(&self, game_id: GameId) -> Vec<i32> {
        testkit::scripted::journal(&self.state_dir(game_id))
    }

    pub async fn new(image: String, driver: Vec<(String, String)>) -> Self {
        Self { db: TestDb::new().await, root: tempfile::tempdir().unwrap(), image, driver }
    }

    pub fn state_root(&self) -> PathBuf {
        self.root.path().join("games")
    }

    pub fn pool(&self) -> PgPool {
        self.db.pool()
    }

    /// The environment of a controller; `more` comes last.
    pub fn env(&self, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut env = vec![
            own("BACKEND_POSTGRES_DSN", &self.db.dsn()),
            own("BACKEND_OPS_LISTEN_ADDR", "127.0.0.1:0"),
            own("BACKEND_OTEL_TRACES_EXPORTER", "none"),
            own("BACKEND_OTEL_METRICS_EXPORTER", "prometheus"),
            own("BACKEND_GAME_STATE_ROOT", self.state_root().to_str().unwrap()),
            own("BACKEND_RUNTIME_STOP_GRACE_PERIOD", "3s"),
            own("GALAXY_TURN_LIMIT", "6"),
            // A turn is given up after seconds in place of minutes.
            own("GALAXY_TEST_HASTE", "20"),
        ];
        env.extend(self.driver.iter().cloned());
        env.extend(more.iter().map(|(name, value)| own(name, value)));
        env
    }

    /// The controller as its own process.
    pub fn controller(&self, more: &[(&str, &str)]) -> Proc {
        let config = ProcConfig::new(env!("CARGO_BIN_EXE_runtime-controller")).envs(self.env(more));
        Proc::start(config).unwrap()
    }

    /// A game in `starting` with its members and their reserved names, and its start job.
    pub async fn game(&self, schedule: &str, races: &[&str]) -> GameId {
        let game_id = self.game_without_job(schedule, races).await;
        self.enqueue(game_id, JobKind::Start, json!({})).await;
        game_id
    }

    pub async fn game_without_job(&self, schedule: &str, races: &[&str]) -> GameId {
        let game_id = GameId::new();
        let version = format!("1.0.0-{game_id}");
        let mut tx = self.pool().begin().await.unwrap();
        sqlx::query("INSERT INTO engine_versions (version, image) VALUES ($1, $2)")
            .bind(&version)
            .bind(&self.image)
            .execute(&mut *tx)
            .await
            .unwrap();
        sqlx::query(
            "INSERT INTO games (game_id, name, visibility, status, min_players, max_players, approved_count,
                 enrollment_ends_at, turn_schedule, target_engine_version)
             VALUES ($1, 'Test', 'public', 'starting', 1, 10, $2, now(), $3, $4)",
        )
        .bind(game_id.uuid())
        .bind(i32::try_from(races.len()).unwrap())
        .bind(schedule)
        .bind(&version)
        .execute(&mut *tx)
        .await
        .unwrap();
        for race in races {
            let user_id = UserId::new();
            sqlx::query("INSERT INTO accounts (user_id, user_name, preferred_language, time_zone) VALUES ($1, $1::text, 'en', 'UTC')")
                .bind(user_id.uuid())
                .execute(&mut *tx)
                .await
                .unwrap();
            sqlx::query(
                "INSERT INTO memberships (membership_id, game_id, user_id, race_name, canonical_key)
                VALUES ($1, $2, $3, $4, lower($4))",
            )
            .bind(MembershipId::new().uuid())
            .bind(game_id.uuid())
            .bind(user_id.uuid())
            .bind(race)
            .execute(&mut *tx)
            .await
            .unwrap();
            sqlx::query(
                "INSERT INTO race_names (race_name_id, canonical_key, race_name, user_id, status, game_id)
                VALUES ($1, lower($4) || $3, $4, $3, 'reserved', $2)",
            )
            .bind(RaceNameId::new().uuid())
            .bind(game_id.uuid())
            .bind(user_id.uuid())
            .bind(race)
            .execute(&mut *tx)
            .await
            .unwrap();
            sqlx::query("UPDATE memberships SET canonical_key = lower(race_name) || user_id WHERE game_id = $1 AND user_id = $2")
                .bind(game_id.uuid())
                .bind(user_id.uuid())
                .execute(&mut *tx)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        game_id
    }

    pub async fn enqueue(&self, game_id: GameId, kind: JobKind, payload: serde_json::Value) {
        let mut conn = self.pool().acquire().await.unwrap();
        enqueue_job(&mut conn, NewJob { game_id, kind, payload, request_id: None, traceparent: None }).await.unwrap();
        self.wake(Topic::RuntimeJobs).await;
    }

    /// What the API does for cancel and force-stop: the game's new status and the stop, in one transaction.
    pub async fn end_game(&self, game_id: GameId, status: &str) {
        let mut tx = self.pool().begin().await.unwrap();
        sqlx::query(
            "UPDATE games SET status = $2, pause_reason = CASE WHEN $2 = 'paused' THEN 'stopped' END WHERE game_id = $1",
        )
            .bind(game_id.uuid())
            .bind(status)
            .execute(&mut *tx)
            .await
            .unwrap();
        enqueue_stop(&mut tx, game_id, None, None).await.unwrap();
        tx.commit().await.unwrap();
        self.wake(Topic::RuntimeJobs).await;
    }

    /// What the API does for force-start.
    pub async fn force_start(&self, game_id: GameId) {
        sqlx::query("UPDATE games SET status = 'starting', pause_reason = NULL WHERE game_id = $1")
            .bind(game_id.uuid())
            .execute(&self.pool())
            .await
            .unwrap();
        self.enqueue(game_id, JobKind::Start, json!({})).await;
    }

    /// Registers another version.
    pub async fn version(&self, version: &str, image: &str) {
        sqlx::query("INSERT INTO engine_versions (version, image) VALUES ($1, $2)")
            .bind(version)
            .bind(image)
            .execute(&self.pool())
            .await
            .unwrap();
    }

    /// The newest job ends so; answers its last error.
    pub async fn job_ends(&self, game_id: GameId, kind: &str, status: &str) -> String {
        let sql =
            "SELECT concat_ws(' ', kind, status) FROM runtime_jobs WHERE game_id = $1 ORDER BY job_id DESC LIMIT 1";
        let wanted = format!("{kind} {status}");
        eventually(SOON, &wanted, || async {
            let seen = self.text(sql, game_id).await;
            if seen == wanted { Ok(()) } else { Err((seen, self.last_error(game_id).await)) }
        })
        .await;
        self.last_error(game_id).await
    }

    pub async fn last_error(&self, game_id: GameId) -> String {
        self.text("SELECT last_error FROM runtime_jobs WHERE game_id = $1 ORDER BY job_id DESC LIMIT 1", game_id).await
    }

    pub async fn wake(&self, topic: Topic) {
        sqlx::query("SELECT pg_notify($1, '')").bind(topic.channel()).execute(&self.pool()).await.unwrap();
    }

    /// What the controllers of a game's daemon answer, asked as the API asks them.
    pub async fn asks(&self, game_id: GameId, kind: QuestionKind, payload: serde_json::Value) -> serde_json::Value {
        let (pool, daemon_id) = (self.pool(), self.runtime(game_id).await.daemon_id);
        let question = NewQuestion { daemon_id: &daemon_id, kind, game_id: Some(game_id), payload, patience: SOON };
        let question_id = questions::ask(&mut pool.acquire().await.unwrap(), question).await.unwrap();
        self.wake(Topic::Questions).await;
        let answered = eventually(SOON, "an answer", || async {
            questions::answer(&mut pool.acquire().await.unwrap(), question_id).await.unwrap().ok_or("none yet")
        });
        answered.await.unwrap()
    }

    pub async fn text(&self, sql: &'static str, game_id: GameId) -> String {
        let value: Option<String> = sqlx::query_scalar(sql).bind(game_id.uuid()).fetch_one(&self.pool()).await.unwrap();
        value.unwrap_or_default()
    }

    pub async fn number(&self, sql: &'static str, game_id: GameId) -> i64 {
        sqlx::query_scalar(sql).bind(game_id.uuid()).fetch_one(&self.pool()).await.unwrap()
    }

    pub async fn status(&self, game_id: GameId) -> String {
        self.text("SELECT status FROM games WHERE game_id = $1", game_id).await
    }

    pub async fn turn(&self, game_id: GameId) -> i64 {
        self.number("SELECT current_turn::bigint FROM games WHERE game_id = $1", game_id).await
    }

    pub async fn runtime(&self, game_id: GameId) -> shared::db::runtime::RuntimeRecord {
        let mut conn = self.pool().acquire().await.unwrap();
        record(&mut conn, game_id).await.unwrap().expect("a record")
    }

    pub async fn reaches(&self, game_id: GameId, status: &str) {
        eventually(SOON, format!("the game is {status}"), || async {
            let seen = self.status(game_id).await;
            if seen == status {
                return Ok(());
            }
            let job = self
                .text(
                    "SELECT (SELECT concat_ws(' ', kind, status, step, last_error) FROM runtime_jobs
                    WHERE game_id = $1 ORDER BY job_id DESC LIMIT 1)",
                    game_id,
                )
                .await;
            Err(format!("{seen}; job: {job}"))
        })
        .await;
    }

    pub async fn reaches_turn(&self, game_id: GameId, turn: i64) {
        eventually(SOON, format!("turn {turn}"), || async {
            let seen = self.turn(game_id).await;
            if seen >= turn { Ok(()) } else { Err((seen, self.status(game_id).await)) }
        })
        .await;
    }

    /// Idempotency keys of a game's notifications of one kind, sorted.
    pub async fn told(&self, game_id: GameId, kind: &str) -> Vec<String> {
        sqlx::query_scalar(
            "SELECT idempotency_key FROM notifications WHERE payload ->> 'game_id' = $1::text AND kind = $2 ORDER BY 1",
        )
        .bind(game_id.to_string())
        .bind(kind)
        .fetch_all(&self.pool())
        .await
        .unwrap()
    }

    /// Pids of the engine processes of a game, by what the process table says of their environment.
    pub fn engines(&self, game_id: GameId) -> Vec<i32> {
        let wanted = format!("GALAXY_GAME_ID={game_id}");
        let pids =
            std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid: &i32| {
            let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            String::from_utf8_lossy(&environ).split('\0').any(|var| var == wanted)
        })
        .collect()
    }

    /// From now on the engine of a game is reached at this port: the driver says so too, or the reconciler would set it right.
    pub async fn reach_through(&self, game_id: GameId, port: u16) {
        let file = self.state_root().join(".process").join(game_id.to_string()).join("engine.json");
        let mut engine: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        engine["port"] = json!(port);
        let draft = file.with_extension("draft");
        std::fs::write(&draft, engine.to_string()).unwrap();
        std::fs::rename(draft, file).unwrap();
        sqlx::query("UPDATE runtime_records SET endpoint = $2 WHERE game_id = $1")
            .bind(game_id.uuid())
            .bind(format!("http://127.0.0.1:{port}"))
            .execute(&self.pool())
            .await
            .unwrap();
    }

    pub fn kill_engine(&self, game_id: GameId) {
        let engines = self.engines(game_id);
        assert_eq!(engines.len(), 1, "one engine: {engines:?}");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(engines[0]), nix::sys::signal::Signal::SIGKILL).unwrap();
    }
}

impl Drop for World {
    /// Engines outlive controllers: here they end with the test.
    fn drop(&mut self) {
        let root = self.root.path().to_string_lossy().into_owned();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let environ = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            let mine = String::from_utf8_lossy(&environ)
                .split('\0')
                .any(|var| var.strip_prefix("GALAXY_STATE_DIR=").is_some_and(|dir| Path::new(dir).starts_with(&root)));
            if mine {
                let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
            }
        }
    }
}

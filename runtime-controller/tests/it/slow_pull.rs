//! A pull that gets nowhere keeps no other game's engine from being brought back, and is nobody's reason to begin another; nor does a
//! cluster that finds no node. The daemon is simulated, so that both last as long as the test.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::stream::BoxStream;
use parking_lot::Mutex;
use runtime_controller::config::Tuning;
use runtime_controller::driver::{Copies, Driver, DriverError, EngineSpec, Listed, Observed, Progress, Snapshots};
use runtime_controller::engines::{Engines, ReviveError, Reviving};
use runtime_controller::metrics::Metrics;
use shared::db::Db;
use shared::db::runtime::PinnedImage;
use shared::db::runtime::seen::RevivalBudget;
use shared::engine_client::{EngineClient, Timeouts};
use shared::ids::GameId;
use shared::random::Random;
use testkit::{TestDb, eventually};

use crate::world::SOON;

const DAEMON: &str = "docker:simulated";
/// More than there are places.
const SLOW: usize = 9;

/// A daemon that has all images but `slow`, a node for all but `homeless`, and no container yet.
#[derive(Default)]
struct Simulated {
    pulls: AtomicUsize,
    homeless: AtomicUsize,
    started: Mutex<Vec<GameId>>,
}

#[async_trait]
impl Driver for Simulated {
    fn name(&self) -> &'static str {
        "docker"
    }
    fn fingerprint(&self, _: &EngineSpec) -> String {
        String::new()
    }
    async fn daemon_id(&self) -> Result<String, DriverError> {
        Ok(DAEMON.to_owned())
    }
    async fn fetch(
        &self,
        _: &str,
        _: Option<&PinnedImage>,
        _: &dyn Progress,
    ) -> Result<Option<PinnedImage>, DriverError> {
        self.pulls.fetch_add(1, Ordering::Relaxed);
        std::future::pending().await
    }
    async fn inspect(&self, game_id: GameId) -> Result<Option<Observed>, DriverError> {
        let observed = Observed {
            container_id: format!("c-{game_id}"),
            running: true,
            endpoint: Some(format!("http://{game_id}.invalid:8080")),
            fingerprint: String::new(),
            ended: None,
        };
        Ok(self.started.lock().contains(&game_id).then_some(observed))
    }
    async fn create(&self, spec: &EngineSpec) -> Result<String, DriverError> {
        if spec.image == "slow" {
            return Err(DriverError::Image { reason: "it is not there".to_owned(), passing: true });
        }
        Ok(format!("c-{}", spec.game_id))
    }
    async fn begin_start(&self, spec: &EngineSpec) -> Result<bool, DriverError> {
        if spec.image == "homeless" {
            return Ok(true);
        }
        self.start(spec).await.map(|()| false)
    }
    async fn start(&self, spec: &EngineSpec) -> Result<(), DriverError> {
        if spec.image == "homeless" {
            self.homeless.fetch_add(1, Ordering::Relaxed);
            return std::future::pending().await;
        }
        self.started.lock().push(spec.game_id);
        Ok(())
    }
    async fn remove(&self, _: GameId) -> Result<(), DriverError> {
        Ok(())
    }
    async fn list(&self) -> Result<Vec<Listed>, DriverError> {
        Ok(Vec::new())
    }
    async fn changes(
        &self,
        _: Option<i64>,
    ) -> Result<Option<BoxStream<'static, Result<i64, DriverError>>>, DriverError> {
        Ok(None)
    }
    fn addresses_move(&self) -> bool {
        false
    }
    async fn log(&self, _: GameId, _: usize) -> Result<Option<Vec<String>>, DriverError> {
        Ok(None)
    }
    fn snapshots(&self) -> Box<dyn Copies> {
        Box::new(Snapshots::new(PathBuf::new()))
    }
}

/// Running games whose engines are gone.
async fn seed(db: &TestDb, image: &str, count: usize) -> Vec<GameId> {
    let games: Vec<GameId> = (0..count).map(|_| GameId::new()).collect();
    let ids: Vec<_> = games.iter().map(|game| game.uuid()).collect();
    let pool = db.pool();
    let version = "INSERT INTO engine_versions (version, image) VALUES ($1, $1)";
    sqlx::query(version).bind(image).execute(&pool).await.unwrap();
    sqlx::query(
        "INSERT INTO games (game_id, name, visibility, status, min_players, max_players, approved_count,
             enrollment_ends_at, turn_schedule, target_engine_version)
         SELECT g, 'Test', 'public', 'running', 1, 10, 1, now(), '@every 1h', $2 FROM unnest($1::uuid[]) g",
    )
    .bind(&ids)
    .bind(image)
    .execute(&pool)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO runtime_records (game_id, status, driver, daemon_id, engine_version, image, engine_token)
         SELECT g, 'running', 'docker', $2, $3, $3, 't' FROM unnest($1::uuid[]) g",
    )
    .bind(&ids)
    .bind(DAEMON)
    .bind(image)
    .execute(&pool)
    .await
    .unwrap();
    games
}

/// What a controller brings engines back with.
fn engines(db: &TestDb, driver: &Arc<Simulated>) -> Arc<Engines> {
    let tuning = Tuning::default();
    let revivals = RevivalBudget { claim: Duration::from_secs(10), ..tuning.revivals };
    let timeouts = Timeouts { call: Duration::from_secs(1), probe: Duration::from_secs(1) };
    Arc::new(Engines {
        driver: Arc::clone(driver) as Arc<dyn Driver>,
        daemon_id: DAEMON.to_owned(),
        client: EngineClient::new(timeouts).unwrap(),
        db: Db::new(db.options(), 10),
        metrics: Metrics::new(),
        tuning: Tuning { revivals, ..tuning },
        random: Random::system(),
        reviving: Reviving::default(),
    })
}

async fn revival(db: &TestDb, game_id: GameId) -> (i32, DateTime<Utc>) {
    let sql = "SELECT revivals, revive_at FROM runtime_records WHERE game_id = $1";
    sqlx::query_as(sql).bind(game_id.uuid()).fetch_one(&db.pool()).await.unwrap()
}

#[tokio::test]
async fn a_pull_that_lasts_keeps_no_other_engine_waiting_and_is_begun_by_one() {
    let db = TestDb::new().await;
    let (slow, quick) = (seed(&db, "slow", SLOW).await, seed(&db, "quick", 1).await[0]);
    let driver = Arc::new(Simulated::default());
    let (one, other) = (engines(&db, &driver), engines(&db, &driver));
    let mut tasks = tokio::task::JoinSet::new();
    for game_id in slow.iter().copied() {
        let one = Arc::clone(&one);
        tasks.spawn(async move { one.revive(game_id).await.map(drop) });
    }
    eventually(SOON, "all are pulled for", || async { driver.pulls.load(Ordering::Relaxed) == SLOW }).await;
    tasks.spawn(async move { one.revive(quick).await.map(drop) });
    eventually(SOON, "the other is started", || async { driver.started.lock().contains(&quick) }).await;

    // Another controller misses it too. That it is seen to is said again and again, though the pull says nothing.
    let (_, begun) = revival(&db, slow[0]).await;
    eventually(SOON, "renewed", || async { revival(&db, slow[0]).await.1 > begun + TimeDelta::seconds(2) }).await;
    let waits = other.revive(slow[0]).await;
    assert!(matches!(waits, Err(ReviveError::Waiting(_))), "{waits:?}");
    assert_eq!(revival(&db, slow[0]).await.0, 1, "nothing of its budget is spent");
    tasks.abort_all();
}

#[tokio::test]
async fn pods_that_wait_for_a_node_keep_no_other_engine_waiting() {
    let db = TestDb::new().await;
    let (homeless, quick) = (seed(&db, "homeless", SLOW).await, seed(&db, "quick", 1).await[0]);
    let driver = Arc::new(Simulated::default());
    let engines = engines(&db, &driver);
    let mut tasks = tokio::task::JoinSet::new();
    for game_id in homeless.iter().copied().chain([quick]) {
        let engines = Arc::clone(&engines);
        tasks.spawn(async move { engines.revive(game_id).await.map(drop) });
    }
    eventually(SOON, "all wait", || async { driver.homeless.load(Ordering::Relaxed) == SLOW }).await;
    eventually(SOON, "the other is started", || async { driver.started.lock().contains(&quick) }).await;
    tasks.abort_all();
}

//! A pass over a thousand containers: one request to the daemon, some statements to Postgres, and engines that are silent hold up
//! nobody. The daemon is simulated, so that what is measured is ours.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::stream::BoxStream;
use runtime_controller::ask::Oracle;
use runtime_controller::config::Tuning;
use runtime_controller::driver::{
    Copies, Doing, Driver, DriverError, EngineSpec, Listed, Observed, Progress, Snapshots,
};
use runtime_controller::engines::{Engines, Reviving};
use runtime_controller::metrics::Metrics;
use runtime_controller::outcome::Outcomes;
use runtime_controller::reconcile::{Reconciler, Told};
use serde_json::json;
use shared::db::Db;
use shared::db::runtime::PinnedImage;
use shared::domain::runtime::QuestionKind;
use shared::engine_client::{EngineClient, Timeouts};
use shared::ids::GameId;
use shared::queue::wake;
use shared::random::Random;
use shared::service::lifecycle::Lifecycle;
use testkit::TestDb;

const DAEMON: &str = "docker:simulated";
const CONTAINERS: usize = 1_000;

/// A daemon with a container for each game, which counts what it is asked.
pub struct Simulated {
    games: Vec<GameId>,
    /// Where all of them are; `None`: each has an address where nobody is.
    endpoint: Option<String>,
    lists: AtomicUsize,
    others: AtomicUsize,
}

impl Simulated {
    pub fn new(games: Vec<GameId>, endpoint: Option<String>) -> Self {
        Self { games, endpoint, lists: AtomicUsize::new(0), others: AtomicUsize::new(0) }
    }

    fn observed(&self, game_id: GameId) -> Observed {
        let endpoint = self.endpoint.clone().unwrap_or_else(|| format!("http://{game_id}.invalid:8080"));
        Observed {
            container_id: format!("c-{game_id}"),
            running: true,
            endpoint: Some(endpoint),
            fingerprint: String::new(),
            ended: None,
        }
    }
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
        Ok(None)
    }
    async fn inspect(&self, game_id: GameId) -> Result<Option<Observed>, DriverError> {
        self.others.fetch_add(1, Ordering::Relaxed);
        Ok(Some(self.observed(game_id)))
    }
    async fn create(&self, spec: &EngineSpec) -> Result<String, DriverError> {
        Ok(self.observed(spec.game_id).container_id)
    }
    async fn start(&self, _: &EngineSpec) -> Result<(), DriverError> {
        Ok(())
    }
    async fn remove(&self, _: GameId) -> Result<(), DriverError> {
        Ok(())
    }
    async fn list(&self) -> Result<Vec<Listed>, DriverError> {
        self.lists.fetch_add(1, Ordering::Relaxed);
        let listed = |game_id: &GameId| Listed {
            game_id: *game_id,
            container_id: self.observed(*game_id).container_id,
            doing: Doing::Runs,
            endpoint: self.observed(*game_id).endpoint,
            said: "Up 2 hours".to_owned(),
            stray: false,
        };
        Ok(self.games.iter().map(listed).collect())
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

/// So many running games with their records, all well.
pub async fn seed(db: &TestDb, count: usize) -> Vec<GameId> {
    let games: Vec<GameId> = (0..count).map(|_| GameId::new()).collect();
    let ids: Vec<_> = games.iter().map(|game| game.uuid()).collect();
    let pool = db.pool();
    sqlx::query("INSERT INTO engine_versions (version, image) VALUES ('1.0.0', 'e')").execute(&pool).await.unwrap();
    sqlx::query(
        "INSERT INTO games (game_id, name, visibility, status, min_players, max_players, approved_count,
             enrollment_ends_at, turn_schedule, target_engine_version)
         SELECT g, 'Test', 'public', 'running', 1, 10, 1, now(), '@every 1h', '1.0.0' FROM unnest($1::uuid[]) g",
    )
    .bind(&ids)
    .execute(&pool)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO runtime_records (game_id, status, driver, daemon_id, engine_version, image, engine_token,
             container_id, endpoint, health, probed_at)
         SELECT g, 'running', 'docker', $2, '1.0.0', 'e', 't', 'c-' || g, 'http://' || g || '.invalid:8080',
             'healthy', now() FROM unnest($1::uuid[]) g",
    )
    .bind(&ids)
    .bind(DAEMON)
    .execute(&pool)
    .await
    .unwrap();
    games
}

/// The reconciler of that daemon.
pub fn told(db: &TestDb, driver: &Arc<Simulated>, lifecycle: &Lifecycle, client: EngineClient, tuning: Tuning) -> Told {
    let random = Random::system();
    let engines = Arc::new(Engines {
        driver: Arc::clone(driver) as Arc<dyn Driver>,
        daemon_id: DAEMON.to_owned(),
        client,
        db: Db::new(db.options(), 10),
        metrics: Metrics::new(),
        tuning,
        random: random.clone(),
        reviving: Reviving::default(),
    });
    let outcomes = Outcomes {
        daemon_id: DAEMON.to_owned(),
        pending_registration_ttl: Duration::from_secs(60),
        turn_spread: Duration::ZERO,
    };
    let (waker, _) = wake::start_with(db.options(), db.options(), lifecycle, &random, wake::WakeTiming::default());
    Told(Reconciler::new(engines, outcomes, waker, Duration::from_secs(60), Duration::from_secs(300)))
}

#[tokio::test]
async fn a_thousand_containers_are_reconciled_in_seconds_without_a_request_for_each() {
    let db = TestDb::new().await;
    let games = seed(&db, CONTAINERS).await;
    let lifecycle = Lifecycle::new(Duration::from_secs(5));
    let driver = Arc::new(Simulated::new(games, None));
    let timeouts = Timeouts { call: Duration::from_secs(1), probe: Duration::from_secs(1) };
    // No probe comes due here, however slow the machine is: none of these engines answers.
    let tuning = Tuning { probe_interval: Duration::from_secs(86_400), ..Tuning::default() };
    let told = told(&db, &driver, &lifecycle, EngineClient::new(timeouts).unwrap(), tuning);
    let asked = async |dry_run: bool| told.answer(QuestionKind::Reconcile, None, &json!({ "dry_run": dry_run })).await;
    let ask = async || asked(false).await;

    let began = Instant::now();
    let answer = ask().await.unwrap();
    let well = began.elapsed();
    assert_eq!(answer["actions"].as_array().unwrap().len(), 0, "all is well, and was probed just now");
    assert_eq!(driver.lists.load(Ordering::Relaxed), 1);
    assert_eq!(driver.others.load(Ordering::Relaxed), 0, "no request for any container");

    // A host that came back with all addresses changed: each is looked at, and written down anew.
    sqlx::query("UPDATE runtime_records SET endpoint = 'http://old-' || game_id").execute(&db.pool()).await.unwrap();
    let right = async || {
        let sql = "SELECT count(*) FROM runtime_records WHERE endpoint = 'http://' || game_id || '.invalid:8080'";
        let right: i64 = sqlx::query_scalar(sql).fetch_one(&db.pool()).await.unwrap();
        usize::try_from(right).unwrap()
    };
    // A dry run says it, and does nothing.
    let answer = asked(true).await.unwrap();
    assert_eq!(answer["actions"].as_array().unwrap().len(), CONTAINERS);
    assert_eq!((driver.others.load(Ordering::Relaxed), right().await), (0, 0));
    let began = Instant::now();
    let mut passes = 0;
    loop {
        let answer = ask().await.unwrap();
        passes += 1;
        if answer["actions"].as_array().unwrap().is_empty() {
            break;
        }
    }
    let moved = began.elapsed();
    assert_eq!(right().await, CONTAINERS);
    eprintln!("{CONTAINERS} containers: {well:?} when all is well; {moved:?} in {passes} passes when each has moved");
    lifecycle.stop();
}

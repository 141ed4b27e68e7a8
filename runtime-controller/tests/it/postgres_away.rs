//! Postgres goes away in each step of a job, under a controller that lives: it crashes and comes back, or the connections break while the
//! answer to a COMMIT is awaited, so that nobody knows what was written down. The job is finished all the same, with one engine, no attempt
//! burned, and each turn generated once.

use futures::future::join_all;
use serde_json::json;
use shared::domain::runtime::JobKind;
use shared::ids::GameId;
use testkit::process::{Proc, bin_path};
use testkit::proxy::TcpProxy;
use testkit::{PostgresConfig, PostgresServer, StopMode, TestDb};

use crate::barrier::Barrier;
use crate::crash::{self, started_once};
use crate::docker_away::{closed, one_container_each};
use crate::docker_world::DockerWorld;
use crate::replace::{LONG, goes_on, one_engine};
use crate::replace_crash;
use crate::turns::each_turn_once;
use crate::world::World;

async fn server() -> PostgresServer {
    tokio::task::spawn_blocking(|| PostgresServer::start(PostgresConfig::default())).await.unwrap().unwrap()
}

/// It crashes, and is back.
async fn restarted(mut server: PostgresServer) -> PostgresServer {
    let restart = move || server.restart(StopMode::Immediate).map(|()| server);
    tokio::task::spawn_blocking(restart).await.unwrap().unwrap()
}

/// The newest job was done once, and nobody was blamed for the database.
async fn done_once(world: &World, game_id: GameId, moment: &str) {
    let sql =
        "SELECT concat_ws(' ', status, failures) FROM runtime_jobs WHERE game_id = $1 ORDER BY job_id DESC LIMIT 1";
    assert_eq!(world.text(sql, game_id).await, "succeeded 0", "{moment}");
    let sql = "SELECT count(*) FROM runtime_operations o JOIN runtime_jobs j USING (job_id) WHERE o.game_id = $1
        AND o.op = j.kind AND o.outcome = 'ok'
                AND j.job_id = (SELECT job_id FROM runtime_jobs WHERE game_id = $1 ORDER BY job_id DESC LIMIT 1)";
    assert_eq!(world.number(sql, game_id).await, 1, "{moment}");
    let sql = "SELECT count(*) FROM runtime_jobs WHERE game_id = $1 AND status NOT IN ('succeeded')";
    assert_eq!(world.number(sql, game_id).await, 0, "{moment}: no job is stuck");
}

#[tokio::test]
async fn a_start_in_docker_survives_a_crash_of_postgres_at_each_step() {
    let server = server().await;
    let begun = join_all(crash::MOMENTS.map(async |(moment, condition)| {
        let mut docker = DockerWorld::new().await;
        docker.world.db = TestDb::on(&server).await;
        let mut barrier = Barrier::on_jobs(&docker.world.db, condition).await;
        let game_id = docker.world.game("@every 1h", &["Ants", "Bees"]).await;
        let controller = docker.world.controller(&LONG);
        barrier.reached().await;
        let before = docker.containers();
        (moment, docker, game_id, controller, before)
    }))
    .await;
    let _server = restarted(server).await;
    // Before the server goes, whose the databases are.
    join_all(begun.into_iter().map(async |(moment, docker, game_id, mut controller, before)| {
        let world = &docker.world;
        started_once(world, game_id).await;
        done_once(world, game_id, moment).await;
        one_container_each(&docker, &[game_id]).await;
        if !before.is_empty() {
            assert_eq!(docker.containers(), before, "{moment}: the container that was made is kept");
        }
        world.enqueue(game_id, JobKind::ForceNextTurn, json!({})).await;
        world.reaches_turn(game_id, 1).await;
        controller.kill9();
        each_turn_once(world, game_id).await;
        assert_eq!(closed(world, game_id), [0], "{moment}");
    }))
    .await;
}

/// A job that stands at a barrier.
struct Standing {
    moment: &'static str,
    kind: JobKind,
    world: World,
    game_id: GameId,
    controller: Proc,
    barrier: Option<Barrier>,
    proxy: TcpProxy,
    /// The engine that the game had before the job, and those that it has.
    former: Option<i32>,
    before: Vec<i32>,
}

/// An engine with a journal, as another image.
fn scripted(world: &World, name: &str) -> String {
    let copy = world.root.path().join(name);
    std::fs::copy(bin_path("scripted-engine"), &copy).unwrap();
    copy.to_str().unwrap().to_owned()
}

impl Standing {
    async fn new(db: TestDb, kind: JobKind, (moment, condition): (&'static str, &str), at_commit: bool) -> Self {
        let mut world = World::with_scripts().await;
        world.db = db;
        world.image = scripted(&world, "engine-0");
        let patched = scripted(&world, "engine-1");
        world.version("1.0.1", &patched).await;
        let proxy = TcpProxy::start(world.db.server_addr()).await.unwrap();
        let dsn = world.db.dsn_via(proxy.addr());
        let controller = world.controller(&[LONG[0], ("BACKEND_POSTGRES_DSN", &dsn)]);
        let mut former = None;
        let game_id = if kind == JobKind::Start {
            world.game_without_job("@every 1h", &["Ants", "Bees"]).await
        } else {
            let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
            world.reaches_turn(game_id, 1).await;
            former = Some(one_engine(&world, game_id, &world.image));
            game_id
        };
        let condition = format!("new.kind = '{kind}' AND {condition}");
        let mut barrier = match at_commit {
            true => Barrier::at_commit_of_jobs(&world.db, &condition).await,
            false => Barrier::on_jobs(&world.db, &condition).await,
        };
        let payload = if kind == JobKind::Patch { json!({ "version": "1.0.1" }) } else { json!({}) };
        world.enqueue(game_id, kind, payload).await;
        barrier.reached().await;
        let before = world.engines(game_id);
        assert!(before.len() <= 1, "{moment}: {before:?}");
        Self { moment, kind, world, game_id, controller, barrier: Some(barrier), proxy, former, before }
    }

    /// The job ends well, with one engine.
    async fn ends(self) {
        let Self { moment, kind, world, game_id, mut controller, former, before, proxy: _proxy, .. } = self;
        world.job_ends(game_id, kind.as_str(), "succeeded").await;
        done_once(&world, game_id, moment).await;
        let image = match kind {
            JobKind::Patch => world.root.path().join("engine-1").to_str().unwrap().to_owned(),
            _ => world.image.clone(),
        };
        let engine = one_engine(&world, game_id, &image);
        assert_ne!(Some(engine), former, "{moment}");
        if let [last] = before[..]
            && Some(last) != former
        {
            assert_eq!(engine, last, "{moment}: the engine that was made is kept");
        }
        if kind == JobKind::Start {
            started_once(&world, game_id).await;
            world.enqueue(game_id, JobKind::ForceNextTurn, json!({})).await;
            world.reaches_turn(game_id, 1).await;
        } else {
            goes_on(&world, game_id).await;
        }
        controller.kill9();
        each_turn_once(&world, game_id).await;
        let journal = world.journal(game_id);
        assert_eq!(journal, (1..).take(journal.len()).collect::<Vec<i32>>(), "{moment}");
        let recorded = usize::try_from(world.turn(game_id).await).unwrap();
        assert!([recorded, recorded + 1].contains(&journal.len()), "{moment}: {recorded} of {journal:?}");
    }
}

/// The steps of a job of this kind.
fn moments(kind: JobKind) -> Vec<(&'static str, &'static str)> {
    match kind {
        JobKind::Start => crash::MOMENTS.to_vec(),
        JobKind::Patch => replace_crash::MOMENTS.into_iter().chain([("snapshot", "new.step = 'snapshot'")]).collect(),
        _ => replace_crash::MOMENTS.to_vec(),
    }
}

async fn survives_a_crash(kind: JobKind) {
    for some in moments(kind).chunks(replace_crash::WORLDS) {
        let server = server().await;
        let standing = some.iter();
        let standing =
            standing.map(async |moment| Standing::new(TestDb::on(&server).await, kind, *moment, false).await);
        let standing = join_all(standing).await;
        let _server = restarted(server).await;
        join_all(standing.into_iter().map(Standing::ends)).await;
    }
}

#[tokio::test]
async fn a_restart_survives_a_crash_of_postgres_at_each_step() {
    survives_a_crash(JobKind::Restart).await;
}

#[tokio::test]
async fn a_patch_survives_a_crash_of_postgres_at_each_step() {
    survives_a_crash(JobKind::Patch).await;
}

/// What was written down is written down, and the controller is told that the connection is lost.
async fn survives_a_lost_answer(kind: JobKind) {
    replace_crash::each(moments(kind), async |moment| {
        let mut standing = Standing::new(TestDb::new().await, kind, moment, true).await;
        standing.proxy.cut().await;
        // The transaction goes through all the same.
        standing.barrier.take().unwrap().open().await;
        standing.proxy.restore().await.unwrap();
        standing.ends().await;
    })
    .await;
}

#[tokio::test]
async fn a_start_survives_the_loss_of_the_answer_to_each_commit() {
    survives_a_lost_answer(JobKind::Start).await;
}

#[tokio::test]
async fn a_restart_survives_the_loss_of_the_answer_to_each_commit() {
    survives_a_lost_answer(JobKind::Restart).await;
}

#[tokio::test]
async fn a_patch_survives_the_loss_of_the_answer_to_each_commit() {
    survives_a_lost_answer(JobKind::Patch).await;
}

//! A game played to its end.

use futures::future::join_all;
use testkit::eventually;

use crate::barrier::Barrier;
use crate::turns::each_turn_once;
use crate::world::{SOON, World};

const RACES: [&str; 3] = ["Ants", "Bees", "Cats"];
const TURNS: i64 = 6;

async fn ended_well(world: &World, game_id: shared::ids::GameId) {
    world.reaches(game_id, "finished").await;
    eventually(SOON, "its engine is gone", || async { world.engines(game_id).is_empty() }).await;
    eventually(SOON, "and its container", || async { world.runtime(game_id).await.container_id.is_none() }).await;
    let runtime = world.runtime(game_id).await;
    assert_eq!((runtime.status.as_str(), runtime.next_turn_at, runtime.endpoint), ("finished", None, None));
    assert_eq!(world.turn(game_id).await, TURNS);
    each_turn_once(world, game_id).await;
    assert_eq!(world.told(game_id, "game.finished").await, [format!("finished:{game_id}")]);
    let winners: Vec<String> = sqlx::query_scalar("SELECT winners FROM games WHERE game_id = $1")
        .bind(game_id.uuid())
        .fetch_one(&world.pool())
        .await
        .unwrap();
    let told: Vec<String> = sqlx::query_scalar(
        "SELECT jsonb_array_elements_text(payload -> 'winners')
        FROM notifications WHERE game_id = $1 AND kind = 'game.finished'",
    )
    .bind(game_id.uuid())
    .fetch_all(&world.pool())
    .await
    .unwrap();
    assert!(!winners.is_empty());
    assert_eq!(winners, told);

    // Every report of every race and turn is kept.
    let reports = world.number("SELECT count(*) FROM engine_reports WHERE game_id = $1", game_id).await;
    assert_eq!(reports, RACES.len() as i64 * (TURNS + 1));

    // Nobody moved, so nobody fell: all names may be registered, and each holder was told.
    let pending: Vec<(String, f64)> = sqlx::query_as(
        "SELECT race_name, extract(epoch FROM expires_at - now())::float8 FROM race_names
         WHERE game_id = $1 AND status = 'pending_registration' ORDER BY 1",
    )
    .bind(game_id.uuid())
    .fetch_all(&world.pool())
    .await
    .unwrap();
    assert_eq!(pending.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), RACES);
    assert!(pending.iter().all(|(_, left)| (3_000.0..=3_600.0).contains(left)), "{pending:?}");
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM notifications WHERE kind = 'lobby.race_name.pending'")
        .fetch_one(&world.pool())
        .await
        .unwrap();
    assert_eq!(told, RACES.len() as i64);
}

const ENV: [(&str, &str); 1] = [("BACKEND_LOBBY_PENDING_REGISTRATION_TTL", "1h")];

#[tokio::test]
async fn a_game_is_played_to_its_end() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1s", &RACES).await;
    let mut controller = world.controller(&ENV);
    ended_well(&world, game_id).await;
    // It stays so.
    controller.terminate();
    assert!(controller.wait_exit(SOON).await.unwrap().success(), "{}", controller.tail(20));
}

#[tokio::test]
async fn a_controller_killed_at_the_end_of_the_game_leaves_the_rest_to_another() {
    let moments = [
        ("before the end is recorded", "runtime_turns", "new.status = 'idle'"),
        ("before the container is removed", "runtime_jobs", "new.kind = 'stop' AND new.step = 'remove'"),
        ("after it was removed", "runtime_jobs", "new.kind = 'stop' AND new.status = 'succeeded'"),
    ];
    join_all(moments.map(async |(moment, table, condition)| {
        let world = World::with_processes().await;
        let mut barrier = Barrier::on(&world.db, table, condition).await;
        let game_id = world.game("@every 1s", &RACES).await;
        let mut first = world.controller(&ENV);
        barrier.reached().await;
        eprintln!("killed {moment}");
        first.kill9();
        barrier.lift(table).await;
        let mut second = world.controller(&ENV);
        ended_well(&world, game_id).await;
        second.kill9();
    }))
    .await;
}

#[tokio::test]
async fn a_game_cancelled_while_it_starts_leaves_nothing_running() {
    let world = World::with_processes().await;
    let mut barrier = Barrier::on_jobs(&world.db, "new.kind = 'start' AND new.status = 'succeeded'").await;
    let game_id = world.game("@every 1s", &RACES).await;
    let mut first = world.controller(&[]);
    barrier.reached().await;
    assert_eq!(world.engines(game_id).len(), 1);
    // The start job is still active: it sees to the stop itself.
    world.end_game(game_id, "cancelled").await;
    assert_eq!(world.number("SELECT count(*) FROM runtime_jobs WHERE game_id = $1", game_id).await, 1);
    barrier.lift("runtime_jobs").await;
    eventually(SOON, "its engine is gone", || async { world.engines(game_id).is_empty() }).await;
    eventually(SOON, "removed", || async { world.runtime(game_id).await.status.as_str() == "removed" }).await;
    assert_eq!(world.status(game_id).await, "cancelled");
    assert!(world.told(game_id, "game.started").await.is_empty());
    first.kill9();
}

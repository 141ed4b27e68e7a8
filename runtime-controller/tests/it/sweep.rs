//! What the sweeper does by itself.

use testkit::eventually;

use crate::world::{SOON, World};

#[tokio::test]
async fn an_enrolment_that_ended_with_enough_players_is_closed_and_a_short_one_stays_open() {
    let world = World::with_processes().await;
    let full = world.game_without_job("@every 1h", &["Ants", "Bees"]).await;
    let short = world.game_without_job("@every 1h", &["Cats"]).await;
    let early = world.game_without_job("@every 1h", &["Dogs", "Elks"]).await;
    sqlx::query("UPDATE games SET status = 'enrollment_open', min_players = 2").execute(&world.pool()).await.unwrap();
    sqlx::query("UPDATE games SET enrollment_ends_at = now() + interval '1 hour' WHERE game_id = $1")
        .bind(early.uuid())
        .execute(&world.pool())
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO applications (application_id, game_id, user_id, race_name, canonical_key)
         SELECT gen_random_uuid(), $1, user_id, 'Late', 'late' FROM memberships WHERE game_id = $2",
    )
    .bind(full.uuid())
    .bind(short.uuid())
    .execute(&world.pool())
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO runtime_operations (operation_id, game_id, op, outcome, at)
         SELECT gen_random_uuid(), $1, 'turn', 'ok', now() - make_interval(days => n) FROM unnest(ARRAY[1, 91, 92]) n",
    )
    .bind(full.uuid())
    .execute(&world.pool())
    .await
    .unwrap();
    let mut controllers = [(); 2].map(|()| world.controller(&[("BACKEND_LOBBY_SWEEPER_INTERVAL", "200ms")]));
    world.reaches(full, "ready_to_start").await;
    assert_eq!(world.text("SELECT status FROM applications WHERE game_id = $1", full).await, "closed");
    eventually(SOON, "old entries are gone", || async {
        world.number("SELECT count(*) FROM runtime_operations WHERE game_id = $1", full).await == 1
    })
    .await;
    assert_eq!(world.status(short).await, "enrollment_open");
    assert_eq!(world.status(early).await, "enrollment_open");
    for controller in &mut controllers {
        controller.terminate();
        assert!(controller.wait_exit(SOON).await.unwrap().success());
    }
}

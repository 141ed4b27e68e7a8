//! What lapses by time, swept by two sweepers at once.

use serde_json::Value;
use shared::ids::UserId;
use testkit::eventually;

use crate::world::{SOON, World};

const NAMES: i64 = 250;

/// Names and invites whose time is over, and some whose time is not.
async fn lapsing(world: &World) {
    let game_id = world.game_without_job("@every 1h", &["Ants"]).await;
    let pool = world.pool();
    let user_id = UserId::new();
    sqlx::query(
        "INSERT INTO accounts (user_id, user_name, preferred_language, time_zone) VALUES ($1, 'holder', 'en', 'UTC')",
    )
    .bind(user_id.uuid())
    .execute(&pool)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO race_names (race_name_id, canonical_key, race_name, user_id, status, expires_at)
         SELECT gen_random_uuid(), 'name' || n, 'Name ' || n, $1, 'pending_registration',
                now() + CASE WHEN n <= $2 THEN interval '-1 second' ELSE interval '1 day' END
           FROM generate_series(1, $2 + 10) n",
    )
    .bind(user_id.uuid())
    .bind(NAMES)
    .execute(&pool)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO invites (invite_id, game_id, inviter_user_id, code, max_uses, expires_at)
         SELECT gen_random_uuid(), $1, $2, 'code' || n, 1, now() + CASE WHEN n <= 600 THEN interval '-1 second' ELSE interval '1 day' END
           FROM generate_series(1, 610) n",
    )
    .bind(game_id.uuid())
    .bind(user_id.uuid())
    .execute(&pool)
    .await
    .unwrap();
}

async fn count(world: &World, what: &'static str) -> i64 {
    sqlx::query_scalar(what).fetch_one(&world.pool()).await.unwrap()
}

#[tokio::test]
async fn names_and_invites_lapse_once_under_two_sweepers() {
    let world = World::with_processes().await;
    lapsing(&world).await;
    let mut controllers = [(); 2].map(|()| world.controller(&[("BACKEND_LOBBY_SWEEPER_INTERVAL", "50ms")]));
    eventually(SOON, "names are released", || async {
        count(&world, "SELECT count(*) FROM race_names WHERE status = 'released' AND expires_at IS NULL").await == NAMES
    })
    .await;
    eventually(SOON, "invites are expired", || async {
        count(&world, "SELECT count(*) FROM invites WHERE status = 'expired'").await == 600
    })
    .await;
    for controller in &mut controllers {
        controller.terminate();
        assert!(controller.wait_exit(SOON).await.unwrap().success());
    }
    assert_eq!(count(&world, "SELECT count(*) FROM race_names WHERE status = 'pending_registration'").await, 10);
    assert_eq!(count(&world, "SELECT count(*) FROM invites WHERE status = 'open'").await, 10);
    let told = "SELECT count(*) FROM notifications WHERE kind = 'lobby.race_name.expired'";
    assert_eq!(count(&world, told).await, NAMES, "one for each, however many sweepers");
}

#[tokio::test]
async fn what_the_sweeper_looks_for_stands_on_an_index() {
    let world = World::with_processes().await;
    lapsing(&world).await;
    let mut conn = world.pool().acquire().await.unwrap();
    sqlx::raw_sql("ANALYZE").execute(&mut *conn).await.unwrap();
    for (statement, index) in [
        (
            "SELECT race_name_id FROM race_names WHERE status = 'pending_registration'
             AND expires_at <= statement_timestamp() ORDER BY expires_at LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED",
            "race_names_expires_at_idx",
        ),
        (
            "SELECT invite_id FROM invites WHERE status = 'open' AND expires_at <= statement_timestamp()
             ORDER BY expires_at LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED",
            "invites_expires_at_idx",
        ),
        (
            "SELECT game_id FROM memberships WHERE banish_due_at <= statement_timestamp() ORDER BY banish_due_at LIMIT 50",
            "memberships_banish_due_at_idx",
        ),
        (
            "SELECT game_id FROM games WHERE status = 'enrollment_open'
             AND enrollment_ends_at <= statement_timestamp() AND approved_count >= min_players
             ORDER BY enrollment_ends_at LIMIT 50 FOR NO KEY UPDATE SKIP LOCKED",
            "games_full_enrollment_idx",
        ),
    ] {
        // Whatever the tables' size here: with a scan of the whole table ruled out, the index must do.
        sqlx::raw_sql("SET enable_seqscan = off").execute(&mut *conn).await.unwrap();
        let plan: Value = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("EXPLAIN (FORMAT JSON) {statement}")))
            .fetch_one(&mut *conn)
            .await
            .unwrap();
        let plan = plan.to_string();
        assert!(
            plan.contains(index) && !plan.contains("Seq Scan") && !plan.contains("\"Sort\""),
            "{statement}: {plan}"
        );
    }
}

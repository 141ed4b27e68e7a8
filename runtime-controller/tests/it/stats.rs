//! Figures of each minute: written once, whichever controller comes first, and removed after a week.

use shared::domain::stats::StatSeries;
use shared::domain::word::Word as _;
use testkit::eventually;

use crate::world::{SOON, World};

#[tokio::test]
async fn of_two_controllers_one_writes_each_minute_and_what_is_a_week_old_goes() {
    let world = World::with_processes().await;
    let pool = world.pool();
    sqlx::query(
        "INSERT INTO stat_minutes (at, series, value)
         SELECT now() - interval '1 hour' * h, 'mails_sent', 1 FROM unnest(ARRAY[160, 170, 2000]) h",
    )
    .execute(&pool)
    .await
    .unwrap();
    let game = world.game_without_job("@every 1h", &["Ants", "Bees"]).await;
    sqlx::query("UPDATE games SET status = 'running' WHERE game_id = $1")
        .bind(game.uuid())
        .execute(&pool)
        .await
        .unwrap();
    // Some turns of the minutes around now: how many fall into one that is written depends on when that is.
    sqlx::query(
        "INSERT INTO runtime_operations (operation_id, game_id, op, outcome, at)
         SELECT (lpad(to_hex((extract(epoch FROM t) * 1000)::bigint), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid,
                $1, 'turn', 'ok', t
           FROM (SELECT n, date_trunc('minute', now()) + make_interval(secs => n) AS t FROM generate_series(-60, 299) n) s",
    )
    .bind(game.uuid())
    .execute(&pool)
    .await
    .unwrap();
    let mut controllers = [(); 2].map(|()| world.controller(&[]));
    eventually(SOON, "a minute is written, and old ones are gone", || async {
        let written: i64 =
            sqlx::query_scalar("SELECT count(DISTINCT at) FROM stat_minutes WHERE at > now() - interval '1 hour'")
                .fetch_one(&pool)
                .await
                .unwrap();
        let old: i64 = sqlx::query_scalar("SELECT count(*) FROM stat_minutes WHERE at < now() - interval '168 hours'")
            .fetch_one(&pool)
            .await
            .unwrap();
        written > 0 && old == 0
    })
    .await;
    let minutes: Vec<(Vec<String>, f64, f64)> = sqlx::query_as(
        "SELECT array_agg(series ORDER BY series), max(value) FILTER (WHERE series = 'games_running'),
                max(value) FILTER (WHERE series = 'turns_generated')
           FROM stat_minutes WHERE at > now() - interval '1 hour' GROUP BY at",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    for (series, running, turns) in minutes {
        assert_eq!(series, StatSeries::texts(), "each series once a minute");
        assert_eq!((running, turns), (1.0, 60.0), "the game that runs, and the turns of the whole minute before");
    }
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM stat_minutes WHERE at < now() - interval '100 hours'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(kept, 1, "what is younger than a week stays");
    for controller in &mut controllers {
        controller.terminate();
        assert!(controller.wait_exit(SOON).await.unwrap().success());
    }
}

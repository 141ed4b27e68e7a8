//! The hot statements use their indexes, in custom and in generic plans (QUEUE-AND-LOG §1).

use notify_worker::{dispatch, expand};
use shared::domain::notification::Payload;
use shared::queue::explain_claim;

use crate::world::World;

#[tokio::test]
async fn claims_read_the_due_index_and_the_order_indexes_and_scan_no_table() {
    let world = World::new().await;
    let users = world.accounts(200, false).await;
    let game = world.game(&users).await;
    let users: Vec<uuid::Uuid> = users.iter().map(|u| u.uuid()).collect();
    sqlx::query(
        "INSERT INTO notifications (notification_id, kind, idempotency_key, audience, game_id, game_seq, payload, status, next_attempt_at)
         SELECT gen_random_uuid(), 'game.turn.ready', n::text, 'game_members', $1, n, $2, CASE WHEN n % 20 = 0
             THEN 'pending' ELSE 'expanded' END,
                now() - n * interval '1 second' FROM generate_series(1, 20000) AS n",
    )
    .bind(game.uuid())
    .bind(Payload::GameTurnReady { game_id: game, turn: 1 }.to_json())
    .execute(&world.pool())
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO notification_routes (route_id, notification_id, channel, user_id, game_id, game_seq, status, next_attempt_at)
         SELECT gen_random_uuid(), notification_id, 'push', u, game_id, game_seq, CASE WHEN game_seq % 20 = 0
             THEN 'pending' ELSE 'delivered' END,
                next_attempt_at FROM (SELECT * FROM notifications LIMIT 100) AS n, unnest($1::uuid[]) AS u",
    )
    .bind(&users)
    .execute(&world.pool())
    .await
    .unwrap();
    sqlx::raw_sql("ANALYZE notifications, notification_routes").execute(&world.pool()).await.unwrap();
    let mut conn = world.db.connect().await;
    for (spec, due, order) in [
        (&expand::SPEC, "notifications_due_idx", "notifications_game_order_idx"),
        (&dispatch::SPEC, "notification_routes_due_idx", "notification_routes_order_idx"),
    ] {
        for generic in [false, true] {
            let plan = explain_claim(&mut conn, spec, generic).await.unwrap();
            assert!(plan.contains(due), "{generic}: {plan}");
            assert!(plan.contains(order), "{generic}: {plan}");
            // A bitmap or a sort would read all that is due for each batch.
            for bad in [format!("Seq Scan on {}", spec.table), "Bitmap".to_owned(), "Sort".to_owned()] {
                assert!(!plan.contains(&bad), "{generic}: {plan}");
            }
        }
    }
}

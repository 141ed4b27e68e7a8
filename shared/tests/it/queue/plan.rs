//! The claim must be served by its index, in custom and in generic plans.

use shared::queue::{QueueSpec, Topic, explain_claim};

use super::kit::*;

#[tokio::test]
async fn the_claim_reads_its_index_and_never_the_table() {
    let db = database().await;
    let pool = db.pool();
    // Much history, a backlog, and half a million due later would be the worst case; a tenth of it plans the same.
    sqlx::query(
        "INSERT INTO probe_jobs (job_id, payload, status, next_attempt_at, finished_at)
         SELECT gen_random_uuid(), 'ok', CASE WHEN n % 10 < 7 THEN 'done' ELSE 'pending' END,
                clock_timestamp() + make_interval(secs => n - 5000), CASE WHEN n % 10 < 7 THEN clock_timestamp() END
         FROM generate_series(1, 50000) n",
    )
    .execute(&pool)
    .await
    .unwrap();
    sqlx::query("ANALYZE probe_jobs").execute(&pool).await.unwrap();
    let mut conn = db.connect().await;
    for generic in [false, true] {
        let plan = explain_claim(&mut conn, &SPEC, generic).await.unwrap();
        assert!(plan.contains("probe_jobs_due_idx"), "generic {generic}:\n{plan}");
        assert!(!plan.contains("Seq Scan on probe_jobs"), "generic {generic}:\n{plan}");
        assert!(!plan.contains("Sort"), "the index gives the order; generic {generic}:\n{plan}");
    }
}

#[tokio::test]
async fn every_real_queue_table_has_what_the_engine_needs() {
    let db = database().await;
    let mut conn = db.connect().await;
    const fn spec(table: &'static str, key: &'static str, active: &'static str, dead: &'static str) -> QueueSpec {
        QueueSpec {
            name: table,
            table,
            key,
            active,
            dead,
            priorities: 1,
            filter: "",
            removable: "",
            topic: Topic::Mail,
        }
    }
    static SPECS: [QueueSpec; 5] = [
        spec("mail_deliveries", "delivery_id", "sending", "dead_lettered"),
        spec("notifications", "notification_id", "expanding", "dead_lettered"),
        spec("notification_routes", "route_id", "dispatching", "dead_lettered"),
        spec("runtime_jobs", "job_id", "running", "failed"),
        spec("runtime_turns", "game_id", "generating", "failed"),
    ];
    for spec in &SPECS {
        // Empty tables would be scanned: the plan is asked for as if that were dear.
        sqlx::query("SET enable_seqscan = off").execute(&mut conn).await.unwrap();
        let plan = explain_claim(&mut conn, spec, true).await.unwrap();
        assert!(plan.contains(&format!("{}_due_idx", spec.table)), "{plan}");
        shared::queue::metrics::snapshot(&mut conn, spec).await.unwrap();
    }
}

//! The overview: what wants somebody, counted at one moment.

use serde_json::{Value, json};
use shared::ids::WorkerId;

use super::runtimes::running;
use super::{mail, mail_is};
use crate::harness::Api;

const OVERVIEW: &str = "/api/v1/admin/overview";

async fn look(api: &Api) -> Value {
    api.admin().get(OVERVIEW).send().await.expect(200).json()
}

/// Its turn is not due while the test runs, however slow the machine is.
async fn not_due(api: &Api, game: &str) {
    api.sql("UPDATE runtime_turns SET scheduled_at = now() + interval '1 hour' WHERE game_id = $1::uuid", game).await;
}

/// A worker's row, as the process leaves it.
async fn worker(api: &Api, process: &str, version: Option<&str>, lease: f64) {
    sqlx::query(
        "INSERT INTO workers (worker_id, process, instance, version, expires_at)
         VALUES ($1, $2, $2 || '@host:7-ab', $3, now() + make_interval(secs => $4))",
    )
    .bind(WorkerId::new().uuid())
    .bind(process)
    .bind(version)
    .bind(lease)
    .execute(&api.pool())
    .await
    .unwrap();
}

#[tokio::test]
async fn an_installation_where_all_is_well_shows_nothing_that_wants_somebody() {
    let api = Api::start().await;
    let game = running(&api).await;
    not_due(&api, &game).await;
    let seen = look(&api).await;
    for nothing in ["start_failed_games", "late_turns", "unserved_runtimes", "push_subscribers", "push_behind"] {
        assert_eq!(seen[nothing], 0, "{nothing}: {seen}");
    }
    assert_eq!(seen["latest_turn_seconds"], 0.0);
    assert_eq!((&seen["paused_games"], &seen["unwell_runtimes"]), (&json!({}), &json!({})));
    assert_eq!(seen["processes"], json!([]), "the API itself works no queue");
    let names: Vec<&str> =
        seen["queues"].as_array().unwrap().iter().map(|queue| queue["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["runtime_turns", "runtime_jobs", "notifications", "notification_routes", "mail"]);
    assert!(seen["as_of"].is_string());
}

#[tokio::test]
async fn what_stands_still_is_late_unwell_or_gone_is_counted() {
    let api = Api::start().await;
    let [paused, full, failed, late, unwell] =
        [running(&api).await, running(&api).await, running(&api).await, running(&api).await, running(&api).await];
    for game in [&paused, &full, &failed] {
        not_due(&api, game).await;
    }
    for (game, reason) in [(&paused, "manual"), (&full, "state_limit")] {
        let pause = format!("UPDATE games SET status = 'paused', pause_reason = '{reason}' WHERE game_id = $1::uuid");
        api.sql(&pause, game).await;
    }
    api.sql("UPDATE games SET status = 'start_failed' WHERE game_id = $1::uuid", &failed).await;
    // It was tried meanwhile, and is due again later: late it is all the same.
    let retried = "UPDATE runtime_turns SET status = 'retrying', scheduled_at = now() - interval '10 minutes',
                          next_attempt_at = now() + interval '1 hour' WHERE game_id = $1::uuid";
    api.sql(retried, &late).await;
    let in_time = "UPDATE runtime_turns SET status = 'generating', scheduled_at = now() + interval '1 hour'
                    WHERE game_id = $1::uuid";
    api.sql(in_time, &unwell).await;
    let ill =
        "UPDATE runtime_records SET status = 'engine_unreachable', unserved_since = now() WHERE game_id = $1::uuid";
    api.sql(ill, &unwell).await;
    for key in ["one", "two"] {
        let id = mail(&api, key, &["ann@example.org"]).await;
        mail_is(&api, id, "dead_lettered").await;
    }
    worker(&api, "mail-worker", Some("0.2.0"), 60.0).await;
    worker(&api, "mail-worker", Some("0.1.0"), 60.0).await;
    worker(&api, "mail-worker", Some("0.0.9"), -60.0).await;
    worker(&api, "runtime-controller", None, 60.0).await;

    let seen = look(&api).await;
    assert_eq!(seen["paused_games"], json!({ "manual": 1, "state_limit": 1 }));
    assert_eq!((&seen["start_failed_games"], &seen["late_turns"]), (&json!(1), &json!(1)));
    let latest = seen["latest_turn_seconds"].as_f64().unwrap();
    assert!((600.0..900.0).contains(&latest), "{latest}");
    assert_eq!(seen["unwell_runtimes"], json!({ "engine_unreachable": 1 }));
    assert_eq!(seen["unserved_runtimes"], 1);
    let mails = seen["queues"].as_array().unwrap().iter().find(|queue| queue["name"] == "mail").unwrap();
    assert_eq!(mails["depth"]["dead_lettered"], 2);
    assert_eq!(
        seen["processes"],
        json!([
            { "process": "mail-worker", "alive": 2, "lost": 1, "versions": ["0.1.0", "0.2.0"] },
            { "process": "runtime-controller", "alive": 1, "lost": 0, "versions": [] },
        ]),
        "the version of who is lost is of no rollout"
    );
}

//! Workers: who works the queues, as which release, since when, and until when their leases last.

use serde_json::{Value, json};
use shared::ids::WorkerId;

use super::{items, walk};
use crate::harness::Api;

const WORKERS: &str = "/api/v1/admin/workers";

/// A worker's row, as the process leaves it. Answers its id.
async fn worker(api: &Api, process: &str, version: Option<&str>, daemon: Option<&str>, lease: i32) -> String {
    let id = WorkerId::new();
    sqlx::query(
        "INSERT INTO workers (worker_id, process, instance, version, started_at, expires_at, daemon_id)
         VALUES ($1, $2, $2 || '@host:7-ab', $3, '2026-03-10T18:00:05Z', now() + make_interval(secs => $5), $4)",
    )
    .bind(id.uuid())
    .bind(process)
    .bind(version)
    .bind(daemon)
    .bind(f64::from(lease))
    .execute(&api.pool())
    .await
    .unwrap();
    id.to_string()
}

#[tokio::test]
async fn workers_are_listed_with_what_they_are_and_until_when_they_last() {
    let api = Api::start().await;
    let admin = api.admin();
    assert_eq!(items(&admin, WORKERS).await, Vec::<Value>::new(), "the API itself works no queue");
    let mut ids = [
        worker(&api, "mail-worker", None, None, -30).await,
        worker(&api, "notify-worker", Some("0.1.0"), None, 5).await,
        worker(&api, "runtime-controller", Some("0.1.0"), Some("docker:one"), 5).await,
    ];
    let seen = items(&admin, WORKERS).await;
    let of = |process: &str| seen.iter().find(|worker| worker["process"] == process).unwrap();
    let controller = of("runtime-controller");
    let expected = json!({
        "worker_id": ids[2], "process": "runtime-controller", "instance": "runtime-controller@host:7-ab",
        "version": "0.1.0", "started_at": "2026-03-10T18:00:05+00:00", "expires_at": controller["expires_at"],
        "daemon_id": "docker:one",
    });
    assert_eq!(*controller, expected);
    let dead = of("mail-worker");
    assert_eq!((&dead["version"], &dead["daemon_id"]), (&Value::Null, &Value::Null), "of a former release");
    // Times are texts of one form in UTC, so they compare as such.
    let until = |process: &str| of(process)["expires_at"].as_str().unwrap().to_owned();
    assert!(until("mail-worker") < until("notify-worker"), "one whose lease is over is shown until it is swept");

    ids.sort_unstable();
    ids.reverse();
    assert_eq!(walk(&admin, WORKERS, "worker_id").await, ids, "newest first, page by page");
    for (parameter, value) in [("limit", "0"), ("limit", "201"), ("cursor", "nonsense!")] {
        let answer = admin.get(WORKERS).bad().query(parameter, value).send().await;
        answer.expect_problem(400, "invalid_request");
    }
}

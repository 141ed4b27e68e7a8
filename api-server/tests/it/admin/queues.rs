//! Queues: looked at, paused.

use serde_json::json;

use super::{items, mail, mail_is, walk};
use crate::harness::Api;

const QUEUES: &str = "/api/v1/admin/queues";

#[tokio::test]
async fn queues_are_seen_with_their_depths_and_ages() {
    let api = Api::start().await;
    let admin = api.admin();
    assert_eq!(
        walk(&admin, QUEUES, "name").await,
        ["runtime_turns", "runtime_jobs", "notifications", "notification_routes", "mail"]
    );
    let empty = items(&admin, QUEUES).await.pop().unwrap();
    let none = json!({ "pending": 0, "retrying": 0, "sending": 0, "dead_lettered": 0, "quarantined": 0 });
    assert_eq!(empty, json!({ "name": "mail", "paused": false, "depth": none, "oldest_due_seconds": 0.0 }));
    for (n, status) in
        ["pending", "pending", "retrying", "sending", "sent", "dead_lettered", "dead_lettered", "quarantined"]
            .iter()
            .enumerate()
    {
        let id = mail(&api, &n.to_string(), &["ann@example.org"]).await;
        mail_is(&api, id, status).await;
    }
    let age = "UPDATE mail_deliveries SET suspect = false, next_attempt_at = now() - interval '90 seconds'
        WHERE status = 'retrying' AND $1 = ''";
    api.sql(age, "").await;
    let seen = items(&admin, QUEUES).await.pop().unwrap();
    assert_eq!(
        seen["depth"],
        json!({ "pending": 2, "retrying": 1, "sending": 1, "dead_lettered": 2, "quarantined": 1 }),
        "what ended well is not counted"
    );
    let oldest = seen["oldest_due_seconds"].as_f64().unwrap();
    assert!((90.0..120.0).contains(&oldest), "{oldest}");
}

#[tokio::test]
async fn a_queue_is_paused_and_resumed() {
    let api = Api::start().await;
    let other = api.replica().await;
    let verb = |name: &str, verb: &str| format!("{QUEUES}/{name}/{verb}");
    let paused = || async {
        let queues = items(&other.admin(), QUEUES).await;
        queues.into_iter().filter(|q| q["paused"] == true).map(|q| q["name"].clone()).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        let answer = api.admin().post(verb("runtime_turns", "pause")).send().await.expect(200).json();
        assert_eq!((&answer["name"], &answer["paused"]), (&json!("runtime_turns"), &json!(true)));
        assert_eq!(paused().await, ["runtime_turns"]);
    }
    api.admin().post(verb("runtime_turns", "resume")).send().await.expect(200);
    assert!(paused().await.is_empty());
    let detail = sqlx::query_scalar::<_, String>(
        "SELECT string_agg(action || ' ' || (detail ->> 'changed'), ', ' ORDER BY audit_id) FROM audit_log",
    );
    assert_eq!(detail.fetch_one(&api.pool()).await.unwrap(), "queue.pause true, queue.pause false, queue.resume true");
    api.admin().post(verb("nothing", "pause")).send().await.expect_problem(404, "queue_not_found");
    api.admin().post(verb("probe%00", "resume")).bad().send().await.expect_problem(400, "invalid_request");
}

//! What the trail says of calls that were refused: of whom and of what they were, and why they were made.

use serde_json::{Value, json};

use crate::admin::auth::{administrator, set_up, signed_in};
use crate::admin::items;
use crate::harness::{Api, PASSWORD, text};

const TRAIL: &str = "/api/v1/admin/audit-log";
const PART_OF: &str = "11111111-2222-4333-8444-555555555555";

#[tokio::test]
async fn a_refused_call_is_found_by_what_it_was_about_and_says_why() {
    let api = Api::start().await;
    administrator(&api, "eve", &["viewer"]).await;
    let eve = api.client.with_basic("eve", PASSWORD);
    let user = api.account("ada").await;
    let path = format!("/api/v1/admin/users/{}", user.to_uppercase());
    let requests = [
        eve.delete(&path).query("reason", "they asked").query("operation_id", PART_OF),
        eve.delete(&path).query("dry_run", "true"),
        eve.post(format!("{path}/sanctions")).json(&json!({ "kind": "game_join_block", "reason": "rude" })),
        // A reason that is none keeps no refusal from being written.
        eve.post(format!("{path}/sessions/revoke-all")).bad().query("reason", "two\nlines"),
    ];
    for request in requests {
        request.send().await.expect_problem(403, "role_required");
    }
    let mut lines = items(&api.admin(), &format!("{TRAIL}?target_id={user}&target_type=user&outcome=refused")).await;
    lines.reverse();
    let told = |line: &Value| json!([line["action"], line["reason"], line["operation_id"], line["detail"]]);
    let (plain, tried) = (json!({ "code": "role_required" }), json!({ "code": "role_required", "dry_run": true }));
    let expected = [
        json!(["admin_delete_user", "they asked", PART_OF, plain]),
        json!(["admin_delete_user", null, null, tried]),
        json!(["admin_create_sanction", "rude", null, plain]),
        json!(["admin_revoke_all_sessions", null, null, plain]),
    ];
    assert_eq!(lines.iter().map(told).collect::<Vec<_>>(), expected);
    // What is about nothing that has a name is told by its path.
    let many = eve.post("/api/v1/admin/users/sessions/revoke").json(&json!({ "filter": {} }));
    many.send().await.expect_problem(403, "role_required");
    let line = &items(&api.admin(), &format!("{TRAIL}?action=admin_revoke_sessions")).await[0];
    assert_eq!(
        (&line["target_type"], &line["target_id"]),
        (&json!("operation"), &json!("/api/v1/admin/users/sessions/revoke"))
    );
}

#[tokio::test]
async fn a_refused_block_is_no_block_in_the_line_of_the_account() {
    let api = Api::start().await;
    administrator(&api, "ada", &["owner"]).await;
    let (_, _, ada) = set_up(&api, &signed_in(&api, "ada").await).await;
    api.sql("UPDATE admin_sessions SET confirmed_until = now() WHERE user_name = $1", "ada").await;
    let user = api.account("bob").await;
    let block = |kind: &str| {
        let body = json!({ "kind": kind, "reason": "x" });
        ada.post(format!("/api/v1/admin/users/{user}/sanctions")).json(&body)
    };
    block("permanent_block").send().await.expect_problem(403, "confirmation_required");
    block("permanent_block").query("dry_run", "true").send().await.expect_problem(403, "confirmation_required");
    block("game_join_block").send().await.expect(201);
    let seen = items(&ada, &format!("/api/v1/admin/users/{user}/timeline")).await;
    let told = |entry: &Value| (text(entry, "what"), text(entry, "outcome"));
    let expected =
        [("user.sanction.set", "done"), ("admin_create_sanction", "refused"), ("admin_create_sanction", "refused")];
    assert_eq!(seen.iter().map(told).collect::<Vec<_>>(), expected.map(|(w, o)| (w.to_owned(), o.to_owned())));
    let tried = "audit_log WHERE action = 'admin_create_sanction' AND detail ->> 'dry_run' = 'true'";
    assert_eq!(api.count(tried).await, 1, "which of both was only tried is told");
}

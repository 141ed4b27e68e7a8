//! What hurts can be tried: it says what it would change, and changes nothing.

use serde_json::{Value, json};
use testkit::openapi::Operation;

use crate::admin::audit_log::prepare;
use crate::every_operation::parameters;
use crate::harness::{Api, contract, text};

const EFFECTS: &str = "application/vnd.galaxy.effects+json";

/// Everything that an administrator may change, as it is.
async fn all(api: &Api) -> Vec<String> {
    let mut found = Vec::new();
    for table in [
        "accounts",
        "applications",
        "audit_log",
        "device_sessions",
        "games",
        "identities",
        "invites",
        "mail_deliveries",
        "memberships",
        "notification_routes",
        "notifications",
        "race_names",
        "runtime_jobs",
        "runtime_records",
        "runtime_turns",
        "sanctions",
    ] {
        let digest = format!("SELECT coalesce(md5(string_agg(t::text, '' ORDER BY t::text)), '') FROM {table} t");
        let digest: String = sqlx::query_scalar(sqlx::AssertSqlSafe(digest)).fetch_one(&api.pool()).await.unwrap();
        found.push(format!("{table} {digest}"));
    }
    found
}

/// Whether the document says that an operation can be tried.
fn can_be_tried(operation: &Operation) -> bool {
    let answers = !operation.spec()["responses"]["200"]["content"][EFFECTS].is_null();
    let asked = parameters(operation, "query").any(|parameter| parameter["name"] == "dry_run");
    assert!(asked || !answers, "{}", operation.name());
    answers
}

/// Rows of a table that would be written.
fn count(effects: &Value, what: &str) -> i64 {
    let effects = effects["effects"].as_array().unwrap();
    effects.iter().find(|effect| effect["what"] == what).map_or(0, |effect| effect["count"].as_i64().unwrap())
}

#[tokio::test]
async fn what_can_be_tried_changes_nothing_and_is_then_done_as_if_it_had_not_been() {
    let api = Api::start_with(&[("BACKEND_ADMIN_REQUIRE_REASON", "true")]).await;
    let contract = contract();
    let mut walked = 0;
    for operation in contract.operations().iter().filter(|operation| can_be_tried(operation)) {
        let ((path, body), _) = prepare(&api, &operation.id).await;
        let call = || {
            let request = api.admin().request(operation.method.parse().unwrap(), &path);
            match &body {
                Some(body) => request.json(body),
                None => request,
            }
        };
        let before = all(&api).await;
        let tried = call().query("dry_run", true).send().await.expect(200);
        assert_eq!(tried.header("content-type"), EFFECTS, "{}", operation.id);
        let effects = tried.json();
        assert_eq!(all(&api).await, before, "{}: {effects}", operation.id);
        // Of these nothing is there that it would change.
        let nothing = [
            "admin_patch_runtimes",
            "admin_pause_games",
            "admin_restart_runtimes",
            "admin_resume_games",
            "admin_revoke_all_sessions",
            "admin_revoke_sessions",
        ]
        .contains(&operation.id.as_str());
        assert_eq!(effects["effects"].as_array().unwrap().is_empty(), nothing, "{}: {effects}", operation.id);
        assert_eq!(count(&effects, "audit_log"), 0, "{}", operation.id);
        let in_query = parameters(operation, "query").any(|parameter| parameter["name"] == "reason");
        let call = if in_query { call().query("reason", "it was tried") } else { call() };
        let done = call.send().await;
        assert!(done.status.is_success() && done.header("content-type") != EFFECTS, "{}", operation.id);
        walked += 1;
    }
    assert!(walked > 10, "{walked}");
}

#[tokio::test]
async fn the_deletion_of_a_player_says_what_goes_with_them() {
    let api = Api::start().await;
    let (id, ada) = api.player("ada").await;
    let game = api.open_public_game(json!({})).await;
    api.join(&game, &ada, "Zerg").await;
    for _ in 0..2 {
        let open = api.gateway().post(format!("/api/v1/internal/users/{id}/sessions")).json(&json!({}));
        open.send().await.expect(201);
    }
    let path = format!("/api/v1/admin/users/{id}");
    let tried = async || api.admin().delete(&path).query("dry_run", true).send().await;
    let effects = tried().await.expect(200).json();
    for (what, least) in [("accounts", 1), ("memberships", 1), ("race_names", 1), ("device_sessions", 2)] {
        assert!(count(&effects, what) >= least, "{what}: {effects}");
    }
    // Twice is the same: what was tried is not counted again.
    assert_eq!(tried().await.expect(200).json(), effects);
    assert_eq!(text(&ada.get("/api/v1/user/account").send().await.expect(200).json(), "user_id"), id);
    api.admin().delete(&path).send().await.expect(204);
    assert_eq!(tried().await.expect(200).json(), json!({ "effects": [] }), "they are gone");
    let nobody = api.admin().delete("/api/v1/admin/users/00000000-0000-7000-8000-000000000001");
    nobody.query("dry_run", true).send().await.expect_problem(404, "account_not_found");
}

//! The trail: every write leaves a line, and the lines can be found.

use serde_json::{Value, json};

use super::{expansion_dies, mail, mail_is, notification, route, walk};
use crate::admin::runtimes::running;
use crate::harness::{ADMIN, Api, VERSION, game, text};

const TRAIL: &str = "/api/v1/admin/audit-log";
/// What everything below is a part of.
const PART_OF: &str = "0190f3c1-6d2e-7a41-9c55-3b8f4e2d7a10";

/// What a write must leave behind.
pub struct Trace {
    action: &'static str,
    target_type: &'static str,
    target_id: String,
}

fn trace(action: &'static str, target_type: &'static str, target_id: impl ToString) -> Trace {
    Trace { action, target_type, target_id: target_id.to_string() }
}

/// A request that succeeds: path and body.
pub type Call = (String, Option<Value>);

/// A race name that looks like no other game's.
async fn race(api: &Api) -> String {
    let games = api.count("games").await.to_string();
    let letters = games.chars().map(|digit| b"bcdfghkmpr"[digit.to_digit(10).unwrap() as usize] as char);
    format!("Zerg {}", letters.collect::<String>())
}

/// A public game put into a status by hand, with a member so that it can start.
async fn game_in(api: &Api, status: &str) -> String {
    let id = api.open_public_game(json!({ "min_players": 1 })).await;
    let (_, player) = api.player(&format!("p{}", &id[24..])).await;
    api.join(&id, &player, &race(api).await).await;
    api.sql("UPDATE games SET status = 'draft' WHERE game_id = $1::uuid AND status <> 'draft'", &id).await;
    if status != "draft" {
        let set = format!("UPDATE games SET status = '{status}' WHERE game_id = $1::uuid");
        api.sql(&set, &id).await;
    }
    id
}

/// What the one member of a game is known by.
async fn member(api: &Api, game: &str, column: &str) -> String {
    let select = format!("SELECT {column}::text FROM memberships WHERE game_id = $1::uuid");
    sqlx::query_scalar(sqlx::AssertSqlSafe(select)).bind(game).fetch_one(&api.pool()).await.unwrap()
}

/// How to bring a write about that succeeds, and the line that it must leave. A new operation is listed here, or the test
/// below fails.
pub async fn prepare(api: &Api, operation: &str) -> (Call, Trace) {
    let admin = |path: String| format!("/api/v1/admin/{path}");
    let of_game = async |status: &str, verb: &str, action: &'static str| {
        let id = game_in(api, status).await;
        ((admin(format!("games/{id}/{verb}")), None), trace(action, "game", &id))
    };
    let of_application = async |verb: &str, action: &'static str| {
        let id = api.open_public_game(json!({})).await;
        let (_, player) = api.player(&format!("a{}", &id[24..])).await;
        let apply = player.post(format!("/api/v1/user/lobby/games/{id}/applications"));
        let application = text(
            &apply.json(&json!({ "race_name": race(api).await })).send().await.expect(201).json(),
            "application_id",
        );
        let path = admin(format!("games/{id}/applications/{application}/{verb}"));
        ((path, None), trace(action, "application", application))
    };
    let of_user = async |below: &str, body: Option<Value>, action: &'static str| {
        let user = api.account(&format!("u{}", api.count("accounts").await)).await;
        ((admin(format!("users/{user}{below}")), body), trace(action, "user", user))
    };
    let of_none = |path: &str, trace: Trace| {
        ((admin(path.into()), Some(json!({ "filter": { "engine_version": "none" } }))), trace)
    };
    let an_administrator = async || {
        let name = format!("admin-{}", api.count("admin_accounts").await);
        let body = json!({ "user_name": name, "password": "a long enough one" });
        api.admin().post("/api/v1/admin/admin-accounts").json(&body).send().await.expect(201);
        name
    };
    let a_dead_mail = async || {
        let id = mail(api, &format!("k{}", api.count("mail_deliveries").await), &["ann@example.org"]).await;
        mail_is(api, id, "dead_lettered").await;
        id
    };
    let a_dead_route = async || {
        let user = api.account(&format!("r{}", api.count("accounts").await)).await;
        let id = notification(api, &user, &user).await;
        expansion_dies(api, id, "dead_lettered").await;
        route(api, id, &user, "push", "dead_lettered").await
    };
    match operation {
        "admin_create_game" => {
            let name = format!("Orion {}", api.count("games").await);
            api.engine_version().await;
            ((admin("games".into()), Some(game(json!({ "name": name })))), trace("game.create", "game", ""))
        }
        "admin_patch_game" => {
            let id = game_in(api, "draft").await;
            ((admin(format!("games/{id}")), Some(json!({ "name": "Lyra" }))), trace("game.patch", "game", &id))
        }
        "admin_open_enrollment_game" => of_game("draft", "open-enrollment", "game.open-enrollment").await,
        "admin_ready_to_start_game" => of_game("enrollment_open", "ready-to-start", "game.ready-to-start").await,
        "admin_start_game" => of_game("ready_to_start", "start", "game.start").await,
        "admin_retry_start_game" => of_game("start_failed", "retry-start", "game.retry-start").await,
        "admin_pause_game" => of_game("running", "pause", "game.pause").await,
        "admin_resume_game" => {
            let made = of_game("paused", "resume", "game.resume").await;
            let record = "INSERT INTO runtime_records (game_id, status, driver, daemon_id, engine_version, image, endpoint, engine_token)
                          VALUES ($1::uuid, 'running', 'docker', 'd', '1.0.0', 'x', 'http://127.0.0.1:1', 'x')";
            api.sql(record, &made.1.target_id).await;
            made
        }
        "admin_cancel_game" => of_game("draft", "cancel", "game.cancel").await,
        "admin_approve_application" => of_application("approve", "application.approve").await,
        "admin_reject_application" => of_application("reject", "application.reject").await,
        "admin_create_engine_version" => {
            let body = json!({ "version": "7.0.0", "image": "e:7" });
            ((admin("engine-versions".into()), Some(body)), trace("engine_version.create", "engine_version", "7.0.0"))
        }
        "admin_patch_engine_version" => {
            api.engine_version().await;
            let path = admin(format!("engine-versions/{VERSION}"));
            ((path, Some(json!({ "enabled": true }))), trace("engine_version.patch", "engine_version", VERSION))
        }
        "admin_disable_engine_version" => {
            let body = json!({ "version": "8.0.0", "image": "e:8" });
            api.admin().post("/api/v1/admin/engine-versions").json(&body).send().await.expect(201);
            (
                (admin("engine-versions/8.0.0/disable".into()), None),
                trace("engine_version.disable", "engine_version", "8.0.0"),
            )
        }
        "admin_create_admin_account" => {
            let body = json!({ "user_name": "new", "password": "a long enough one" });
            ((admin("admin-accounts".into()), Some(body)), trace("admin_account.create", "admin_account", "new"))
        }
        "admin_enable_admin_account" => {
            let name = an_administrator().await;
            (
                (admin(format!("admin-accounts/{name}/enable")), None),
                trace("admin_account.enable", "admin_account", name),
            )
        }
        "admin_disable_admin_account" => {
            let name = an_administrator().await;
            (
                (admin(format!("admin-accounts/{name}/disable")), None),
                trace("admin_account.disable", "admin_account", name),
            )
        }
        "admin_reset_admin_account_password" => {
            let name = an_administrator().await;
            let path = admin(format!("admin-accounts/{name}/reset-password"));
            ((path, None), trace("admin_account.reset_password", "admin_account", name))
        }
        "admin_patch_admin_account" => {
            let name = an_administrator().await;
            let path = admin(format!("admin-accounts/{name}"));
            let body = json!({ "roles": ["support"], "email": "grace@example.org" });
            ((path, Some(body)), trace("admin_account.patch", "admin_account", name))
        }
        "admin_reset_admin_account_second_factor" => {
            let name = an_administrator().await;
            let path = admin(format!("admin-accounts/{name}/reset-second-factor"));
            let body = json!({ "reason": "a lost phone" });
            ((path, Some(body)), trace("admin_account.reset_second_factor", "admin_account", name))
        }
        "admin_resend_mail_delivery" => {
            let id = a_dead_mail().await;
            ((admin(format!("mail/deliveries/{id}/resend")), None), trace("mail.resend", "mail_delivery", id))
        }
        "admin_resend_mail" => {
            let id = a_dead_mail().await;
            ((admin(format!("mail/{id}/resend")), None), trace("mail.resend", "mail_delivery", id))
        }
        "admin_resend_mail_deliveries" => {
            a_dead_mail().await;
            let body = json!({ "filter": {} });
            ((admin("mail/deliveries/resend".into()), Some(body)), trace("mail.resend_many", "queue", "mail"))
        }
        "admin_dismiss_mail_dead_letter" => {
            let id = a_dead_mail().await;
            ((admin(format!("mail/dead-letters/{id}/dismiss")), None), trace("mail.dismiss", "mail_delivery", id))
        }
        "admin_dismiss_mail_dead_letters" => {
            a_dead_mail().await;
            let body = json!({ "filter": {} });
            ((admin("mail/dead-letters/dismiss".into()), Some(body)), trace("mail.dismiss_many", "queue", "mail"))
        }
        "admin_dismiss_notification_dead_letter" => {
            let id = a_dead_route().await;
            let path = admin(format!("notifications/dead-letters/{id}/dismiss"));
            ((path, None), trace("notification.dismiss", "notification_route", id))
        }
        "admin_dismiss_notification_dead_letters" => {
            a_dead_route().await;
            let path = admin("notifications/dead-letters/dismiss".into());
            ((path, Some(json!({ "filter": {} }))), trace("notification.dismiss_many", "queue", "notification_routes"))
        }
        // Each that is changed has a line of its own besides: here there is none.
        "admin_resume_games" => of_none("games/resume", trace("game.resume_many", "game", "paused")),
        "admin_pause_games" => of_none("games/pause", trace("game.pause_many", "game", "running")),
        "admin_restart_runtimes" => of_none("runtimes/restart", trace("runtime.restart_many", "runtime", "many")),
        "admin_patch_runtimes" => {
            let body = json!({ "filter": { "engine_version": "none" }, "version": "1.0.9" });
            ((admin("runtimes/patch".into()), Some(body)), trace("runtime.patch_many", "runtime", "many"))
        }
        "admin_revoke_sessions" => {
            let body = json!({ "filter": { "created_before": "2000-01-01T00:00:00Z" } });
            ((admin("users/sessions/revoke".into()), Some(body)), trace("user.sessions.revoke_many", "user", "many"))
        }
        "admin_redrive_notification_dead_letter" => {
            let id = a_dead_route().await;
            let path = admin(format!("notifications/dead-letters/{id}/redrive"));
            ((path, None), trace("notification.redrive", "notification_route", id))
        }
        "admin_redrive_notification_dead_letters" => {
            a_dead_route().await;
            let path = admin("notifications/dead-letters/redrive".into());
            ((path, Some(json!({ "filter": {} }))), trace("notification.redrive_many", "queue", "notification_routes"))
        }
        "admin_pause_queue" => ((admin("queues/mail/pause".into()), None), trace("queue.pause", "queue", "mail")),
        "admin_resume_queue" => ((admin("queues/mail/resume".into()), None), trace("queue.resume", "queue", "mail")),
        "admin_force_start_game" => of_game("ready_to_start", "force-start", "game.force-start").await,
        "admin_force_stop_game" => {
            let id = running(api).await;
            ((admin(format!("games/{id}/force-stop")), None), trace("game.force-stop", "game", id))
        }
        "admin_end_game" => {
            let id = running(api).await;
            let body = json!({ "reason": "nobody moves any more" });
            ((admin(format!("games/{id}/end")), Some(body)), trace("game.end", "game", id))
        }
        "admin_ban_member" => {
            let id = game_in(api, "enrollment_open").await;
            let user = member(api, &id, "user_id").await;
            let body = json!({ "reason": "cheats" });
            ((admin(format!("games/{id}/members/{user}/ban")), Some(body)), trace("game.ban", "game", id))
        }
        "admin_remove_membership" | "admin_block_membership" => {
            let id = game_in(api, "enrollment_open").await;
            let membership = member(api, &id, "membership_id").await;
            let (verb, action) = match operation {
                "admin_remove_membership" => ("remove", "membership.remove"),
                _ => ("block", "membership.block"),
            };
            let path = admin(format!("games/{id}/memberships/{membership}/{verb}"));
            ((path, None), trace(action, "membership", membership))
        }
        "admin_restart_runtime" => {
            let id = running(api).await;
            ((admin(format!("runtimes/{id}/restart")), None), trace("runtime.restart", "runtime", id))
        }
        "admin_patch_runtime" => {
            let id = running(api).await;
            let version = json!({ "version": "1.0.9", "image": "e:1.0.9" });
            api.admin().post("/api/v1/admin/engine-versions").json(&version).send().await.expect(201);
            let body = json!({ "version": "1.0.9" });
            ((admin(format!("runtimes/{id}/patch")), Some(body)), trace("runtime.patch", "runtime", id))
        }
        "admin_force_next_turn" => {
            let id = running(api).await;
            ((admin(format!("runtimes/{id}/force-next-turn")), None), trace("runtime.force-next-turn", "runtime", id))
        }
        "admin_accept_turn" => {
            let id = running(api).await;
            api.sql(
                "UPDATE games SET status = 'paused', pause_reason = 'generation_failed' WHERE game_id = $1::uuid",
                &id,
            )
            .await;
            api.sql("UPDATE runtime_records SET endpoint = NULL WHERE game_id = $1::uuid", &id).await;
            let body = json!({ "turn": 5 });
            ((admin(format!("runtimes/{id}/accept-turn")), Some(body)), trace("runtime.accept-turn", "runtime", id))
        }
        "admin_release_runtime" => {
            let id = running(api).await;
            ((admin(format!("runtimes/{id}/release")), None), trace("runtime.release", "runtime", id))
        }
        "admin_cancel_runtime_job" => {
            let id = running(api).await;
            api.admin().post(format!("/api/v1/admin/runtimes/{id}/restart")).send().await.expect(200);
            ((admin(format!("runtimes/{id}/job")), None), trace("runtime.cancel-job", "runtime", id))
        }
        "admin_reconcile_runtimes" => {
            ((admin("runtimes/reconcile".into()), None), trace("runtime.reconcile", "daemon", "all"))
        }
        "admin_delete_user" => of_user("", None, "user.delete").await,
        "admin_create_entitlement" => {
            let body = json!({ "plan": "monthly", "source": "admin", "reason": "a gift" });
            of_user("/entitlements", Some(body), "user.entitlement.grant").await
        }
        "admin_set_limits" => {
            let body = json!({ "private_games": 9, "memberships": null, "race_names": null });
            of_user("/limits", Some(body), "user.limits.set").await
        }
        "admin_create_sanction" => {
            let body = json!({ "kind": "game_join_block", "reason": "x" });
            of_user("/sanctions", Some(body), "user.sanction.set").await
        }
        "admin_lift_sanction" => {
            let ((path, _), trace) = of_user("", None, "user.sanction.lift").await;
            let body = json!({ "kind": "game_join_block", "reason": "x" });
            let made = api.admin().post(format!("{path}/sanctions")).json(&body).send().await.expect(201).json();
            let lift = format!("{path}/sanctions/{}/lift", text(&made, "sanction_id"));
            ((lift, None), trace)
        }
        "admin_create_user_note" => {
            of_user("/notes", Some(json!({ "text": "wrote to them" })), "user.note.write").await
        }
        "admin_create_game_note" => {
            let id = game_in(api, "draft").await;
            let body = json!({ "text": "looked at it" });
            ((admin(format!("games/{id}/notes")), Some(body)), trace("game.note.write", "game", id))
        }
        "admin_revoke_all_sessions" => of_user("/sessions/revoke-all", None, "user.sessions.revoke_all").await,
        other => panic!("{other} writes and is not listed here: say how it succeeds and which line it leaves"),
    }
}

#[tokio::test]
async fn every_write_leaves_one_line_that_says_who_what_and_from_where() {
    let api = Api::start().await;
    let writes = crate::harness::contract();
    // What administrators do with their own way in has tests of its own (admin/auth).
    let of_others = |path: &str| path.starts_with("/api/v1/admin/") && !path.starts_with("/api/v1/admin/auth/");
    let writes = writes.operations().iter().filter(|o| of_others(&o.path) && o.method != "GET");
    let mut walked = 0;
    for operation in writes {
        let ((path, body), expected) = prepare(&api, &operation.id).await;
        let before = api.count("audit_log").await;
        let request_id = format!("audit-{}", operation.id);
        let request = api.admin().request(operation.method.parse().unwrap(), &path).header("X-Request-ID", &request_id);
        let request = match &body {
            Some(body) => request.json(body),
            None => request,
        };
        // Why stands in the body, where the body has it.
        let why = body.as_ref().and_then(|body| text_of(body, "reason"));
        let request = if why.is_some() { request } else { request.query("reason", "  to see it there ") };
        let why = why.unwrap_or_else(|| "to see it there".to_owned());
        let answer = request.query("operation_id", PART_OF).send().await;
        assert!(
            answer.status.is_success(),
            "{}: {} {}",
            operation.id,
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        assert_eq!(api.count("audit_log").await, before + 1, "{}", operation.id);
        type Line = (String, String, String, String, String, Value, Option<String>, Option<String>);
        let (actor, action, target_type, target_id, ip, detail, reason, part_of): Line = sqlx::query_as(
            "SELECT actor, action, target_type, target_id, ip, detail, reason, operation_id::text FROM audit_log WHERE request_id = $1",
        )
        .bind(&request_id)
        .fetch_one(&api.pool())
        .await
        .unwrap();
        assert_eq!((actor.as_str(), ip.as_str()), (ADMIN, "127.0.0.1"), "{}", operation.id);
        assert_eq!((reason, part_of.as_deref()), (Some(why), Some(PART_OF)), "{}", operation.id);
        assert_eq!(
            (action.as_str(), target_type.as_str()),
            (expected.action, expected.target_type),
            "{}",
            operation.id
        );
        // The password and the reason of a ban stay out; what else was asked for is told.
        let silent = ["admin_account.create", "game.member.ban"].contains(&action.as_str());
        assert!(silent || body.is_none() || detail != json!({}), "{} says nothing of {body:?}", operation.id);
        // Of what was made the answer tells the id.
        let made = || text_of(&answer.json(), &format!("{target_type}_id"));
        let target = if expected.target_id.is_empty() { made().unwrap() } else { expected.target_id };
        assert_eq!(target_id, target, "{}", operation.id);
        walked += 1;
    }
    assert!(walked > 20);
    // All of them are parts of one, and are found by it.
    let parts = walk(&api.admin(), &format!("{TRAIL}?operation_id={PART_OF}"), "action").await;
    assert_eq!(parts.len(), walked);
    // A call that fails leaves nothing.
    let before = api.count("audit_log").await;
    let nobody = "00000000-0000-7000-8000-000000000001";
    api.admin().post(format!("/api/v1/admin/mail/{nobody}/resend")).send().await.expect(404);
    assert_eq!(api.count("audit_log").await, before);
}

fn text_of(value: &Value, member: &str) -> Option<String> {
    value[member].as_str().map(str::to_owned)
}

#[tokio::test]
async fn the_trail_is_found_by_actor_action_target_and_time() {
    let api = Api::start().await;
    let admin = api.admin();
    let body = json!({ "user_name": "ada", "password": "a long enough one" });
    admin.post("/api/v1/admin/admin-accounts").json(&body).send().await.expect(201);
    let ada = api.client.with_basic("ada", "a long enough one");
    for verb in ["pause", "resume"] {
        ada.post(format!("/api/v1/admin/queues/mail/{verb}")).send().await.expect(200);
    }
    admin.post("/api/v1/admin/admin-accounts/ada/disable").send().await.expect(200);
    let (create, pause, resume, disable) =
        ("admin_account.create", "queue.pause", "queue.resume", "admin_account.disable");
    assert_eq!(walk(&admin, TRAIL, "action").await, [disable, resume, pause, create]);
    let found = async |query: &str| walk(&admin, &format!("{TRAIL}?{query}"), "action").await;
    assert_eq!(found("actor=ada").await, [resume, pause]);
    assert_eq!(found("actor=ada&action=queue.pause").await, [pause]);
    assert_eq!(found("action=admin_account.disable").await, [disable]);
    assert_eq!(found("target_type=queue&target_id=mail").await, [resume, pause]);
    assert_eq!(found("target_id=ada").await, [disable, create]);
    assert_eq!(found("target_type=game").await, [Value::Null; 0]);
    let page = admin.get(TRAIL).send().await.expect(200).json();
    let at = text(&page["items"][1], "at").replace("+00:00", "Z");
    assert_eq!(found(&format!("at_after={at}")).await, [disable, resume]);
    assert_eq!(found(&format!("at_before={at}")).await, [pause, create]);
    let entry = &page["items"][1];
    assert_eq!(
        (&entry["actor"], &entry["target_type"], &entry["target_id"]),
        (&json!("ada"), &json!("queue"), &json!("mail"))
    );
    assert_eq!((&entry["detail"], &entry["ip"]), (&json!({ "changed": true }), &json!("127.0.0.1")));
    assert_eq!((&entry["before"], &entry["after"]), (&json!({ "paused": true }), &json!({ "paused": false })));
    assert_eq!((&entry["reason"], &entry["operation_id"]), (&Value::Null, &Value::Null));
    assert!(!String::from_utf8_lossy(&admin.get(TRAIL).send().await.body).contains("a long enough one"));
    admin.get(format!("{TRAIL}?actor=%00")).bad().send().await.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn what_was_refused_is_told_from_what_was_done_and_each_way_in_from_the_others() {
    let api = Api::start().await;
    let admin = api.admin();
    let eve = json!({ "user_name": "eve", "password": "a long enough one", "roles": ["viewer"] });
    admin.post("/api/v1/admin/admin-accounts").json(&eve).send().await.expect(201);
    let eve = api.client.with_basic("eve", "a long enough one");
    eve.post("/api/v1/admin/queues/mail/pause").send().await.expect_problem(403, "role_required");
    let found = async |query: &str| walk(&admin, &format!("{TRAIL}?{query}"), "action").await;
    assert_eq!(found("outcome=refused").await, ["admin_pause_queue"]);
    assert_eq!(found("outcome=done").await, ["admin_account.create"]);
    assert_eq!(found(&format!("outcome=refused&actor={ADMIN}")).await, [Value::Null; 0]);
    assert_eq!(found("via=basic").await, ["admin_pause_queue", "admin_account.create"]);
    assert_eq!(found("via=token").await, [Value::Null; 0]);
    for query in ["outcome=perhaps", "via=window", "operation_id=1"] {
        admin.get(format!("{TRAIL}?{query}")).bad().send().await.expect_problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_reason_is_a_line_of_at_most_500_characters() {
    let api = Api::start().await;
    let admin = api.admin();
    let pause = |reason: &str| admin.post("/api/v1/admin/queues/mail/pause").bad().query("reason", reason).send();
    for bad in ["", " ", "two\nlines", "a\u{202E}b", &"x".repeat(501)] {
        let answer = pause(bad).await.expect_problem(400, "invalid_request").json();
        assert_eq!(answer["errors"][0]["pointer"], "/query/reason", "{answer}");
    }
    assert_eq!(api.count("audit_log").await, 0);
    pause(&"ж".repeat(500)).await.expect(200);
    assert_eq!(api.count("audit_log WHERE char_length(reason) = 500").await, 1);
}

#[tokio::test]
async fn where_reasons_are_required_what_wants_one_is_refused_without_and_nothing_else_is() {
    let api = Api::start_with(&[("BACKEND_ADMIN_REQUIRE_REASON", "true")]).await;
    let contract = crate::harness::contract();
    let of_others = |path: &str| path.starts_with("/api/v1/admin/") && !path.starts_with("/api/v1/admin/auth/");
    let writes = contract.operations().iter().filter(|o| of_others(&o.path) && o.method != "GET");
    let mut wanting = 0;
    for operation in writes {
        // The others have it in their bodies, whose schemas demand it.
        let in_query = crate::every_operation::parameters(operation, "query").any(|p| p["name"] == "reason");
        let wants = operation.spec()["x-galaxy-reason"] == json!(true) && in_query;
        wanting += usize::from(wants);
        let path = operation.path_with(crate::access::some_value);
        let call = || {
            let request = api.admin().request(operation.method.parse().unwrap(), &path).bad();
            match contract.example_body(operation) {
                Some(body) => request.json(&body),
                None => request,
            }
        };
        let faults = async |request: testkit::openapi::ContractRequest| {
            let answer = request.send().await;
            let said = if answer.status == 400 { answer.json()["errors"][0]["pointer"].clone() } else { Value::Null };
            said == "/query/reason"
        };
        assert_eq!(faults(call()).await, wants, "{}", operation.id);
        if in_query {
            assert!(!faults(call().query("reason", "why not")).await, "{}", operation.id);
        }
    }
    assert!(wanting > 8, "{wanting}");
}

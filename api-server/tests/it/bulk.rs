//! What is done to many, one by one: the set does not grow while it is walked, and who refuses stops nobody (SPEC §4 "Bulk").

use futures::future::join_all;
use serde_json::{Value, json};

use crate::admin::runtimes::{job_done, running};
use crate::harness::{Api, text};

const PAUSE: &str = "/api/v1/admin/games/pause";
const RESTART: &str = "/api/v1/admin/runtimes/restart";
const PATCH: &str = "/api/v1/admin/runtimes/patch";
const REVOKE: &str = "/api/v1/admin/users/sessions/revoke";

/// The database's time, as a client would have it of a page.
async fn now(api: &Api) -> String {
    let select = r#"SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#;
    sqlx::query_scalar(select).fetch_one(&api.pool()).await.unwrap()
}

async fn done(api: &Api, path: &str, body: Value) -> Value {
    api.admin().post(path).json(&body).send().await.expect(200).json()
}

/// What each piece of two answers, until the last.
async fn walked(api: &Api, path: &str, mut body: Value) -> Vec<Value> {
    let mut pieces = Vec::new();
    loop {
        body["limit"] = json!(2);
        let piece = done(api, path, body.clone()).await;
        body["cursor"] = piece["next_cursor"].clone();
        pieces.push(piece);
        if body["cursor"].is_null() {
            return pieces;
        }
    }
}

fn sum(pieces: &[Value], member: &str) -> i64 {
    pieces.iter().map(|piece| piece[member].as_i64().unwrap()).sum()
}

async fn status(api: &Api, id: &str) -> String {
    text(&api.game(id).await, "status")
}

#[tokio::test]
async fn a_set_is_walked_once_and_what_came_later_is_left_out() {
    let api = Api::start().await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(running(&api).await);
    }
    let as_of = now(&api).await;
    // It is resumed after somebody looked: whoever resumed it did not mean it to be paused again.
    let resumed = running(&api).await;
    let later = running(&api).await;
    let body = json!({ "filter": {}, "as_of": as_of });
    let tried = api.admin().post(PAUSE).query("dry_run", true).json(&body).send().await.expect(200).json();
    let turns = tried["effects"].as_array().unwrap().iter().find(|effect| effect["what"] == "runtime_turns");
    assert_eq!(turns.unwrap()["count"], 3, "the clocks of three games: {tried}");
    assert_eq!(status(&api, &seen[0]).await, "running");
    let pieces = walked(&api, PAUSE, body.clone()).await;
    assert_eq!((pieces.len(), sum(&pieces, "changed")), (2, 3), "{pieces:?}");
    assert_eq!((&pieces[0]["matched"], &pieces[1]["matched"]), (&json!(3), &json!(1)));
    for id in &seen {
        assert_eq!(status(&api, id).await, "paused");
    }
    for id in [&resumed, &later] {
        assert_eq!(status(&api, id).await, "running");
    }
    assert_eq!(api.count("audit_log WHERE action = 'game.pause'").await, 3, "each has a line of its own");
    assert_eq!(api.count("notifications WHERE kind = 'game.paused'").await, 3, "and its members are told");
    let again = done(&api, PAUSE, body).await;
    assert_eq!(again, json!({ "matched": 0, "changed": 0, "refused": [], "next_cursor": null }));
    // What a clock that goes ahead calls now.
    let ahead = json!({ "filter": { "visibility": "public" }, "as_of": "9999-01-01T00:00:00Z" });
    assert_eq!(done(&api, PAUSE, ahead).await["changed"], 2);
}

#[tokio::test]
async fn an_engine_that_refuses_is_named_and_none_is_replaced_twice() {
    let api = Api::start().await;
    let busy = running(&api).await;
    api.admin().post(format!("/api/v1/admin/runtimes/{busy}/restart")).send().await.expect(200);
    let (idle, other) = (running(&api).await, running(&api).await);
    let away = running(&api).await;
    api.sql("UPDATE runtime_records SET status = 'stopped', endpoint = NULL WHERE game_id = $1::uuid", &away).await;
    let ill = running(&api).await;
    api.sql("UPDATE runtime_records SET status = 'engine_unreachable' WHERE game_id = $1::uuid", &ill).await;
    let as_of = now(&api).await;
    let body = json!({ "filter": { "status": "running" }, "as_of": as_of });
    let pieces = walked(&api, RESTART, body.clone()).await;
    let refused: Vec<&Value> = pieces.iter().flat_map(|piece| piece["refused"].as_array().unwrap()).collect();
    assert_eq!(refused, [&json!({ "id": busy, "code": "runtime_busy" })]);
    assert_eq!(sum(&pieces, "changed"), 2);
    assert_eq!(api.count("runtime_jobs WHERE kind = 'restart'").await, 3);
    // The jobs are done, and the answer was lost: the same set again has nothing left but what refused.
    for id in [&busy, &idle, &other] {
        job_done(&api, id).await;
    }
    let again = done(&api, RESTART, body).await;
    assert_eq!((&again["matched"], &again["changed"]), (&json!(1), &json!(1)), "{again}");
    assert_eq!(api.count("runtime_jobs WHERE kind = 'restart'").await, 4);
    let of_those = json!({ "filter": { "status": "engine_unreachable", "engine_version": "1.0.0" } });
    assert_eq!(done(&api, RESTART, of_those).await["changed"], 1);
}

#[tokio::test]
async fn engines_are_patched_where_the_version_is_a_patch_of_theirs() {
    let api = Api::start().await;
    let (one, two) = (running(&api).await, running(&api).await);
    api.sql("UPDATE runtime_records SET engine_version = '2.0.0' WHERE game_id = $1::uuid", &two).await;
    let version = json!({ "version": "1.0.9", "image": "e:1.0.9" });
    api.admin().post("/api/v1/admin/engine-versions").json(&version).send().await.expect(201);
    let answer = done(&api, PATCH, json!({ "filter": {}, "version": "1.0.9" })).await;
    let refused = json!([{ "id": two, "code": "engine_version_incompatible" }]);
    assert_eq!((&answer["changed"], &answer["refused"]), (&json!(1), &refused));
    assert_eq!(api.count("runtime_jobs WHERE kind = 'patch' AND payload ->> 'version' = '1.0.9'").await, 1);
    job_done(&api, &one).await;
    let unknown = done(&api, PATCH, json!({ "filter": { "engine_version": "1.0.0" }, "version": "1.0.8" })).await;
    assert_eq!(unknown["refused"], json!([{ "id": one, "code": "engine_version_disabled" }]));
}

#[tokio::test]
async fn sessions_that_were_open_then_end_and_later_ones_stay() {
    let api = Api::start().await;
    let open = async |user: &str| {
        let path = format!("/api/v1/internal/users/{user}/sessions");
        text(&api.gateway().post(path).json(&json!({})).send().await.expect(201).json(), "device_session_id")
    };
    let (ada, _) = api.player("ada").await;
    let (bob, _) = api.player("bob").await;
    let (cid, _) = api.player("cid").await;
    let (_first, second) = (open(&ada).await, open(&ada).await);
    open(&bob).await;
    let of_bob = format!("/api/v1/admin/users/{bob}/sanctions");
    let block = json!({ "kind": "game_join_block", "reason": "spam" });
    api.admin().post(of_bob).json(&block).send().await.expect(201);
    let as_of = now(&api).await;
    let (later, of_cid) = (open(&ada).await, open(&cid).await);
    let barred = done(&api, REVOKE, json!({ "filter": { "sanction": "game_join_block" }, "as_of": as_of })).await;
    assert_eq!((&barred["matched"], &barred["changed"]), (&json!(1), &json!(1)));
    let early = json!({ "filter": { "created_before": "2000-01-01T00:00:00Z" } });
    assert_eq!(done(&api, REVOKE, early).await["matched"], 0);
    let all = done(&api, REVOKE, json!({ "filter": { "plan": "free" }, "as_of": as_of })).await;
    assert_eq!((&all["matched"], &all["changed"]), (&json!(1), &json!(1)), "bob has none left, and cid's is later");
    let kept = format!("device_sessions WHERE status = 'active' AND device_session_id IN ('{later}', '{of_cid}')");
    let active = (api.count(&kept).await, api.count("device_sessions WHERE status = 'active'").await);
    assert_eq!(active, (2, 2));
    assert_eq!(
        api.count(&format!("device_sessions WHERE device_session_id = '{second}' AND revoke_reason = 'administrator'"))
            .await,
        1
    );
    let told: Vec<i64> = sqlx::query_scalar(
        "SELECT cardinality(device_sessions)::bigint FROM push_events WHERE what = 'invalidation' ORDER BY 1",
    )
    .fetch_all(&api.pool())
    .await
    .unwrap();
    assert_eq!(told, [1, 2], "one invalidation for each account, which names its sessions");
    assert_eq!(api.count("audit_log WHERE action = 'user.sessions.revoke_all'").await, 2);
}

#[tokio::test]
async fn of_two_who_end_the_same_sessions_each_account_is_counted_by_one() {
    let api = Api::start().await;
    let other = api.replica().await;
    for n in 0..8 {
        let (user, _) = api.player(&format!("user-{n}")).await;
        let open = api.gateway().post(format!("/api/v1/internal/users/{user}/sessions")).json(&json!({})).send();
        open.await.expect(201);
    }
    let body = json!({ "filter": {} });
    let answers = join_all([&api, &other].map(|replica| replica.admin().post(REVOKE).json(&body).send())).await;
    let changed: i64 = answers.into_iter().map(|answer| answer.expect(200).json()["changed"].as_i64().unwrap()).sum();
    assert_eq!(changed, 8);
    assert_eq!(api.count("audit_log WHERE action = 'user.sessions.revoke_all'").await, 8);
    assert_eq!(api.count("push_events WHERE what = 'invalidation'").await, 8);
}

#[tokio::test]
async fn a_piece_that_cannot_be_is_refused_by_the_place_of_the_fault() {
    let api = Api::start().await;
    for (path, body, pointer) in [
        (PAUSE, json!({ "filter": {}, "cursor": "x y" }), "/cursor"),
        (PAUSE, json!({ "filter": { "visibility": "secret" } }), "/filter/visibility"),
        (PAUSE, json!({ "filter": {}, "limit": 0 }), "/limit"),
        (PAUSE, json!({}), "/filter"),
        (RESTART, json!({ "filter": { "status": "asleep" } }), "/filter/status"),
        (RESTART, json!({ "filter": {}, "limit": 201 }), "/limit"),
        (PATCH, json!({ "filter": {}, "version": "new" }), "/version"),
        (PATCH, json!({ "filter": {} }), "/version"),
        (REVOKE, json!({ "filter": { "plan": "gold" } }), "/filter/plan"),
        (REVOKE, json!({ "filter": { "created_after": "-0001-01-01T00:00:00Z" } }), "/filter/created_after"),
    ] {
        let answer = api.admin().post(path).bad().json(&body).send().await.expect_problem(400, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{path} {body}");
    }
}

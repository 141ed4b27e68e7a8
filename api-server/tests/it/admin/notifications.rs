//! Notifications: seen, re-driven, and put away.

use futures::future::join_all;
use serde_json::{Value, json};

use super::{depth, expansion_dies, items, notification, route, walk};
use crate::harness::Api;

const NOTIFICATIONS: &str = "/api/v1/admin/notifications";
const DEAD: &str = "/api/v1/admin/notifications/dead-letters";
const REDRIVE: &str = "/api/v1/admin/notifications/dead-letters/redrive";
const NOBODY: &str = "00000000-0000-7000-8000-000000000001";

/// `(status, token, attempt_no, failures, crashes, suspect, game_seq, finished)` of a row.
type Row = (String, i64, i32, i32, i32, bool, Option<i64>, bool);

async fn row(api: &Api, table: &str, key: &str, id: &str) -> Row {
    let columns = "status, token, attempt_no, failures, crashes, suspect, game_seq, finished_at IS NOT NULL";
    sqlx::query_as(sqlx::AssertSqlSafe(format!("SELECT {columns} FROM {table} WHERE {key} = $1::uuid")))
        .bind(id)
        .fetch_one(&api.pool())
        .await
        .unwrap()
}

async fn route_row(api: &Api, id: &str) -> Row {
    row(api, "notification_routes", "route_id", id).await
}

/// Due, with a clean slate, out of its game's order.
fn redriven() -> Row {
    ("pending".to_owned(), 17, 8, 0, 0, false, None, false)
}

#[tokio::test]
async fn notifications_are_seen_with_their_routes() {
    let api = Api::start().await;
    let admin = api.admin();
    let user = api.account("ada").await;
    let first = notification(&api, &user, "1").await;
    let second = notification(&api, &user, "2").await;
    let third = notification(&api, &user, "3").await;
    route(&api, first, &user, "push", "delivered").await;
    let dead = route(&api, first, &user, "email", "dead_lettered").await;
    expansion_dies(&api, third, "quarantined").await;
    // A broadcast has more routes than are shown.
    sqlx::query(
        "WITH u AS (INSERT INTO accounts (user_id, user_name, preferred_language, time_zone)
                    SELECT gen_random_uuid(), 'u' || n, 'en', 'UTC' FROM generate_series(1, 21) n RETURNING user_id)
         INSERT INTO notification_routes (route_id, notification_id, channel, user_id)
             SELECT gen_random_uuid(), $1, 'push', user_id FROM u",
    )
    .bind(second.uuid())
    .execute(&api.pool())
    .await
    .unwrap();
    let all = [third, second, first].map(|id| json!(id));
    assert_eq!(walk(&admin, NOTIFICATIONS, "notification_id").await, all);
    let shown = items(&admin, NOTIFICATIONS).await;
    assert_eq!((shown[1]["routes"].as_array().unwrap().len(), &shown[1]["more_routes"]), (20, &json!(true)));
    let one = admin.get(format!("{NOTIFICATIONS}/{second}")).send().await.expect(200).json();
    assert_eq!((one["routes"].as_array().unwrap().len(), &one["more_routes"]), (21, &json!(false)));
    let one = admin.get(format!("{NOTIFICATIONS}/{first}")).send().await.expect(200).json();
    assert_eq!(one, shown[2]);
    assert_eq!(
        one["routes"][0],
        json!({ "route_id": dead, "channel": "email", "user_id": user, "status": "dead_lettered", "attempts": 8, "last_error": "refused" })
    );
    assert_eq!((&one["kind"], &one["payload"]), (&json!("lobby.race_name.expired"), &json!({ "race_name": "Vega" })));
    for (query, expected) in [
        ("status=quarantined", &all[..1]),
        ("status=pending", &all[1..]),
        ("kind=lobby.race_name.expired", &all[..]),
        ("kind=game.started", &[]),
        ("game_id=00000000-0000-7000-8000-000000000001", &[]),
        ("created_after=2020-01-01T00:00:00Z", &all[..]),
        ("created_before=2020-01-01T00:00:00Z", &[]),
    ] {
        assert_eq!(walk(&admin, &format!("{NOTIFICATIONS}?{query}"), "notification_id").await, expected, "{query}");
    }
    let nobody = "00000000-0000-7000-8000-000000000001";
    admin.get(format!("{NOTIFICATIONS}/{nobody}")).send().await.expect_problem(404, "notification_not_found");
    let answer = admin.get(format!("{NOTIFICATIONS}?status=lost")).bad().send().await;
    answer.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn what_died_is_seen_and_redriven_whether_route_or_notification() {
    let api = Api::start().await;
    let admin = api.admin();
    let user = api.account("ada").await;
    let [one, two, three] = [
        notification(&api, &user, "1").await,
        notification(&api, &user, "2").await,
        notification(&api, &user, "3").await,
    ];
    expansion_dies(&api, two, "dead_lettered").await;
    let push = route(&api, one, &user, "push", "dead_lettered").await;
    let mail = route(&api, one, &user, "email", "quarantined").await;
    let alive = route(&api, three, &user, "push", "delivered").await;
    let all = [json!(mail), json!(push), json!(two)];
    assert_eq!(walk(&admin, DEAD, "dead_letter_id").await, all);
    assert_eq!(walk(&admin, DEAD, "route_id").await, [json!(mail), json!(push), Value::Null]);
    for (query, expected) in [
        ("queue=notifications", &all[2..]),
        ("queue=notification_routes", &all[..2]),
        ("status=quarantined", &all[..1]),
        ("channel=push", &all[1..2]),
        (&format!("user_id={user}"), &all[..2]),
        (&format!("notification_id={one}"), &all[..2]),
        (&format!("notification_id={two}"), &all[2..]),
        ("kind=lobby.race_name.expired", &all[..]),
        ("kind=game.started", &[]),
        ("game_id=00000000-0000-7000-8000-000000000001", &[]),
        ("failed_after=2020-01-01T00:00:00Z", &all[..]),
        ("failed_before=2020-01-01T00:00:00Z", &[]),
    ] {
        assert_eq!(walk(&admin, &format!("{DEAD}?{query}"), "dead_letter_id").await, expected, "{query}");
    }
    let redrive = |id: &str| admin.post(format!("{DEAD}/{id}/redrive")).send();
    let answer = redrive(&push).await.expect(200).json();
    assert_eq!(
        (&answer["route_id"], &answer["status"], &answer["attempts"], &answer["failed_at"]),
        (&json!(push), &json!("pending"), &json!(8), &Value::Null)
    );
    assert_eq!(route_row(&api, &push).await, redriven());
    let answer = redrive(&two.to_string()).await.expect(200).json();
    assert_eq!((&answer["queue"], &answer["status"]), (&json!("notifications"), &json!("pending")));
    assert_eq!(row(&api, "notifications", "notification_id", &two.to_string()).await, redriven());
    assert_eq!(walk(&admin, DEAD, "dead_letter_id").await, all[..1]);
    for id in [&push, &alive, &two.to_string(), &three.to_string()] {
        redrive(id).await.expect_problem(409, "not_dead_lettered");
    }
    redrive("00000000-0000-7000-8000-000000000001").await.expect_problem(404, "dead_letter_not_found");
    assert_eq!(route_row(&api, &alive).await.0, "delivered");
}

#[tokio::test]
async fn of_many_who_redrive_the_same_route_at_once_one_does() {
    let api = Api::start().await;
    let other = api.replica().await;
    let user = api.account("ada").await;
    let id = notification(&api, &user, "1").await;
    let dead = route(&api, id, &user, "push", "dead_lettered").await;
    let path = format!("{DEAD}/{dead}/redrive");
    let calls = (0..8).map(|n| if n % 2 == 0 { api.admin() } else { other.admin() });
    let answers = join_all(calls.map(|admin| admin.post(&path).send())).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 7));
    for answer in lost {
        answer.expect_problem(409, "not_dead_lettered");
    }
    assert_eq!(route_row(&api, &dead).await, redriven());
    assert_eq!(api.count("audit_log WHERE action = 'notification.redrive'").await, 1);
}

#[tokio::test]
async fn many_are_redriven_by_filter_each_once_notifications_first() {
    let api = Api::start().await;
    let other = api.replica().await;
    let user = api.account("ada").await;
    let mut routes = Vec::new();
    for n in 0..20 {
        let id = notification(&api, &user, &n.to_string()).await;
        routes.push(route(&api, id, &user, "push", "dead_lettered").await);
        routes.push(route(&api, id, &user, "email", "quarantined").await);
    }
    let unexpanded = notification(&api, &user, "x").await;
    expansion_dies(&api, unexpanded, "dead_lettered").await;
    let redrive = |body: Value| {
        let request = api.admin().post(REDRIVE).json(&body);
        async move { request.send().await.expect(200).json() }
    };
    assert_eq!(redrive(json!({ "filter": { "kind": "game.started" } })).await, json!({ "matched": 0, "changed": 0 }));
    assert_eq!(redrive(json!({ "filter": {}, "limit": 2 })).await, json!({ "matched": 41, "changed": 2 }));
    assert_eq!(row(&api, "notifications", "notification_id", &unexpanded.to_string()).await, redriven());
    assert_eq!(route_row(&api, &routes[0]).await, redriven(), "the oldest route was the other one");
    let pushes = json!({ "filter": { "channel": "push", "user_id": user, "status": "dead_lettered" } });
    assert_eq!(redrive(pushes).await, json!({ "matched": 19, "changed": 19 }));
    // The rest by many at once.
    let body = json!({ "filter": { "queue": "notification_routes" }, "limit": 15 });
    let calls = (0..6).map(|n| if n % 2 == 0 { api.admin() } else { other.admin() });
    let answers = join_all(calls.map(|admin| admin.post(REDRIVE).json(&body).send())).await;
    let changed: i64 = answers.into_iter().map(|a| a.expect(200).json()["changed"].as_i64().unwrap()).sum();
    assert_eq!(changed, 20);
    for id in &routes {
        assert_eq!(route_row(&api, id).await, redriven(), "each was re-driven once");
    }
    assert_eq!(redrive(json!({ "filter": {} })).await, json!({ "matched": 0, "changed": 0 }));
    for (body, pointer) in [
        (json!({ "limit": 1 }), "/filter"),
        (json!({ "filter": { "status": "delivered" } }), "/filter/status"),
        (json!({ "filter": { "queue": "mail" } }), "/filter/queue"),
        (json!({ "filter": { "channel": "sms" } }), "/filter/channel"),
        (json!({ "filter": {}, "limit": 1001 }), "/limit"),
    ] {
        let answer = api.admin().post(REDRIVE).bad().json(&body).send().await.expect_problem(400, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}: {}", answer.json());
    }
}

#[tokio::test]
async fn dead_routes_and_notifications_are_put_away_one_and_many() {
    let api = Api::start().await;
    let other = api.replica().await;
    let admin = api.admin();
    let user = api.account("ada").await;
    let unexpanded = notification(&api, &user, "x").await;
    expansion_dies(&api, unexpanded, "dead_lettered").await;
    let mut routes = Vec::new();
    for n in 0..10 {
        let id = notification(&api, &user, &n.to_string()).await;
        routes.push(route(&api, id, &user, "push", "dead_lettered").await);
        routes.push(route(&api, id, &user, "email", "quarantined").await);
    }
    let alive = notification(&api, &user, "alive").await;
    let alive = route(&api, alive, &user, "push", "delivered").await;
    let dismiss = |id: &str| admin.post(format!("{DEAD}/{id}/dismiss")).send();
    let answer = dismiss(&routes[0]).await.expect(200).json();
    assert_eq!(
        (&answer["route_id"], &answer["status"], &answer["failed_at"], &answer["last_error"]),
        (&json!(routes[0]), &json!("dismissed"), &Value::Null, &json!("refused"))
    );
    let answer = dismiss(&unexpanded.to_string()).await.expect(200).json();
    assert_eq!((&answer["queue"], &answer["status"]), (&json!("notifications"), &json!("dismissed")));
    for id in [&routes[0], &alive, &unexpanded.to_string()] {
        dismiss(id).await.expect_problem(409, "not_dead_lettered");
    }
    dismiss(NOBODY).await.expect_problem(404, "dead_letter_not_found");
    assert_eq!(walk(&admin, DEAD, "dead_letter_id").await.len(), 19);
    assert_eq!(
        walk(&admin, "/api/v1/admin/notifications?status=dismissed", "notification_id").await,
        [json!(unexpanded)]
    );
    // Taken back by its id.
    let back = admin.post(format!("{DEAD}/{}/redrive", routes[0])).send().await.expect(200).json();
    assert_eq!(back["status"], "pending");

    let path = format!("{DEAD}/dismiss");
    let many = async |body: Value| admin.post(&path).json(&body).send().await.expect(200).json();
    assert_eq!(many(json!({ "filter": { "kind": "game.started" } })).await, json!({ "matched": 0, "changed": 0 }));
    let pushes = json!({ "filter": { "channel": "push", "user_id": user }, "limit": 4 });
    assert_eq!(many(pushes).await, json!({ "matched": 9, "changed": 4 }));
    let body = json!({ "filter": {}, "limit": 6 });
    let calls = (0..6).map(|n| if n % 2 == 0 { api.admin() } else { other.admin() });
    let answers = join_all(calls.map(|admin| admin.post(&path).json(&body).send())).await;
    let changed: i64 = answers.into_iter().map(|a| a.expect(200).json()["changed"].as_i64().unwrap()).sum();
    assert_eq!(changed, 15);
    assert!(items(&admin, DEAD).await.is_empty());
    assert_eq!(depth(&api, "notification_routes", "dead_lettered").await, 0);
    assert_eq!(api.count("notification_routes WHERE status = 'delivered'").await, 1);
    let redriven = admin.post(format!("{DEAD}/redrive")).json(&json!({ "filter": {} })).send().await.expect(200);
    assert_eq!(redriven.json(), json!({ "matched": 0, "changed": 0 }), "what was put away stays there");
    for (body, pointer) in [(json!({}), "/filter"), (json!({ "filter": { "status": "pending" } }), "/filter/status")] {
        let answer = admin.post(&path).bad().json(&body).send().await.expect_problem(400, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
    }
}

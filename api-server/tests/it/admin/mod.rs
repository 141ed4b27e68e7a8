//! Operations for administrators: `/api/v1/admin` (SPEC §5). Here is what several of their tests need.

mod admin_accounts;
pub mod audit_log;
pub mod auth;
pub mod engine_versions;
mod games;
mod mail;
mod notifications;
mod overview;
mod push;
mod queues;
pub mod runtimes;
mod search;
mod stats;
mod users;
mod workers;

use serde_json::Value;
use shared::db::mail::{NewMail, enqueue};
use shared::db::notifications::{NewNotification, produce};
use shared::domain::notification::{Audience, Payload};
use shared::ids::{DeliveryId, GameId, NotificationId};
use shared::mail::{GameStarted, LoginCode, Priority, Style, Template};
use testkit::openapi::ContractClient;

use crate::harness::Api;

/// A page's items.
pub async fn items(client: &ContractClient, path: &str) -> Vec<Value> {
    client.get(path).send().await.expect(200).json()["items"].as_array().unwrap().clone()
}

/// One member of every item of a list, read page by page of two.
async fn walk(client: &ContractClient, path: &str, member: &str) -> Vec<Value> {
    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let mut request = client.get(path).query("limit", 2);
        if let Some(cursor) = cursor.as_str() {
            request = request.query("cursor", cursor);
        }
        let page = request.send().await.expect(200).json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|item| item[member].clone()));
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            return seen;
        }
    }
}

/// A mail that is due.
pub async fn mail(api: &Api, key: &str, to: &[&str]) -> DeliveryId {
    let started = GameStarted { game_id: GameId::new(), game_name: "Orion".into(), orders_until: None };
    enqueued(api, &Template::GameStarted(started), key, to).await
}

/// A mail with a code.
async fn code(api: &Api, key: &str) -> DeliveryId {
    let at = chrono::DateTime::UNIX_EPOCH;
    let code = LoginCode { code: "481516".to_owned(), asked_at: at, expires_at: at };
    enqueued(api, &Template::LoginCode(code), key, &["ann@example.org"]).await
}

async fn enqueued(api: &Api, template: &Template, key: &str, to: &[&str]) -> DeliveryId {
    let to: Vec<String> = to.iter().map(|a| (*a).to_owned()).collect();
    let mail = NewMail {
        template,
        style: &Style::default(),
        time_zone: None,
        idempotency_key: key,
        to: &to,
        priority: Priority::Normal,
        expires_at: None,
        request_id: Some("req-1"),
        traceparent: None,
    };
    enqueue(&mut api.pool().acquire().await.unwrap(), mail).await.unwrap().expect("a new key")
}

/// Puts a mail into a state, as a worker leaves it there.
pub async fn mail_is(api: &Api, id: DeliveryId, status: &str) {
    let dead = matches!(status, "dead_lettered" | "quarantined");
    let over = dead || matches!(status, "sent" | "expired");
    sqlx::query(
        "UPDATE mail_deliveries SET status = $2, token = token + 2, attempt_no = 3, failures = 2, crashes = 1,
         suspect = true, last_error = '550',
                next_attempt_at = now() + interval '1 hour', finished_at = CASE WHEN $3 THEN clock_timestamp() END WHERE delivery_id = $1",
    )
    .bind(id.uuid())
    .bind(status)
    .bind(over)
    .execute(&api.pool())
    .await
    .unwrap();
    if dead {
        sqlx::query("INSERT INTO mail_dead_letters (delivery_id, attempt_no, last_error) VALUES ($1, 3, '550')")
            .bind(id.uuid())
            .execute(&api.pool())
            .await
            .unwrap();
        sqlx::query("UPDATE mail_recipients SET status = 'refused', smtp_code = 550 WHERE delivery_id = $1 AND status = 'undecided'")
            .bind(id.uuid())
            .execute(&api.pool())
            .await
            .unwrap();
    }
}

/// A notification to a user, as its producer writes it.
pub async fn notification(api: &Api, user: &str, key: &str) -> NotificationId {
    let new = NewNotification {
        payload: Payload::LobbyRaceNameExpired { race_name: "Vega".to_owned() },
        idempotency_key: key.to_owned(),
        audience: Audience::Users(vec![user.parse().unwrap()]),
        game_id: None,
        request_id: Some("req-1".to_owned()),
        traceparent: None,
    };
    assert!(produce(&mut api.pool().acquire().await.unwrap(), new).await.unwrap());
    sqlx::query_scalar("SELECT notification_id FROM notifications WHERE idempotency_key = $1")
        .bind(key)
        .fetch_one(&api.pool())
        .await
        .unwrap()
}

/// A route of a notification in a state, numbered as those of a game are.
pub async fn route(api: &Api, notification: NotificationId, user: &str, channel: &str, status: &str) -> String {
    let id = shared::ids::RouteId::new();
    sqlx::query(
        "INSERT INTO notification_routes (route_id, notification_id, channel, user_id, game_seq, status, token,
             attempt_no, failures, crashes,
                                          suspect, last_error, finished_at)
         VALUES ($1, $2, $3, $4::uuid, 7, $5, 16, 8, 8, 2, true, 'refused', clock_timestamp())",
    )
    .bind(id.uuid())
    .bind(notification.uuid())
    .bind(channel)
    .bind(user)
    .bind(status)
    .execute(&api.pool())
    .await
    .unwrap();
    id.to_string()
}

/// Lets the expansion of a notification die.
pub async fn expansion_dies(api: &Api, notification: NotificationId, status: &str) {
    sqlx::query(
        "UPDATE notifications SET status = $2, token = 16, attempt_no = 8, failures = 8, last_error = 'unknown kind',
         finished_at = clock_timestamp(),
                game_seq = 3 WHERE notification_id = $1",
    )
    .bind(notification.uuid())
    .bind(status)
    .execute(&api.pool())
    .await
    .unwrap();
}

async fn depth(api: &Api, queue: &str, state: &str) -> i64 {
    let queues = items(&api.admin(), "/api/v1/admin/queues").await;
    let found = queues.iter().find(|q| q["name"] == queue).unwrap();
    found["depth"][state].as_i64().unwrap_or(0)
}

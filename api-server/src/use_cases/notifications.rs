//! Re-driving dead notifications and routes, and putting them away, at an administrator's word (SPEC §5, §10.5, §13).

use poem_openapi::types::ToJSON as _;
use serde_json::{Value, json};
use shared::db;
use shared::db::notifications::{DeadLetter, Picked};
use shared::queue::wake::Topic;
use uuid::Uuid;

use super::caller::Caller;
use crate::app::App;
use crate::http::administration::BulkResult;
use crate::http::notifications::{DEAD, DeadLetterChoice};
use crate::http::problem::{ErrorCode, Problem};

/// The states that a route or a notification can be re-driven from.
const REDRIVABLE: [&str; 3] = ["dead_lettered", "quarantined", "dismissed"];

fn not_found() -> Problem {
    Problem::new(ErrorCode::DeadLetterNotFound, "No such route or notification.")
}

fn wake(app: &App, picked: &Picked) {
    if !picked.notifications.is_empty() {
        app.waker.wake(Topic::Notifications);
    }
    if !picked.routes.is_empty() {
        app.waker.wake(Topic::Routes);
    }
}

/// Re-drives one dead letter, a route's or a notification's.
///
/// # Errors
/// `dead_letter_not_found`, `not_dead_lettered`.
pub async fn redrive(app: &App, caller: &Caller<'_>, id: Uuid) -> Result<DeadLetter, Problem> {
    let mut tx = app.db.begin().await?;
    let picked =
        db::notifications::pick_one(&mut tx, id, &REDRIVABLE).await?.ok_or_else(not_found)?.map_err(|status| {
            Problem::new(ErrorCode::NotDeadLettered, format!("It is {status}: there is nothing to re-drive."))
        })?;
    db::notifications::redrive(&mut tx, &picked).await?;
    let target = if picked.routes.is_empty() { "notification" } else { "notification_route" };
    let row = db::notifications::dead_letter(&mut tx, id).await?.ok_or_else(not_found)?;
    let detail = json!({ "notification_id": row.notification_id, "kind": row.kind });
    caller.audit(&mut tx, "notification.redrive", target, &id.to_string(), detail).await?;
    tx.commit().await?;
    wake(app, &picked);
    Ok(row)
}

/// Re-drives the oldest `limit` of the chosen dead letters, notifications before routes.
///
/// # Errors
/// `invalid_request` naming fields of the choice.
pub async fn redrive_many(
    app: &App,
    caller: &Caller<'_>,
    choice: &DeadLetterChoice,
    limit: u16,
) -> Result<BulkResult, Problem> {
    let filter = choice.filter("/filter")?;
    let mut tx = app.db.begin().await?;
    let picked = db::notifications::pick(&mut tx, &filter, i64::from(limit)).await?;
    let changed = db::notifications::redrive(&mut tx, &picked).await?;
    let detail = trail(choice, limit, &picked, changed);
    caller.audit(&mut tx, "notification.redrive_many", "queue", db::queues::ROUTES.name, detail).await?;
    tx.commit().await?;
    wake(app, &picked);
    Ok(BulkResult { matched: picked.matched, changed: i64::try_from(changed).unwrap_or(i64::MAX) })
}

/// Puts one dead letter away, a route's or a notification's.
///
/// # Errors
/// `dead_letter_not_found`, `not_dead_lettered`.
pub async fn dismiss(app: &App, caller: &Caller<'_>, id: Uuid) -> Result<DeadLetter, Problem> {
    let mut tx = app.db.begin().await?;
    let picked = db::notifications::pick_one(&mut tx, id, DEAD).await?.ok_or_else(not_found)?.map_err(|status| {
        Problem::new(ErrorCode::NotDeadLettered, format!("It is {status}: only what is dead is put away."))
    })?;
    db::notifications::dismiss(&mut tx, &picked).await?;
    let target = if picked.routes.is_empty() { "notification" } else { "notification_route" };
    let row = db::notifications::dead_letter(&mut tx, id).await?.ok_or_else(not_found)?;
    let detail = json!({ "notification_id": row.notification_id, "kind": row.kind });
    caller.audit(&mut tx, "notification.dismiss", target, &id.to_string(), detail).await?;
    tx.commit().await?;
    Ok(row)
}

/// Puts the oldest `limit` of the chosen dead letters away, notifications before routes.
///
/// # Errors
/// `invalid_request` naming fields of the choice.
pub async fn dismiss_many(
    app: &App,
    caller: &Caller<'_>,
    choice: &DeadLetterChoice,
    limit: u16,
) -> Result<BulkResult, Problem> {
    let filter = choice.filter("/filter")?;
    let mut tx = app.db.begin().await?;
    let picked = db::notifications::pick(&mut tx, &filter, i64::from(limit)).await?;
    let changed = db::notifications::dismiss(&mut tx, &picked).await?;
    let detail = trail(choice, limit, &picked, changed);
    caller.audit(&mut tx, "notification.dismiss_many", "queue", db::queues::ROUTES.name, detail).await?;
    tx.commit().await?;
    Ok(BulkResult { matched: picked.matched, changed: i64::try_from(changed).unwrap_or(i64::MAX) })
}

/// What was chosen and done, for the trail.
fn trail(choice: &DeadLetterChoice, limit: u16, picked: &Picked, changed: u64) -> Value {
    json!({
        "filter": choice.to_json(), "limit": limit, "matched": picked.matched, "changed": changed,
        "notification_ids": picked.notifications, "route_ids": picked.routes,
    })
}

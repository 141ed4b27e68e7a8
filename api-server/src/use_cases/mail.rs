//! Sending mail again, and putting dead mail away, at an administrator's word (SPEC §5, §10.5, §11).

use poem_openapi::types::ToJSON;
use serde_json::{Value, json};
use shared::db;
use shared::db::mail::{Delivery, Picked};
use shared::ids::DeliveryId;
use shared::queue::wake::Topic;

use super::caller::Caller;
use crate::app::App;
use crate::http::administration::BulkResult;
use crate::http::mail::{DEAD, DeadMailChoice, DeliveryChoice, RESENDABLE};
use crate::http::problem::{ErrorCode, Problem};

/// No such delivery.
pub fn not_found() -> Problem {
    Problem::new(ErrorCode::DeliveryNotFound, "No such delivery.")
}

/// Sends a delivery again: it is due now, with a clean slate, to everybody who has not accepted it.
///
/// # Errors
/// `delivery_not_found`, `delivery_state_conflict`, `delivery_wiped`.
pub async fn resend(app: &App, caller: &Caller<'_>, id: DeliveryId) -> Result<Delivery, Problem> {
    let mut tx = app.db.begin().await?;
    let held = db::mail::hold(&mut tx, id).await?.ok_or_else(not_found)?;
    if !RESENDABLE.contains(&held.status.as_str()) {
        let why = format!("The delivery is {}: it is not sent again.", held.status);
        return Err(Problem::new(ErrorCode::DeliveryStateConflict, why));
    }
    if held.wiped {
        return Err(Problem::new(
            ErrorCode::DeliveryWiped,
            "The contents of this delivery are gone: a login code is wiped when its mail is decided. Ask for a new code.",
        ));
    }
    db::mail::resend(&mut tx, &[id.uuid()]).await?;
    let detail = json!({ "from": held.status });
    caller.audit(&mut tx, "mail.resend", "mail_delivery", &id.to_string(), detail).await?;
    let row = db::mail::delivery(&mut tx, id).await?.ok_or_else(not_found)?;
    tx.commit().await?;
    app.waker.wake(Topic::Mail);
    Ok(row)
}

/// Sends the oldest `limit` of the chosen deliveries again.
///
/// # Errors
/// `invalid_request` naming fields of the choice.
pub async fn resend_many(
    app: &App,
    caller: &Caller<'_>,
    choice: &DeliveryChoice,
    limit: u16,
) -> Result<BulkResult, Problem> {
    let filter = choice.filter()?;
    let mut tx = app.db.begin().await?;
    let picked = db::mail::pick(&mut tx, &filter, i64::from(limit)).await?;
    let changed = db::mail::resend(&mut tx, &picked.ids).await?;
    let detail = trail(choice, limit, &picked, changed);
    caller.audit(&mut tx, "mail.resend_many", "queue", db::queues::MAIL.name, detail).await?;
    tx.commit().await?;
    app.waker.wake(Topic::Mail);
    Ok(BulkResult { matched: picked.matched, changed: i64::try_from(changed).unwrap_or(i64::MAX) })
}

/// Puts a dead delivery away: it is no dead letter any more, and stays in the list of deliveries until it is removed by age.
///
/// # Errors
/// `delivery_not_found`, `delivery_state_conflict`.
pub async fn dismiss(app: &App, caller: &Caller<'_>, id: DeliveryId) -> Result<Delivery, Problem> {
    let mut tx = app.db.begin().await?;
    let held = db::mail::hold(&mut tx, id).await?.ok_or_else(not_found)?;
    if !DEAD.contains(&held.status.as_str()) {
        let why = format!("The delivery is {}: only a dead one is put away.", held.status);
        return Err(Problem::new(ErrorCode::DeliveryStateConflict, why));
    }
    db::mail::dismiss(&mut tx, &[id.uuid()]).await?;
    let detail = json!({ "from": held.status });
    caller.audit(&mut tx, "mail.dismiss", "mail_delivery", &id.to_string(), detail).await?;
    let row = db::mail::delivery(&mut tx, id).await?.ok_or_else(not_found)?;
    tx.commit().await?;
    Ok(row)
}

/// Puts the oldest `limit` of the chosen dead deliveries away.
///
/// # Errors
/// `invalid_request` naming fields of the choice.
pub async fn dismiss_many(
    app: &App,
    caller: &Caller<'_>,
    choice: &DeadMailChoice,
    limit: u16,
) -> Result<BulkResult, Problem> {
    let filter = choice.filter()?;
    let mut tx = app.db.begin().await?;
    let picked = db::mail::pick_dead(&mut tx, &filter, i64::from(limit)).await?;
    let changed = db::mail::dismiss(&mut tx, &picked.ids).await?;
    let detail = trail(choice, limit, &picked, changed);
    caller.audit(&mut tx, "mail.dismiss_many", "queue", db::queues::MAIL.name, detail).await?;
    tx.commit().await?;
    Ok(BulkResult { matched: picked.matched, changed: i64::try_from(changed).unwrap_or(i64::MAX) })
}

/// What was chosen and done, for the trail, which outlives the people in it.
fn trail(choice: &impl ToJSON, limit: u16, picked: &Picked, changed: u64) -> Value {
    let mut shown = choice.to_json().unwrap_or_default();
    if let Some(recipient) = shown.get_mut("recipient").filter(|r| !r.is_null()) {
        *recipient = json!("(given)");
    }
    json!({ "filter": shown, "limit": limit, "matched": picked.matched, "changed": changed, "delivery_ids": picked.ids })
}

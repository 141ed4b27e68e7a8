//! Sending mail again at an administrator's word (SPEC §10.5, §11).

use poem_openapi::types::ToJSON as _;
use serde_json::json;
use shared::db;
use shared::db::mail::Delivery;
use shared::ids::DeliveryId;
use shared::queue::wake::Topic;

use super::caller::Caller;
use crate::app::App;
use crate::http::administration::BulkResult;
use crate::http::mail::{DeliveryChoice, RESENDABLE};
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
    let mut shown = choice.to_json().unwrap_or_default();
    // The trail outlives the people in it.
    if let Some(recipient) = shown.get_mut("recipient").filter(|r| !r.is_null()) {
        *recipient = json!("(given)");
    }
    let detail = json!({ "filter": shown, "limit": limit, "matched": picked.matched, "changed": changed, "delivery_ids": picked.ids });
    caller.audit(&mut tx, "mail.resend_many", "queue", db::queues::MAIL.name, detail).await?;
    tx.commit().await?;
    app.waker.wake(Topic::Mail);
    Ok(BulkResult { matched: picked.matched, changed: i64::try_from(changed).unwrap_or(i64::MAX) })
}

//! The Race Name Directory as its holders use it (SPEC §7).

use shared::db;
use shared::db::notifications::NewNotification;
use shared::db::race_names::Entry;
use shared::domain::lobby::RaceNameStatus;
use shared::domain::notification::{Audience, Payload};
use shared::ids::UserId;
use shared::queue::wake::Topic;

use super::caller::Caller;
use super::enroll;
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

fn not_found() -> Problem {
    Problem::new(ErrorCode::RaceNameNotFound, "The caller has no such race name to register.")
}

/// Registers a pending name of the caller for good, within their plan's limit. One that is theirs already is answered as
/// it is.
///
/// # Errors
/// `race_name_invalid`, `race_name_not_found`, `limit_reached`.
pub async fn register(app: &App, caller: &Caller<'_>, user_id: UserId, race_name: &str) -> Result<Entry, Problem> {
    let name = enroll::read_race_name(race_name)?;
    let mut tx = app.db.begin().await?;
    // The account's lock: of several names at once, no more are registered than the plan allows.
    let allowance = db::limits::lock(&mut tx, user_id).await?.ok_or_else(not_found)?;
    let entry = db::race_names::registrable(&mut tx, user_id, &name.canonical_key).await?.ok_or_else(not_found)?;
    if entry.status == RaceNameStatus::Registered {
        return Ok(entry);
    }
    let allowed = allowance.limits.race_names;
    if db::race_names::count_registered(&mut tx, user_id).await? >= allowed {
        return Err(Problem::new(
            ErrorCode::LimitReached,
            format!("The account ({}) may have {allowed} registered race names.", allowance.plan),
        ));
    }
    let entry = db::race_names::register(&mut tx, entry.race_name_id).await?.ok_or_else(not_found)?;
    let new = NewNotification {
        payload: Payload::LobbyRaceNameRegistered { race_name: entry.race_name.clone() },
        idempotency_key: entry.race_name_id.to_string(),
        audience: Audience::Users(vec![user_id]),
        game_id: None,
        request_id: Some(caller.context.request_id.clone()),
        traceparent: caller.context.traceparent.clone(),
    };
    db::notifications::produce(&mut tx, new).await?;
    tx.commit().await?;
    app.waker.wake(Topic::Notifications);
    Ok(entry)
}

//! Re-driving dead notifications and routes, and putting them away, at an administrator's word (SPEC §5, §10.5, §13).

use serde_json::{Value, json};
use shared::db;
use shared::db::notifications::{DeadLetter, DeadLetterFilter, Picked};
use shared::domain::notification::RouteStatus;
use shared::queue::wake::Topic;
use sqlx::PgConnection;
use uuid::Uuid;

use super::bulk::Bulk;
use super::caller::Caller;
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// Which dead letters are meant, and how the choice is shown.
pub struct Choice {
    /// The dead letters that are meant.
    pub filter: DeadLetterFilter,
    /// As the caller described them.
    pub shown: Value,
}

/// What is done with dead letters.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    /// They are due again, with a clean slate.
    Redrive,
    /// They are put away.
    Dismiss,
}

impl Act {
    const fn word(self) -> &'static str {
        match self {
            Self::Redrive => "redrive",
            Self::Dismiss => "dismiss",
        }
    }

    /// The states of a route or a notification that it is for.
    const fn from(self) -> &'static [RouteStatus] {
        match self {
            Self::Redrive => &[RouteStatus::DeadLettered, RouteStatus::Quarantined, RouteStatus::Dismissed],
            Self::Dismiss => RouteStatus::DEAD,
        }
    }

    const fn refusal(self) -> &'static str {
        match self {
            Self::Redrive => "there is nothing to re-drive",
            Self::Dismiss => "only what is dead is put away",
        }
    }

    async fn on(self, conn: &mut PgConnection, picked: &Picked) -> Result<u64, db::Error> {
        match self {
            Self::Redrive => db::notifications::redrive(conn, picked).await,
            Self::Dismiss => db::notifications::dismiss(conn, picked).await,
        }
    }

    /// After the commit.
    fn wake(self, app: &App, picked: &Picked) {
        if let Self::Redrive = self {
            if !picked.notifications.is_empty() {
                app.waker.wake(Topic::Notifications);
            }
            if !picked.routes.is_empty() {
                app.waker.wake(Topic::Routes);
            }
        }
    }
}

fn not_found() -> Problem {
    Problem::new(ErrorCode::DeadLetterNotFound, "No such route or notification.")
}

/// Acts on one dead letter, a route's or a notification's.
///
/// # Errors
/// `dead_letter_not_found`, `not_dead_lettered`.
pub async fn one(app: &App, caller: &Caller<'_>, act: Act, id: Uuid) -> Result<DeadLetter, Problem> {
    let mut tx = app.db.begin().await?;
    let picked = db::notifications::pick_one(&mut tx, id, act.from()).await?.ok_or_else(not_found)?;
    let picked = picked
        .map_err(|status| Problem::new(ErrorCode::NotDeadLettered, format!("It is {status}: {}.", act.refusal())))?;
    act.on(&mut tx, &picked).await?;
    let target = if picked.routes.is_empty() { "notification" } else { "notification_route" };
    let row = db::notifications::dead_letter(&mut tx, id).await?.ok_or_else(not_found)?;
    let detail = json!({ "notification_id": row.notification_id, "kind": row.kind });
    let action = format!("notification.{}", act.word());
    caller.audit(&mut tx, &action, target, &id.to_string(), detail).await?;
    tx.commit().await?;
    act.wake(app, &picked);
    Ok(row)
}

/// Acts on the oldest `limit` of the chosen dead letters, notifications before routes.
///
/// # Errors
/// None of its own.
pub async fn many(app: &App, caller: &Caller<'_>, act: Act, choice: Choice, limit: u16) -> Result<Bulk, Problem> {
    let mut tx = app.db.begin().await?;
    let picked = db::notifications::pick(&mut tx, &choice.filter, i64::from(limit)).await?;
    let changed = act.on(&mut tx, &picked).await?;
    let action = format!("notification.{}_many", act.word());
    let detail = json!({
        "filter": choice.shown, "limit": limit, "matched": picked.matched, "changed": changed,
        "notification_ids": picked.notifications, "route_ids": picked.routes,
    });
    caller.audit(&mut tx, &action, "queue", db::queues::ROUTES.name, detail).await?;
    tx.commit().await?;
    act.wake(app, &picked);
    Ok(Bulk { matched: picked.matched, changed: i64::try_from(changed).unwrap_or(i64::MAX) })
}

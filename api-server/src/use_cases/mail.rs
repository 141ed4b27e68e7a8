//! Sending mail again, and putting dead mail away, at an administrator's word (SPEC §5, §10.5, §11).

use serde_json::{Value, json};
use shared::db::mail::{Content, Delivery, DeliveryFilter, HeldDelivery, Picked, Readable};
use shared::db::{self, Tx};
use shared::domain::delivery::DeliveryStatus;
use shared::ids::DeliveryId;
use shared::queue::wake::Topic;
use sqlx::PgConnection;
use uuid::Uuid;

use super::admin_trail::{self, Refused};
use super::bulk::Bulk;
use super::caller::Caller;
use super::change::Change;
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// No such delivery.
pub fn not_found() -> Problem {
    Problem::new(ErrorCode::DeliveryNotFound, "No such delivery.")
}

/// What is done with deliveries.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    /// They are due now, with a clean slate, to everybody who has not accepted them.
    Resend,
    /// They are no dead letters any more, and stay in the list of deliveries until they are removed by age.
    Dismiss,
}

/// Which deliveries are meant, and how the choice is shown.
pub struct Choice {
    act: Act,
    filter: DeliveryFilter,
    shown: Value,
}

impl Choice {
    /// These, which the caller described so.
    pub fn new(act: Act, filter: DeliveryFilter, shown: Value) -> Self {
        Self { act, filter, shown }
    }

    /// For the trail, which outlives the people in it.
    fn without_people(mut self) -> Value {
        if let Some(recipient) = self.shown.get_mut("recipient").filter(|r| !r.is_null()) {
            *recipient = json!("(given)");
        }
        self.shown
    }
}

impl Act {
    const fn word(self) -> &'static str {
        match self {
            Self::Resend => "resend",
            Self::Dismiss => "dismiss",
        }
    }

    /// The states that it is for.
    const fn from(self) -> &'static [DeliveryStatus] {
        match self {
            Self::Resend => DeliveryStatus::RESENDABLE,
            Self::Dismiss => DeliveryStatus::DEAD,
        }
    }

    fn check(self, held: &HeldDelivery) -> Result<(), Problem> {
        if !self.from().contains(&held.status) {
            let why = match self {
                Self::Resend => "it is not sent again",
                Self::Dismiss => "only a dead one is put away",
            };
            let why = format!("The delivery is {}: {why}.", held.status);
            return Err(Problem::new(ErrorCode::DeliveryStateConflict, why));
        }
        match self {
            Self::Resend if held.wiped => Err(Problem::new(
                ErrorCode::DeliveryWiped,
                "The contents of this delivery are gone: a login code is wiped when its mail is decided. Ask for a new code.",
            )),
            _ => Ok(()),
        }
    }

    async fn on(self, conn: &mut PgConnection, ids: &[Uuid]) -> Result<u64, shared::db::Error> {
        match self {
            Self::Resend => db::mail::resend(conn, ids).await,
            Self::Dismiss => db::mail::dismiss(conn, ids).await,
        }
    }

    async fn pick(self, tx: &mut Tx, filter: &DeliveryFilter, limit: i64) -> Result<Picked, shared::db::Error> {
        match self {
            Self::Resend => db::mail::pick(tx, filter, limit).await,
            Self::Dismiss => db::mail::pick_dead(tx, filter, limit).await,
        }
    }

    /// After the commit.
    fn wake(self, app: &App) {
        if let Self::Resend = self {
            app.waker.wake(Topic::Mail);
        }
    }
}

/// What a delivery says. That somebody read it stands in the trail.
///
/// # Errors
/// `delivery_not_found`, `delivery_secret`, `delivery_wiped`.
pub async fn read(app: &App, caller: &Caller<'_>, id: DeliveryId) -> Result<Content, Problem> {
    let mut tx = app.db.begin().await?;
    let content = match db::mail::content(&mut tx, id).await?.ok_or_else(not_found)? {
        Readable::Content(content) => content,
        Readable::Secret => {
            // Its line is no part of a transaction that changed nothing.
            tx.rollback().await?;
            return Err(secret(app, caller, id).await?);
        }
        Readable::Wiped => {
            return Err(Problem::new(ErrorCode::DeliveryWiped, "The contents of this delivery are gone."));
        }
    };
    caller.audit(&mut tx, "mail.read", "mail_delivery", &id.to_string(), json!({})).await?;
    tx.commit().await?;
    Ok(content)
}

/// Writes that somebody would have read a code, and answers that they may not.
async fn secret(app: &App, caller: &Caller<'_>, id: DeliveryId) -> Result<Problem, Problem> {
    let code = ErrorCode::DeliverySecret;
    if let Some(admin) = caller.as_admin() {
        let refused = Refused {
            action: "admin_get_mail_delivery_content",
            target_type: "mail_delivery",
            target_id: &id.to_string(),
            code,
            dry_run: false,
        };
        admin_trail::refused(app, caller.context, admin, &refused).await?;
    }
    Ok(Problem::new(code, "The delivery holds a code, and is shown to nobody but who gets it."))
}

/// Acts on one delivery.
///
/// # Errors
/// `delivery_not_found`, `delivery_state_conflict`, `delivery_wiped`.
pub async fn one(app: &App, caller: &Caller<'_>, act: Act, id: DeliveryId) -> Result<Delivery, Problem> {
    let mut tx = app.db.begin().await?;
    let held = db::mail::hold(&mut tx, id).await?.ok_or_else(not_found)?;
    act.check(&held)?;
    act.on(&mut tx, &[id.uuid()]).await?;
    let action = format!("mail.{}", act.word());
    let row = db::mail::delivery(&mut tx, id).await?.ok_or_else(not_found)?;
    let (before, after) = (json!({ "status": held.status }), json!({ "status": row.status }));
    let change = Change::of(json!({ "from": held.status }), before, after);
    caller.audit(&mut tx, &action, "mail_delivery", &id.to_string(), change).await?;
    tx.commit().await?;
    act.wake(app);
    Ok(row)
}

/// Acts on the oldest `limit` of the chosen deliveries.
///
/// # Errors
/// None of its own.
pub async fn many(app: &App, caller: &Caller<'_>, choice: Choice, limit: u16) -> Result<Bulk, Problem> {
    let act = choice.act;
    let mut tx = app.db.begin().await?;
    let picked = act.pick(&mut tx, &choice.filter, i64::from(limit)).await?;
    let changed = act.on(&mut tx, &picked.ids).await?;
    let action = format!("mail.{}_many", act.word());
    let detail = json!({
        "filter": choice.without_people(), "limit": limit, "matched": picked.matched, "changed": changed,
        "delivery_ids": picked.ids,
    });
    caller.audit(&mut tx, &action, "queue", db::queues::MAIL.name, detail).await?;
    tx.commit().await?;
    act.wake(app);
    Ok(Bulk { matched: picked.matched, changed: i64::try_from(changed).unwrap_or(i64::MAX) })
}

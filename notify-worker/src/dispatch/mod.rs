//! The queue `notification_routes`: makes a client event or a mail row of each route.

mod event;
mod letter;

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use shared::db::accounts;
use shared::db::mail::{self, NewMail};
use shared::db::notifications::{self, Dispatch as Route};
use shared::domain::notification::{Channel, RouteStatus};
use shared::ids::UserId;
use shared::mail::{Priority, Style, Template};
use shared::queue::{
    Claim, Fate, Finished, Outcome, Queue, QueueSpec, Rescued, Settled, Topic, Verdict, Waker, WorkContext,
};

use crate::hub::{Hub, MAX_PAYLOAD, Sent};
use crate::metrics::Metrics;

pub use shared::db::queues::ROUTES as SPEC;

/// Most routes given to one call of `work`. The hub takes five times as many at once, and then a broadcast is a quarter
/// faster; but whatever else is sent meanwhile waits twice as long behind each.
pub const BATCH: usize = 200;

/// Dispatch of routes.
pub struct Dispatch {
    /// The way to the subscribers.
    pub hub: Arc<Hub>,
    /// To tell mail-worker of new mails.
    pub waker: Waker,
    /// Where mails for the administrators go.
    pub admin_email: Option<String>,
    /// How mails look.
    pub style: Style,
    /// What is counted.
    pub metrics: Metrics,
}

/// What is known of a route when its dispatch settles.
#[derive(Clone)]
pub struct Note {
    channel: Channel,
    ordered: bool,
    /// The mail that is to be written with the route's end.
    letter: Option<Arc<Letter>>,
}

struct Letter {
    template: Template,
    to: String,
    time_zone: Option<String>,
    /// When the mail has lost its sense.
    expires_at: Option<DateTime<Utc>>,
    /// Whose address it is; `None`: the administrators'.
    holder: Option<UserId>,
    /// Whom it names.
    named: Option<UserId>,
    priority: Priority,
}

/// What a route comes to, before anything is sent.
enum Plan {
    Event(Box<shared::proto::push::ClientEvent>),
    Letter(Letter),
    Over(Outcome),
}

impl Dispatch {
    fn plan(&self, claim: &Claim, route: &Route) -> Plan {
        match route.channel {
            Channel::Push => match event::of(claim, route) {
                Ok(event) if event.payload.len() > MAX_PAYLOAD => Plan::Over(Outcome::Dead {
                    error: format!("a payload of {} bytes, the hub takes {MAX_PAYLOAD}", event.payload.len()),
                }),
                Ok(event) => Plan::Event(Box::new(event)),
                Err(error) => Plan::Over(Outcome::Dead { error }),
            },
            Channel::Email | Channel::AdminEmail => {
                let to =
                    if route.channel == Channel::Email { route.address.as_ref() } else { self.admin_email.as_ref() };
                let Some(to) = to else { return Plan::Over(Outcome::Done(RouteStatus::Skipped.as_str())) };
                match letter::of(&route.notice) {
                    Ok(template) => {
                        let priority = if route.notice.broadcast { Priority::Bulk } else { Priority::Normal };
                        let holder = route.user_id.map(UserId::from);
                        Plan::Letter(Letter {
                            template,
                            to: to.clone(),
                            time_zone: route.time_zone.clone(),
                            // An invite that holds no longer is not worth a mail.
                            expires_at: route.notice.known.invite.map(|(_, until)| until),
                            holder,
                            named: letter::named(&route.notice),
                            priority,
                        })
                    }
                    Err(error) => Plan::Over(Outcome::Dead { error }),
                }
            }
        }
    }
}

fn outcome(sent: Sent) -> Outcome {
    match sent {
        Sent::Published => Outcome::Done(RouteStatus::Delivered.as_str()),
        Sent::Refused(error) => Outcome::Dead { error },
        Sent::Later { error, after, counts } => Outcome::Retry { error, after, counts },
    }
}

#[async_trait]
impl Queue for Dispatch {
    type Work = Route;
    type Note = Note;

    fn spec(&self) -> &'static QueueSpec {
        &SPEC
    }

    fn filter_arg(&self) -> Option<String> {
        Some(if self.hub.is_open() { "open" } else { "away" }.to_owned())
    }

    async fn load(
        &self,
        conn: &mut PgConnection,
        claims: &[Claim],
    ) -> Result<Vec<Result<Route, String>>, shared::db::Error> {
        let ids: Vec<Uuid> = claims.iter().map(|c| c.id).collect();
        notifications::load_routes(conn, &ids).await
    }

    async fn work(&self, cx: &WorkContext, batch: Vec<(Claim, Route)>) -> Vec<Verdict<Note>> {
        let mut events = Vec::new();
        let mut of_event = Vec::new();
        let mut verdicts: Vec<Verdict<Note>> = Vec::with_capacity(batch.len());
        for (at, (claim, route)) in batch.iter().enumerate() {
            let mut note = Note { channel: route.channel, ordered: route.ordered, letter: None };
            let outcome = match self.plan(claim, route) {
                Plan::Event(event) => {
                    events.push(*event);
                    of_event.push(at);
                    Outcome::Release
                }
                Plan::Letter(letter) => {
                    note.letter = Some(Arc::new(letter));
                    Outcome::Done(RouteStatus::Delivered.as_str())
                }
                Plan::Over(outcome) => outcome,
            };
            verdicts.push(Verdict { outcome, note });
        }
        // Whatever is not sent stays released: back to due, as if it had never been claimed.
        if !events.is_empty() && cx.lease_valid() {
            for (at, sent) in of_event.into_iter().zip(self.hub.publish(&events).await) {
                if let Some(verdict) = verdicts.get_mut(at) {
                    verdict.outcome = outcome(sent);
                }
            }
        }
        verdicts
    }

    async fn record(&self, conn: &mut PgConnection, finished: &[Finished<Note>]) -> Result<(), shared::db::Error> {
        let letters: Vec<(&Finished<Note>, &Letter)> = finished
            .iter()
            .filter(|row| row.settled == Settled::Done(RouteStatus::Delivered.as_str()))
            .filter_map(|row| Some((row, row.note.as_ref()?.letter.as_deref()?)))
            .collect();
        let named: Vec<UserId> = letters.iter().filter_map(|(_, letter)| letter.named).collect();
        let there = match named.as_slice() {
            [] => Vec::new(),
            named => accounts::hold_all(&mut *conn, named).await?,
        };
        let holders: Vec<(UserId, &str)> =
            letters.iter().filter_map(|(_, letter)| Some((letter.holder?, letter.to.as_str()))).collect();
        let held: HashSet<String> = match holders.as_slice() {
            [] => HashSet::new(),
            holders => accounts::hold_addresses(&mut *conn, holders).await?.into_iter().collect(),
        };
        for (row, letter) in letters {
            // An account that was deleted since the route was read gets no mail: its address is written down no more.
            if letter.holder.is_some() && !held.contains(&letter.to) {
                notifications::skip_route(&mut *conn, row.claim.id, "the account is deleted").await?;
                continue;
            }
            // One who was deleted since is named no more.
            let template = match letter.named {
                Some(user) if !there.contains(&user) => Cow::Owned(letter.template.unnamed()),
                _ => Cow::Borrowed(&letter.template),
            };
            let new = NewMail {
                template: &template,
                style: &self.style,
                time_zone: letter.time_zone.as_deref(),
                idempotency_key: &row.claim.id.to_string(),
                to: std::slice::from_ref(&letter.to),
                priority: letter.priority,
                expires_at: letter.expires_at,
                request_id: row.claim.request_id.as_deref(),
                traceparent: row.claim.traceparent.as_deref(),
            };
            mail::enqueue(&mut *conn, new).await?;
        }
        let over: Vec<Uuid> = finished
            .iter()
            .filter(|f| matches!(f.settled, Settled::Done(_) | Settled::Dead { .. }))
            .filter(|f| f.note.as_ref().is_none_or(|n| n.ordered))
            .map(|f| f.claim.id)
            .collect();
        if !over.is_empty() {
            notifications::renew_route_successors(conn, &over).await?;
        }
        Ok(())
    }

    async fn rescued(&self, conn: &mut PgConnection, rows: &[Rescued]) -> Result<(), shared::db::Error> {
        let over: Vec<Uuid> = rows.iter().filter(|r| r.fate != Fate::Due).map(|r| r.id).collect();
        if !over.is_empty() {
            notifications::renew_route_successors(conn, &over).await?;
        }
        Ok(())
    }

    fn after_commit(&self, finished: &[Finished<Note>]) {
        for row in finished {
            self.metrics.dispatched(row.note.as_ref().map_or("unknown", |n| n.channel.as_str()), &row.settled);
        }
        if finished.iter().any(|f| f.note.as_ref().is_some_and(|n| n.letter.is_some())) {
            self.waker.wake(Topic::Mail);
        }
        // The next of the same user and game may have been committed while this one was in the way.
        if finished.iter().any(|f| f.note.as_ref().is_none_or(|n| n.ordered)) {
            self.waker.wake(Topic::Routes);
        }
    }
}

/// Longest that one call of `work` may take: a batch that must be halved all the way down asks the hub often.
pub const ATTEMPT_LIMIT: Duration = Duration::from_secs(60);

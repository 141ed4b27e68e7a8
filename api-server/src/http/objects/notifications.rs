//! Notifications as administrators see them (SPEC §5 objects), and how they choose dead ones.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use poem_openapi::types::ToJSON as _;
use serde_json::Value;
use shared::db;
use shared::db::notifications::DeadLetterFilter;
use shared::domain::notification::{Channel, RouteStatus};
use uuid::Uuid;

use crate::http::request::filters::{among, span, word};
use crate::page_of;
use crate::refusal::Problem;
use crate::use_cases::notifications::Choice;

page_of!(NotificationPage, Notification);
page_of!(NotificationDeadLetterPage, NotificationDeadLetter);

/// The queues that notifications die in.
pub fn queues() -> [&'static str; 2] {
    [db::queues::NOTIFICATIONS.name, db::queues::ROUTES.name]
}

/// Something that happened and is told to its audience.
#[derive(Debug, Object)]
pub struct Notification {
    /// The notification's id.
    pub notification_id: Uuid,
    /// What it is about, as in `game.turn.ready`.
    pub kind: String,
    /// With `kind`, what makes it unique.
    pub idempotency_key: String,
    /// `users`, `game_members`, `everyone` or `administrators`.
    pub audience: String,
    /// The game it concerns.
    pub game_id: Option<Uuid>,
    /// What it says; its fields are the kind's.
    pub payload: Value,
    /// Of its expansion into routes: `pending`, `expanding`, `retrying`, `expanded`, `dead_lettered`, `quarantined` or `dismissed`.
    pub status: String,
    /// Attempts to expand it; each chunk of a broadcast is one.
    pub attempts: i32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// The id of the request that caused it.
    pub request_id: Option<String>,
    /// When it was produced.
    pub created_at: DateTime<Utc>,
    /// Its ways to its recipients, by channel and recipient. The first 20 in lists, else the first 1 000.
    pub routes: Vec<Route>,
    /// Whether it has more routes than are shown.
    pub more_routes: bool,
}

/// A notification's way to one recipient over one channel.
#[derive(Debug, Object)]
#[oai(rename = "NotificationRoute")]
pub struct Route {
    /// Its id; also the push event's, and the mail's `idempotency_key`.
    pub route_id: Uuid,
    /// `push`, `email` or `admin_email`.
    pub channel: String,
    /// To whom; null for the administrators.
    pub user_id: Option<Uuid>,
    /// `pending`, `dispatching`, `retrying`, `delivered`, `dead_lettered`, `quarantined`, `skipped` or `dismissed`.
    pub status: String,
    /// Attempts so far.
    pub attempts: i32,
    /// What went wrong last, or why it was skipped.
    pub last_error: Option<String>,
}

impl Notification {
    /// A notification with its first `shown` routes.
    pub fn new(row: db::notifications::Notification, shown: usize) -> Self {
        let more_routes = row.routes.len() > shown;
        let routes = row.routes.into_iter().take(shown).map(|r| Route {
            route_id: r.route_id.uuid(),
            channel: r.channel,
            user_id: r.user_id.map(Into::into),
            status: r.status,
            attempts: r.attempts,
            last_error: r.last_error,
        });
        Self {
            routes: routes.collect(),
            more_routes,
            notification_id: row.notification_id.uuid(),
            kind: row.kind,
            idempotency_key: row.idempotency_key,
            audience: row.audience,
            game_id: row.game_id.map(Into::into),
            payload: row.payload,
            status: row.status.to_string(),
            attempts: row.attempts,
            last_error: row.last_error,
            request_id: row.request_id,
            created_at: row.created_at,
        }
    }
}

/// What died on its way: a route, or a notification of which no more routes could be made.
#[derive(Debug, Object)]
pub struct NotificationDeadLetter {
    /// What re-driving it names: the route's id, or the notification's.
    pub dead_letter_id: Uuid,
    /// Where it died: `notifications` (making routes) or `notification_routes` (sending one its way).
    pub queue: String,
    /// The notification.
    pub notification_id: Uuid,
    /// The route; null where it is the notification that died.
    pub route_id: Option<Uuid>,
    /// What the notification is about.
    pub kind: String,
    /// The route's channel.
    pub channel: Option<String>,
    /// The route's recipient.
    pub user_id: Option<Uuid>,
    /// The game it concerns.
    pub game_id: Option<Uuid>,
    /// `dead_lettered` or `quarantined`; in the answer to its re-driving or dismissal, what it is now.
    pub status: String,
    /// Attempts so far.
    pub attempts: i32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When the route, or the notification, was made.
    pub created_at: DateTime<Utc>,
    /// When it died; null once it was re-driven or put away.
    pub failed_at: Option<DateTime<Utc>>,
}

impl From<db::notifications::DeadLetter> for NotificationDeadLetter {
    fn from(row: db::notifications::DeadLetter) -> Self {
        let notification_id = row.notification_id.uuid();
        Self {
            route_id: Some(row.dead_letter_id).filter(|id| *id != notification_id),
            dead_letter_id: row.dead_letter_id,
            queue: row.queue,
            notification_id,
            kind: row.kind,
            channel: row.channel,
            user_id: row.user_id.map(Into::into),
            game_id: row.game_id.map(Into::into),
            status: row.status,
            attempts: row.attempts,
            last_error: row.last_error,
            created_at: row.created_at,
            failed_at: row.failed_at,
        }
    }
}

/// Which dead letters to re-drive, or to put away. What is absent leaves the choice open; `{}` is every one.
#[derive(Debug, Default, Object)]
#[oai(deny_unknown_fields)]
pub struct DeadLetterChoice {
    /// `notifications` or `notification_routes`; both if absent.
    #[oai(validator(max_length = 32))]
    pub queue: Option<String>,
    /// `dead_lettered` or `quarantined`; both if absent.
    #[oai(validator(max_length = 32))]
    pub status: Option<String>,
    /// Of this kind.
    #[oai(validator(max_length = 128))]
    pub kind: Option<String>,
    /// Of this notification.
    pub notification_id: Option<Uuid>,
    /// Routes over this channel.
    #[oai(validator(max_length = 32))]
    pub channel: Option<String>,
    /// Routes to this user.
    pub user_id: Option<Uuid>,
    /// About this game.
    pub game_id: Option<Uuid>,
    /// Dead at this time or later.
    pub failed_after: Option<DateTime<Utc>>,
    /// Dead before this time.
    pub failed_before: Option<DateTime<Utc>>,
}

impl DeadLetterChoice {
    /// As the use case takes it.
    ///
    /// # Errors
    /// `invalid_request` naming the field.
    pub fn chosen(&self) -> Result<Choice, Problem> {
        Ok(Choice { filter: self.filter("/filter")?, shown: self.to_json().unwrap_or_default() })
    }

    /// As the database takes it; `at` is where the fields stand: `/filter`, `/query`.
    ///
    /// # Errors
    /// `invalid_request` naming the field.
    pub fn filter(&self, at: &str) -> Result<DeadLetterFilter, Problem> {
        let field = |name: &str| format!("{at}/{name}");
        Ok(DeadLetterFilter {
            queue: word(&field("queue"), self.queue.as_deref(), &queues())?,
            status: among(&field("status"), self.status.as_deref(), RouteStatus::DEAD)?,
            kind: self.kind.clone(),
            notification_id: self.notification_id.map(Into::into),
            channel: among(&field("channel"), self.channel.as_deref(), Channel::ALL)?,
            user_id: self.user_id.map(Into::into),
            game_id: self.game_id.map(Into::into),
            failed: span(&field("failed"), self.failed_after, self.failed_before)?,
        })
    }
}

//! Mail as administrators see it (SPEC §5 objects), and how they choose some of it.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use poem_openapi::types::ToJSON as _;
use shared::db;
use shared::db::mail::DeliveryFilter;
use shared::domain::delivery::DeliveryStatus;
use uuid::Uuid;

use crate::http::request::filters::{among, span};
use crate::page_of;
use crate::refusal::Problem;
use crate::use_cases::mail::{Act, Choice};

page_of!(DeliveryPage, Delivery);
page_of!(AttemptPage, Attempt);

/// A mail.
#[derive(Debug, Object)]
pub struct Delivery {
    /// Its id; the `Message-ID` begins with it.
    pub delivery_id: Uuid,
    /// What wrote it: a notification's kind, or `auth.login_code`.
    pub template_id: String,
    /// With `template_id`, what makes it unique: the route's id, the challenge's id.
    pub idempotency_key: String,
    /// Whom it goes to.
    pub recipients: Vec<DeliveryRecipient>,
    /// `pending`, `sending`, `retrying`, `sent`, `dead_lettered`, `quarantined`, `expired` or `dismissed`.
    pub status: String,
    /// Attempts so far, over its whole life.
    pub attempts: i32,
    /// Those of them that count against the budget, since it was last sent again by hand.
    pub failures: i32,
    /// When it is due; null unless it waits.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When it was enqueued.
    pub created_at: DateTime<Utc>,
    /// When it was sent.
    pub sent_at: Option<DateTime<Utc>>,
    /// When it died or was quarantined; null unless it is so now.
    pub failed_at: Option<DateTime<Utc>>,
    /// When it loses its sense and is not sent any more.
    pub expires_at: Option<DateTime<Utc>>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// The id of the request that caused it.
    pub request_id: Option<String>,
    /// Its contents are gone, as a login code's are once it is decided: it cannot be sent again.
    pub wiped: bool,
}

/// What a mail says, as it was or will be sent.
#[derive(Object)]
pub struct DeliveryContent {
    /// The mail.
    pub delivery_id: Uuid,
    /// The subject.
    pub subject: String,
    /// The plain text part.
    pub text: String,
    /// The HTML part. Players' words in it are escaped; show it in a sandboxed frame all the same.
    pub html: String,
}

impl std::fmt::Debug for DeliveryContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not what it says.
        f.debug_struct("DeliveryContent").field("delivery_id", &self.delivery_id).finish()
    }
}

/// Somebody a mail goes to.
#[derive(Object)]
pub struct DeliveryRecipient {
    /// The address.
    pub address: String,
    /// `undecided`, `accepted` or `refused`.
    pub status: String,
    /// The relay's code.
    pub smtp_code: Option<i16>,
    /// The relay's words, addresses masked.
    pub detail: Option<String>,
}

impl std::fmt::Debug for DeliveryRecipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the address.
        f.debug_struct("DeliveryRecipient").field("status", &self.status).finish()
    }
}

impl From<db::mail::Delivery> for Delivery {
    fn from(row: db::mail::Delivery) -> Self {
        let recipients = row.recipients.into_iter().map(|r| DeliveryRecipient {
            address: r.address,
            status: r.status.to_string(),
            smtp_code: r.smtp_code,
            detail: r.detail,
        });
        Self {
            delivery_id: row.delivery_id.uuid(),
            template_id: row.template_id,
            idempotency_key: row.idempotency_key,
            recipients: recipients.collect(),
            status: row.status.to_string(),
            attempts: row.attempts,
            failures: row.failures,
            next_attempt_at: row.next_attempt_at,
            created_at: row.created_at,
            sent_at: row.sent_at,
            failed_at: row.failed_at,
            expires_at: row.expires_at,
            last_error: row.last_error,
            request_id: row.request_id,
            wiped: row.wiped,
        }
    }
}

/// A try to send a mail.
#[derive(Debug, Object)]
pub struct Attempt {
    /// Its number in the mail's life.
    pub attempt_no: i32,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended; null where its worker died.
    pub finished_at: Option<DateTime<Utc>>,
    /// `sent`, `retry` (somebody is undecided), `permanent` (all refused) or `unknown` (the relay may have taken it).
    pub outcome: String,
    /// The relay's last code.
    pub smtp_code: Option<i16>,
    /// What happened, addresses masked.
    pub detail: Option<String>,
}

impl From<db::mail::PastAttempt> for Attempt {
    fn from(row: db::mail::PastAttempt) -> Self {
        Self {
            attempt_no: row.attempt_no,
            started_at: row.started_at,
            finished_at: row.finished_at,
            outcome: row.outcome.to_string(),
            smtp_code: row.smtp_code,
            detail: row.detail,
        }
    }
}

/// Which mails to send again. What is absent leaves the choice open; `{}` is every dead letter but alarms about others.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct DeliveryChoice {
    /// `dead_lettered`, `quarantined`, `retrying`, `pending` or `dismissed`; the first two together if absent.
    #[oai(validator(max_length = 32))]
    pub status: Option<String>,
    /// Written by this template. Alarms about dead mails (`mail.dead_lettered`) are sent again only if they are named here.
    #[oai(validator(max_length = 128))]
    pub template_id: Option<String>,
    /// To this address, in whatever case.
    #[oai(validator(max_length = 254))]
    pub recipient: Option<String>,
    /// Enqueued at this time or later.
    pub created_after: Option<DateTime<Utc>>,
    /// Enqueued before this time.
    pub created_before: Option<DateTime<Utc>>,
    /// Dead or quarantined at this time or later.
    pub failed_after: Option<DateTime<Utc>>,
    /// Dead or quarantined before this time.
    pub failed_before: Option<DateTime<Utc>>,
}

impl DeliveryChoice {
    /// As the use case takes it.
    ///
    /// # Errors
    /// `invalid_request` naming the field.
    pub fn chosen(&self) -> Result<Choice, Problem> {
        Ok(Choice::new(Act::Resend, self.filter()?, self.to_json().unwrap_or_default()))
    }

    /// As the database takes it.
    fn filter(&self) -> Result<DeliveryFilter, Problem> {
        let status = among("/filter/status", self.status.as_deref(), DeliveryStatus::RESENDABLE)?;
        Ok(DeliveryFilter {
            statuses: Some(dead_or(status)),
            template_id: self.template_id.clone(),
            recipient: self.recipient.clone(),
            created: span("/filter/created", self.created_after, self.created_before)?,
            failed: span("/filter/failed", self.failed_after, self.failed_before)?,
        })
    }
}

/// Which dead mails to put away. What is absent leaves the choice open; `{}` is every one.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct DeadMailChoice {
    /// `dead_lettered` or `quarantined`; both if absent.
    #[oai(validator(max_length = 32))]
    pub status: Option<String>,
    /// Written by this template.
    #[oai(validator(max_length = 128))]
    pub template_id: Option<String>,
    /// To this address, in whatever case.
    #[oai(validator(max_length = 254))]
    pub recipient: Option<String>,
    /// Dead or quarantined at this time or later.
    pub failed_after: Option<DateTime<Utc>>,
    /// Dead or quarantined before this time.
    pub failed_before: Option<DateTime<Utc>>,
}

impl DeadMailChoice {
    /// As the use case takes it.
    ///
    /// # Errors
    /// `invalid_request` naming the field.
    pub fn chosen(&self) -> Result<Choice, Problem> {
        Ok(Choice::new(Act::Dismiss, self.filter()?, self.to_json().unwrap_or_default()))
    }

    /// As the database takes it.
    fn filter(&self) -> Result<DeliveryFilter, Problem> {
        let status = among("/filter/status", self.status.as_deref(), DeliveryStatus::DEAD)?;
        Ok(DeliveryFilter {
            statuses: Some(dead_or(status)),
            template_id: self.template_id.clone(),
            recipient: self.recipient.clone(),
            failed: span("/filter/failed", self.failed_after, self.failed_before)?,
            ..DeliveryFilter::default()
        })
    }
}

/// The status that was asked for, else those of dead letters.
fn dead_or(status: Option<DeliveryStatus>) -> Vec<DeliveryStatus> {
    status.map_or_else(|| DeliveryStatus::DEAD.to_vec(), |status| vec![status])
}

//! The intent: a mail that is to be sent, written in the transaction of the change that causes it.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::ids::DeliveryId;
use crate::mail::{Class, Priority, Style, Template, View};
use crate::postgres::Error;

/// A mail to be sent.
#[derive(Clone, Debug)]
pub struct NewMail<'a> {
    /// What it says; rendered now.
    pub template: &'a Template,
    /// How the installation's mails look.
    pub style: &'a Style,
    /// The reader's IANA time zone, where it is known.
    pub time_zone: Option<&'a str>,
    /// With the template's id, what makes the mail unique: the challenge id, the route id.
    pub idempotency_key: &'a str,
    /// Whom it goes to, in one message. More than one see each other's addresses.
    pub to: &'a [String],
    /// Its place in the queue.
    pub priority: Priority,
    /// When it has lost its sense, by the database's clock: it ends `expired` then, unsent.
    pub expires_at: Option<DateTime<Utc>>,
    /// The request that caused it (`X-Request-ID`).
    pub request_id: Option<&'a str>,
    /// The trace that caused it (W3C `traceparent`).
    pub traceparent: Option<&'a str>,
}

/// Writes delivery, recipients and payload. `None`: a mail of this template and key is there already, and stays as it is.
///
/// After the commit, wake [`Topic::Mail`](crate::queue::wake::Topic::Mail).
///
/// # Errors
/// The database's; [`Error::Inconsistent`] for a mail to nobody, which could never be decided.
pub async fn enqueue(conn: &mut PgConnection, mail: NewMail<'_>) -> Result<Option<DeliveryId>, Error> {
    let mut to = mail.to.to_vec();
    to.sort_unstable();
    to.dedup();
    if to.is_empty() {
        return Err(Error::Inconsistent("a mail needs a recipient".to_owned()));
    }
    let rendered =
        mail.template.render(&View::new(mail.style, mail.time_zone)).map_err(|e| Error::Inconsistent(e.to_string()))?;
    Ok(sqlx::query_scalar!(
        r#"WITH delivery AS (
             INSERT INTO mail_deliveries
                    (delivery_id, template_id, idempotency_key, priority, expires_at, request_id, traceparent)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (template_id, idempotency_key) DO NOTHING
             RETURNING delivery_id),
           recipients AS (
             INSERT INTO mail_recipients (delivery_id, address)
             SELECT delivery_id, address FROM delivery, unnest($8::text[]) AS address),
           payload AS (
             INSERT INTO mail_payloads (delivery_id, subject, body_text, body_html, sensitive)
             SELECT delivery_id, $9, $10, $11, $12 FROM delivery)
           SELECT delivery_id AS "id: DeliveryId" FROM delivery"#,
        DeliveryId::new().uuid(),
        mail.template.id(),
        mail.idempotency_key,
        mail.priority.as_i16(),
        mail.expires_at,
        mail.request_id,
        mail.traceparent,
        &to,
        rendered.subject,
        rendered.text,
        rendered.html,
        mail.template.class() == Class::Secret,
    )
    .fetch_optional(conn)
    .await?)
}

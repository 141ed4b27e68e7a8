//! The outbox as administrators see it, and the one condition by which they choose deliveries.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::db::InTransaction;
use crate::db::lists::{Span, walk_in_order};
use crate::domain::delivery::{AttemptOutcome, DeliveryStatus, RecipientStatus};
use crate::ids::DeliveryId;
use crate::postgres::Error;

/// A delivery with whom it goes to.
#[derive(Clone)]
pub struct Delivery {
    /// The delivery's id.
    pub delivery_id: DeliveryId,
    /// What wrote it.
    pub template_id: String,
    /// The producer's key.
    pub idempotency_key: String,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// Attempts so far.
    pub attempts: i32,
    /// Those of them that count against the budget, since it was last set going by hand.
    pub failures: i32,
    /// When it is due; `None` unless it waits.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When it was enqueued.
    pub created_at: DateTime<Utc>,
    /// When it was sent.
    pub sent_at: Option<DateTime<Utc>>,
    /// When it died or was quarantined; `None` unless it is so now.
    pub failed_at: Option<DateTime<Utc>>,
    /// When it loses its sense.
    pub expires_at: Option<DateTime<Utc>>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// The request that caused it.
    pub request_id: Option<String>,
    /// Its contents are gone, as those of a login code are once it is decided: it cannot be sent any more.
    pub wiped: bool,
    /// By address.
    pub recipients: Vec<DeliveryRecipient>,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // No addresses.
        f.debug_struct("Delivery")
            .field("delivery_id", &self.delivery_id)
            .field("template_id", &self.template_id)
            .field("status", &self.status)
            .finish()
    }
}

/// Somebody a delivery goes to.
#[derive(Clone, Deserialize)]
pub struct DeliveryRecipient {
    /// The address.
    pub address: String,
    /// What is known of it.
    pub status: RecipientStatus,
    /// The relay's code.
    pub smtp_code: Option<i16>,
    /// Its words.
    pub detail: Option<String>,
}

impl std::fmt::Debug for DeliveryRecipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the address.
        f.debug_struct("DeliveryRecipient").field("status", &self.status).finish()
    }
}

/// Which deliveries; what is absent leaves the choice open.
#[derive(Clone, Default)]
pub struct DeliveryFilter {
    /// In one of these states.
    pub statuses: Option<Vec<DeliveryStatus>>,
    /// Written by this template.
    pub template_id: Option<String>,
    /// To this address, in whatever case.
    pub recipient: Option<String>,
    /// Enqueued in this span.
    pub created: Span,
    /// Dead or quarantined since this span.
    pub failed: Span,
}

/// The condition that a [`DeliveryFilter`] makes, for several statements: hands its text and its arguments, `$1` to `$9`, to
/// `$then!`, with what else that wants. `$walk` says by what order, from `$1` down to `$2`, the deliveries are gone through.
macro_rules! chosen {
    ($then:ident, $walk:literal, $filter:expr, $before:expr $(, $more:expr)*) => {
        $then!(
            "($3::timestamptz IS NULL OR d.created_at >= $3) AND ($4::timestamptz IS NULL OR d.created_at < $4)
             AND ($5::text[] IS NULL OR d.status = ANY ($5)) AND ($6::text IS NULL OR d.template_id IS NOT DISTINCT FROM $6)
             AND ($7::timestamptz IS NULL OR d.finished_at >= $7) AND ($8::timestamptz IS NULL OR d.finished_at < $8)
             AND ($9::text IS NULL
                 OR d.delivery_id = ANY (ARRAY(SELECT f.delivery_id FROM mail_recipients f WHERE lower(f.address) = lower($9))))",
            $walk,
            // Nothing dies before it is made.
            $filter.created.below($before).min($filter.failed.below(None::<uuid::Uuid>)),
            $filter.created.lowest_id(),
            $filter.created.after,
            $filter.created.before,
            $filter.statuses.as_deref() as Option<&[DeliveryStatus]>,
            $filter.template_id,
            $filter.failed.after,
            $filter.failed.before,
            $filter.recipient
            $(, $more)*
        )
    };
}
pub(super) use chosen;

/// The one list of columns of a [`Delivery`], for the rows that `WHERE $chosen $page` leaves. They are chosen before anything
/// is gathered beside them.
macro_rules! deliveries {
    ($chosen:tt, $page:tt $(, $argument:expr)*) => {
        sqlx::query!(
            r#"SELECT d.delivery_id AS "delivery_id!: DeliveryId", d.template_id AS "template_id!", d.idempotency_key AS "idempotency_key!",
                      d.status AS "status!", d.attempt_no AS "attempts!", d.failures AS "failures!",
                      CASE WHEN d.status IN ('pending', 'retrying') THEN d.next_attempt_at END AS next_attempt_at,
                      d.created_at AS "created_at!", d.sent_at AS "sent_at?",
                      CASE WHEN d.status IN ('dead_lettered', 'quarantined') THEN d.finished_at END AS failed_at,
                      d.expires_at AS "expires_at?", d.last_error AS "last_error?", d.request_id AS "request_id?",
                      p.wiped_at IS NOT NULL AS "wiped!", r.recipients AS "recipients!: Json<Vec<DeliveryRecipient>>"
                 FROM (SELECT d.* FROM mail_deliveries d WHERE "# + $chosen + $page + r#") d
                 LEFT JOIN mail_payloads p ON p.delivery_id = d.delivery_id
                 CROSS JOIN LATERAL (
                   SELECT coalesce(jsonb_agg(jsonb_build_object('address', address, 'status', status, 'smtp_code',
                       smtp_code, 'detail', detail)
                                             ORDER BY address), '[]') AS recipients
                     FROM mail_recipients WHERE delivery_id = d.delivery_id) r
                ORDER BY d.delivery_id DESC"#
            $(, $argument)*
        )
        .map(|row| Delivery {
            delivery_id: row.delivery_id,
            template_id: row.template_id,
            idempotency_key: row.idempotency_key,
            status: row.status,
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
            recipients: row.recipients.0,
        })
    };
}

/// One delivery.
pub async fn delivery(conn: &mut PgConnection, id: DeliveryId) -> Result<Option<Delivery>, Error> {
    Ok(deliveries!("d.delivery_id = $1", "", id.uuid()).fetch_optional(conn).await?)
}

/// Deliveries, newest first, from below `before`. With several filters the one that leaves fewest, as a rule, is walked and the
/// others pass over deliveries.
pub async fn deliveries(
    tx: &mut impl InTransaction,
    filter: &DeliveryFilter,
    before: Option<DeliveryId>,
    limit: i64,
) -> Result<Vec<Delivery>, Error> {
    let conn = walk_in_order(tx).await?;
    macro_rules! walk {
        ($walk:literal) => {
            chosen!(deliveries, $walk, filter, before, limit).fetch_all(conn).await?
        };
    }
    let statuses = filter.statuses.as_deref().unwrap_or_default();
    Ok(match (statuses, &filter.recipient, &filter.template_id) {
        (_, Some(_), _) => walk!(
            " AND d.delivery_id = ANY (ARRAY(SELECT f.delivery_id FROM mail_recipients f
                                              WHERE lower(f.address) = lower($9) AND f.delivery_id < $1 AND f.delivery_id >= $2))
              ORDER BY d.delivery_id DESC LIMIT $10"
        ),
        // Both at once are the dead letters, which have an index of their own.
        ([DeliveryStatus::DeadLettered, DeliveryStatus::Quarantined], ..) => walk!(
            " AND d.status IN ('dead_lettered', 'quarantined') AND d.delivery_id < $1 AND d.delivery_id >= $2
              ORDER BY d.delivery_id DESC LIMIT $10"
        ),
        // Nearly all are sent, and stand in no index by status.
        ([status], ..) if *status != DeliveryStatus::Sent => walk!(
            " AND d.status <> 'sent' AND (d.status, d.delivery_id) < (($5::text[])[1], $1)
             AND (d.status, d.delivery_id) >= (($5::text[])[1], $2)
              ORDER BY d.status DESC, d.delivery_id DESC LIMIT $10"
        ),
        (.., Some(_)) => walk!(
            " AND (d.template_id, d.delivery_id) < ($6, $1) AND (d.template_id, d.delivery_id) >= ($6, $2)
              ORDER BY d.template_id DESC, d.delivery_id DESC LIMIT $10"
        ),
        _ => walk!(" AND d.delivery_id < $1 AND d.delivery_id >= $2 ORDER BY d.delivery_id DESC LIMIT $10"),
    })
}

/// What a delivery says.
#[derive(Clone)]
pub struct Content {
    /// The subject, decoded.
    pub subject: String,
    /// The plain text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Content")
    }
}

/// What may be read of a delivery.
#[derive(Debug, Clone)]
pub enum Readable {
    /// This is what it says.
    Content(Content),
    /// It holds a code, or held one.
    Secret,
    /// Its contents are gone.
    Wiped,
}

/// What a delivery says, unless it holds a code: the database gives that to nobody but the mail-worker.
pub async fn content(conn: &mut PgConnection, id: DeliveryId) -> Result<Option<Readable>, Error> {
    let row = sqlx::query!(
        r#"SELECT coalesce(p.sensitive, false) AS "sensitive!", c.subject AS "subject?", c.body_text AS "text?", c.body_html AS "html?"
             FROM mail_deliveries d
             LEFT JOIN mail_payloads p USING (delivery_id)
             LEFT JOIN LATERAL mail_content(d.delivery_id) c ON true
            WHERE d.delivery_id = $1"#,
        id.uuid()
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| match (row.sensitive, row.subject, row.text, row.html) {
        (true, ..) => Readable::Secret,
        (false, Some(subject), Some(text), Some(html)) => Readable::Content(Content { subject, text, html }),
        (false, ..) => Readable::Wiped,
    }))
}

/// A try to send a delivery.
#[derive(Debug, Clone)]
pub struct PastAttempt {
    /// Its number in the delivery's life.
    pub attempt_no: i32,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended; `None` where nobody lived to see it.
    pub finished_at: Option<DateTime<Utc>>,
    /// How.
    pub outcome: AttemptOutcome,
    /// The relay's last code.
    pub smtp_code: Option<i16>,
    /// What happened, in words without addresses.
    pub detail: Option<String>,
}

/// The attempts of a delivery, newest first, from below the number `before`.
pub async fn past_attempts(
    conn: &mut PgConnection,
    id: DeliveryId,
    before: Option<i32>,
    limit: i64,
) -> Result<Vec<PastAttempt>, Error> {
    Ok(sqlx::query_as!(
        PastAttempt,
        "SELECT attempt_no, started_at, finished_at, outcome, smtp_code, detail FROM mail_attempts
          WHERE delivery_id = $1 AND attempt_no < $2 ORDER BY attempt_no DESC LIMIT $3",
        id.uuid(),
        before.unwrap_or(i32::MAX),
        limit
    )
    .fetch_all(conn)
    .await?)
}

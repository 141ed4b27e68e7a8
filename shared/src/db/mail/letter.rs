//! What a worker needs to send a mail.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::delivery::RecipientStatus;
use crate::domain::word::UnknownWord;
use crate::ids::DeliveryId;
use crate::postgres::Error;

/// A mail that is to be sent now.
#[derive(Clone)]
pub struct Letter {
    /// The delivery.
    pub delivery_id: DeliveryId,
    /// What wrote it; may be of another build.
    pub template_id: String,
    /// When it was enqueued; the `Date` of every copy.
    pub created_at: DateTime<Utc>,
    /// Its time has passed, by the database's clock: it must not be sent.
    pub expired: bool,
    /// How long it keeps its sense from the moment it was read; `None`: for ever.
    pub life: Option<Duration>,
    /// The subject, decoded.
    pub subject: String,
    /// The plain text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// All recipients, sorted by address.
    pub recipients: Vec<Recipient>,
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither contents, which may be a code, nor addresses.
        f.debug_struct("Letter")
            .field("delivery_id", &self.delivery_id)
            .field("template_id", &self.template_id)
            .finish()
    }
}

/// Somebody a mail goes to.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The address, as enqueued.
    pub address: String,
    /// What became of it.
    pub status: RecipientStatus,
}

/// The letters of these deliveries, in their order. `Err`: what is there cannot be sent, with the reason.
pub async fn letters(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Result<Letter, String>>, Error> {
    let rows = sqlx::query!(
        r#"SELECT d.delivery_id AS "id!: DeliveryId", d.template_id AS "template_id!", d.created_at AS "created_at!",
                  coalesce(d.expires_at <= clock_timestamp(), false) AS "expired!",
                  extract(epoch FROM d.expires_at - clock_timestamp())::float8 AS "life?",
                  p.subject AS "subject?", p.body_text AS "body_text?", p.body_html AS "body_html?",
                  r.addresses AS "addresses!", r.statuses AS "statuses!"
             FROM mail_deliveries d
             LEFT JOIN mail_payloads p USING (delivery_id)
             CROSS JOIN LATERAL (
               SELECT coalesce(array_agg(address ORDER BY address), '{}') AS addresses,
                      coalesce(array_agg(status ORDER BY address), '{}') AS statuses
                 FROM mail_recipients WHERE delivery_id = d.delivery_id) r
            WHERE d.delivery_id = ANY ($1)"#,
        ids
    )
    .fetch_all(conn)
    .await?;
    let mut found: HashMap<Uuid, Result<Letter, String>> = rows
        .into_iter()
        .map(|row| {
            let recipients = row.addresses.into_iter().zip(row.statuses).map(|(address, status)| {
                let status = status.parse().map_err(|e: UnknownWord| e.to_string())?;
                Ok(Recipient { address, status })
            });
            let letter = recipients.collect::<Result<Vec<_>, String>>().and_then(|recipients| {
                let wiped = || "the payload was wiped".to_owned();
                let (subject, text, html) = match (row.subject, row.body_text, row.body_html) {
                    // A code that expired is not read any more, only laid to rest.
                    _ if row.expired => Default::default(),
                    (Some(subject), Some(text), Some(html)) => (subject, text, html),
                    _ => return Err(wiped()),
                };
                Ok(Letter {
                    delivery_id: row.id,
                    template_id: row.template_id,
                    created_at: row.created_at,
                    expired: row.expired,
                    life: row.life.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()),
                    subject,
                    text,
                    html,
                    recipients,
                })
            });
            (row.id.uuid(), letter)
        })
        .collect();
    Ok(ids.iter().map(|id| found.remove(id).unwrap_or_else(|| Err("the delivery is gone".to_owned()))).collect())
}

/// Records that `DATA` begins now, unless the mail's time has passed meanwhile (`false`). The transaction must hold the
/// row (SPEC §11: the moment before `DATA` is recorded).
pub async fn data_begins(conn: &mut PgConnection, id: DeliveryId) -> Result<bool, Error> {
    let begun = sqlx::query!(
        "UPDATE mail_deliveries SET data_started_at = clock_timestamp()
          WHERE delivery_id = $1 AND (expires_at IS NULL OR expires_at > clock_timestamp())",
        id.uuid()
    )
    .execute(conn)
    .await?;
    Ok(begun.rows_affected() == 1)
}

/// The same for several rows at once, each with the token of the attempt that has it. Those that are not in the answer are not
/// marked: they have another token, or somebody has them locked. It waits for no lock, so that one row cannot hold up the
/// others; [`data_begins`] in a transaction of its own waits, and tells which it is.
pub async fn data_begins_together(
    conn: &mut PgConnection,
    rows: &[(Uuid, i64)],
) -> Result<HashMap<(Uuid, i64), bool>, Error> {
    let (ids, tokens): (Vec<Uuid>, Vec<i64>) = rows.iter().copied().unzip();
    let found = sqlx::query!(
        r#"WITH held AS MATERIALIZED (
             SELECT d.delivery_id, d.token, d.expires_at IS NULL OR d.expires_at > clock_timestamp() AS begins
               FROM mail_deliveries d JOIN unnest($1::uuid[], $2::bigint[]) AS a(id, token)
                 ON d.delivery_id = a.id AND d.token = a.token
                FOR NO KEY UPDATE OF d SKIP LOCKED),
           begun AS (
             UPDATE mail_deliveries d SET data_started_at = clock_timestamp() FROM held
              WHERE d.delivery_id = held.delivery_id AND d.token = held.token AND held.begins
             RETURNING d.delivery_id)
           SELECT held.delivery_id AS "id!", held.token AS "token!", held.begins AS "begins!"
             FROM held LEFT JOIN begun ON begun.delivery_id = held.delivery_id
            WHERE begun.delivery_id IS NOT NULL OR NOT held.begins"#,
        &ids,
        &tokens
    )
    .fetch_all(conn)
    .await?;
    Ok(found.into_iter().map(|row| ((row.id, row.token), row.begins)).collect())
}

//! What came of a mail: attempts, recipients, dead letters, and the wiping of codes.

use std::time::Duration;

use sqlx::PgConnection;
use uuid::Uuid;

use super::alarm::{self, Death};
use crate::domain::delivery::{AttemptOutcome, RecipientStatus};
use crate::ids::DeliveryId;
use crate::postgres::Error;

/// A try that spoke, or tried to speak, to the relay.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// The relay's last code, where it gave one.
    pub smtp_code: Option<i16>,
    /// What happened, in words without addresses.
    pub detail: String,
    /// How long it took.
    pub took: Duration,
}

/// A recipient about whom this attempt learned something.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The address, as enqueued.
    pub address: String,
    /// What is now known.
    pub status: RecipientStatus,
    /// The relay's code.
    pub smtp_code: Option<i16>,
    /// Its words.
    pub detail: String,
}

/// What a worker has to write about a delivery that it finished.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// The delivery.
    pub delivery_id: Uuid,
    /// The attempt's number.
    pub attempt_no: i32,
    /// The try; `None` when none was made.
    pub attempt: Option<&'a Attempt>,
    /// What was learned.
    pub decisions: &'a [Decision],
    /// The delivery is over: a sensitive payload is wiped.
    pub terminal: bool,
    /// It is over because it was sent.
    pub sent: bool,
    /// It is over because it died, for this reason.
    pub dead: Option<&'a str>,
}

/// Writes what came of deliveries, in the transaction that finishes (or rescues) them. The administrators are told of those
/// that died, gathered by cause: wake [`Topic::Notifications`](crate::queue::wake::Topic::Notifications) after the commit.
pub async fn record(conn: &mut PgConnection, records: &[Record<'_>]) -> Result<(), Error> {
    attempts(conn, records).await?;
    decisions(conn, records).await?;
    let begun: Vec<Uuid> = records.iter().filter(|r| r.attempt.is_some()).map(|r| r.delivery_id).collect();
    let sent: Vec<Uuid> = records.iter().filter(|r| r.sent).map(|r| r.delivery_id).collect();
    if !begun.is_empty() {
        sqlx::query!(
            "UPDATE mail_deliveries
                SET data_started_at = NULL,
                    sent_at = CASE WHEN delivery_id = ANY ($2) THEN clock_timestamp() ELSE sent_at END
              WHERE delivery_id = ANY ($1)",
            &begun,
            &sent
        )
        .execute(&mut *conn)
        .await?;
    }
    dead_letters(conn, records).await?;
    let over: Vec<Uuid> = records.iter().filter(|r| r.terminal).map(|r| r.delivery_id).collect();
    wipe(conn, &over).await
}

async fn attempts(conn: &mut PgConnection, records: &[Record<'_>]) -> Result<(), Error> {
    let tried: Vec<(&Record<'_>, &Attempt)> = records.iter().filter_map(|r| Some((r, r.attempt?))).collect();
    if tried.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = tried.iter().map(|(r, _)| r.delivery_id).collect();
    let numbers: Vec<i32> = tried.iter().map(|(r, _)| r.attempt_no).collect();
    let took: Vec<f64> = tried.iter().map(|(_, a)| a.took.as_secs_f64()).collect();
    let outcomes: Vec<String> = tried.iter().map(|(_, a)| a.outcome.as_str().to_owned()).collect();
    let codes: Vec<Option<i16>> = tried.iter().map(|(_, a)| a.smtp_code).collect();
    let details: Vec<String> = tried.iter().map(|(_, a)| a.detail.clone()).collect();
    sqlx::query!(
        "INSERT INTO mail_attempts (delivery_id, attempt_no, started_at, finished_at, outcome, smtp_code, detail)
         SELECT id, attempt_no, clock_timestamp() - make_interval(secs => took), clock_timestamp(), outcome, code, detail
           FROM unnest($1::uuid[], $2::int[], $3::float8[], $4::text[], $5::smallint[], $6::text[])
                AS a(id, attempt_no, took, outcome, code, detail)",
        &ids,
        &numbers,
        &took,
        &outcomes,
        &codes as &[Option<i16>],
        &details
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn decisions(conn: &mut PgConnection, records: &[Record<'_>]) -> Result<(), Error> {
    let made: Vec<(Uuid, &Decision)> =
        records.iter().flat_map(|r| r.decisions.iter().map(|d| (r.delivery_id, d))).collect();
    if made.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = made.iter().map(|(id, _)| *id).collect();
    let addresses: Vec<String> = made.iter().map(|(_, d)| d.address.clone()).collect();
    let statuses: Vec<String> = made.iter().map(|(_, d)| d.status.as_str().to_owned()).collect();
    let codes: Vec<Option<i16>> = made.iter().map(|(_, d)| d.smtp_code).collect();
    let details: Vec<String> = made.iter().map(|(_, d)| d.detail.clone()).collect();
    sqlx::query!(
        "UPDATE mail_recipients r SET status = a.status, smtp_code = a.code, detail = a.detail
           FROM unnest($1::uuid[], $2::text[], $3::text[], $4::smallint[], $5::text[])
                AS a(id, address, status, code, detail)
          WHERE r.delivery_id = a.id AND r.address = a.address",
        &ids,
        &addresses,
        &statuses,
        &codes as &[Option<i16>],
        &details
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn dead_letters(conn: &mut PgConnection, records: &[Record<'_>]) -> Result<(), Error> {
    let dead: Vec<(&Record<'_>, &str)> = records.iter().filter_map(|r| Some((r, r.dead?))).collect();
    if dead.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = dead.iter().map(|(r, _)| r.delivery_id).collect();
    let numbers: Vec<i32> = dead.iter().map(|(r, _)| r.attempt_no).collect();
    let errors: Vec<String> = dead.iter().map(|(_, e)| (*e).to_owned()).collect();
    // A mail that was resent and died again has its letter already.
    let letters = sqlx::query!(
        r#"WITH letters AS (
             INSERT INTO mail_dead_letters (delivery_id, attempt_no, last_error)
             SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[])
             ON CONFLICT (delivery_id) DO UPDATE
                SET failed_at = clock_timestamp(), attempt_no = excluded.attempt_no, last_error = excluded.last_error
             RETURNING delivery_id, last_error)
           SELECT d.delivery_id AS "delivery_id!: DeliveryId", d.template_id, d.request_id, d.traceparent, l.last_error AS "last_error!"
             FROM letters l JOIN mail_deliveries d USING (delivery_id)"#,
        &ids,
        &numbers,
        &errors
    )
    .fetch_all(&mut *conn)
    .await?;
    let deaths = letters.into_iter().map(|letter| Death {
        cause: alarm::cause(&letter.last_error),
        delivery_id: letter.delivery_id,
        template_id: letter.template_id,
        request_id: letter.request_id,
        traceparent: letter.traceparent,
    });
    alarm::raise(conn, deaths.collect()).await
}

pub(super) async fn wipe(conn: &mut PgConnection, over: &[Uuid]) -> Result<(), Error> {
    if over.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE mail_payloads SET subject = NULL, body_text = NULL, body_html = NULL, wiped_at = clock_timestamp()
          WHERE delivery_id = ANY ($1) AND sensitive AND wiped_at IS NULL",
        over
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes an attempt `unknown` for each delivery whose worker was lost after `DATA` had begun; the attempts' numbers are
/// those of the lost ones. Answers how many there were.
pub async fn lost_attempts(conn: &mut PgConnection, lost: &[(Uuid, i32)], detail: &str) -> Result<u64, Error> {
    let ids: Vec<Uuid> = lost.iter().map(|(id, _)| *id).collect();
    let numbers: Vec<i32> = lost.iter().map(|(_, number)| *number).collect();
    let noted = sqlx::query!(
        "WITH begun AS (
           SELECT d.delivery_id, a.attempt_no, d.data_started_at
             FROM mail_deliveries d JOIN unnest($1::uuid[], $2::int[]) AS a(id, attempt_no) ON d.delivery_id = a.id
            WHERE d.data_started_at IS NOT NULL),
         noted AS (
           INSERT INTO mail_attempts (delivery_id, attempt_no, started_at, outcome, detail)
           SELECT delivery_id, attempt_no, data_started_at, 'unknown', $3 FROM begun
           ON CONFLICT (delivery_id, attempt_no) DO NOTHING)
         UPDATE mail_deliveries d SET data_started_at = NULL FROM begun WHERE d.delivery_id = begun.delivery_id",
        &ids,
        &numbers,
        detail
    )
    .execute(conn)
    .await?;
    Ok(noted.rows_affected())
}

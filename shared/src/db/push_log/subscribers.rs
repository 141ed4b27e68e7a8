use crate::postgres::Error;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Cursor;

/// Makes this stream the one that holds the client id, whoever held it before.
pub async fn register_subscriber(
    conn: &mut PgConnection,
    gateway_client_id: &str,
    stream_id: Uuid,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO push_subscribers AS s (gateway_client_id, stream_id) VALUES ($1, $2)
         ON CONFLICT ON CONSTRAINT push_subscribers_pkey DO UPDATE
            SET stream_id = excluded.stream_id, generation = excluded.generation, connected_at = excluded.connected_at,
                epoch = NULL, seq = NULL, seen_at = NULL",
        gateway_client_id,
        stream_id
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Which stream holds each of these client ids.
pub async fn subscriber_streams(
    conn: &mut PgConnection,
    gateway_client_ids: &[String],
) -> Result<Vec<(String, Uuid)>, Error> {
    let rows = sqlx::query!(
        "SELECT gateway_client_id, stream_id FROM push_subscribers WHERE gateway_client_id = ANY ($1)",
        gateway_client_ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.gateway_client_id, row.stream_id)).collect())
}

/// Writes down how far these streams are: client id, stream, and the cursor of what was handed to it last. A stream that was
/// replaced changes nothing.
pub async fn report_positions(conn: &mut PgConnection, streams: &[(String, Uuid, Cursor)]) -> Result<u64, Error> {
    let clients: Vec<String> = streams.iter().map(|(client, ..)| client.clone()).collect();
    let ids: Vec<Uuid> = streams.iter().map(|(_, id, _)| *id).collect();
    let epochs: Vec<i32> = streams.iter().map(|(.., at)| at.epoch).collect();
    let numbers: Vec<i64> = streams.iter().map(|(.., at)| at.seq).collect();
    let done = sqlx::query!(
        "UPDATE push_subscribers s SET epoch = p.epoch, seq = p.seq, seen_at = clock_timestamp()
           FROM unnest($1::text[], $2::uuid[], $3::int[], $4::bigint[]) AS p (client, stream, epoch, seq)
          WHERE s.gateway_client_id = p.client AND s.stream_id = p.stream",
        &clients,
        &ids,
        &epochs,
        &numbers
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Whoever subscribed, and how far they are.
#[derive(Debug, Clone)]
pub struct Subscriber {
    /// The gateway's own name.
    pub gateway_client_id: String,
    /// When the stream that holds the name began.
    pub connected_at: DateTime<Utc>,
    /// When its replica last said how far it is; `None`: not yet.
    pub seen_at: Option<DateTime<Utc>>,
    /// Events that the log has and the stream had not been handed then; `None`: not known, or it is in an earlier epoch.
    pub behind: Option<i64>,
}

/// Subscribers in descending order of their names' bytes, from below `before`.
pub async fn subscribers(conn: &mut PgConnection, before: Option<&str>, limit: i64) -> Result<Vec<Subscriber>, Error> {
    Ok(sqlx::query_as!(
        Subscriber,
        r#"SELECT s.gateway_client_id AS "gateway_client_id!", s.connected_at AS "connected_at!", s.seen_at,
                  CASE WHEN s.epoch = h.epoch THEN greatest(h.head - s.seq, 0) END AS behind
             FROM push_subscribers s
             LEFT JOIN (SELECT epoch, base_seq + n - 1 AS head FROM push_ticks ORDER BY epoch DESC, tick_id DESC LIMIT 1) h ON true
            WHERE $1::text IS NULL OR s.gateway_client_id COLLATE "C" < $1
            ORDER BY s.gateway_client_id COLLATE "C" DESC LIMIT $2"#,
        before,
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// Forgets client ids whose streams began, and were last heard of, longer ago than `keep`. A stream that lives on without its
/// row keeps living: only a row that names another stream ends it.
pub async fn forget_subscribers(conn: &mut PgConnection, keep: Duration) -> Result<u64, Error> {
    let done = sqlx::query!(
        "DELETE FROM push_subscribers WHERE greatest(connected_at, seen_at) < statement_timestamp() - make_interval(secs => $1)",
        keep.as_secs_f64()
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

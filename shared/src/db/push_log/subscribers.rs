use crate::postgres::Error;
use std::time::Duration;

use sqlx::PgConnection;
use uuid::Uuid;

/// Makes this stream the one that holds the client id, whoever held it before.
pub async fn register_subscriber(
    conn: &mut PgConnection,
    gateway_client_id: &str,
    stream_id: Uuid,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO push_subscribers AS s (gateway_client_id, stream_id) VALUES ($1, $2)
         ON CONFLICT ON CONSTRAINT push_subscribers_pkey DO UPDATE
            SET stream_id = excluded.stream_id, generation = excluded.generation, connected_at = excluded.connected_at",
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

/// Forgets client ids that subscribed longer ago than `keep`. A stream that lives on without its row keeps living: only a
/// row that names another stream ends it.
pub async fn forget_subscribers(conn: &mut PgConnection, keep: Duration) -> Result<u64, Error> {
    let done = sqlx::query!(
        "DELETE FROM push_subscribers WHERE connected_at < statement_timestamp() - make_interval(secs => $1)",
        keep.as_secs_f64()
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

//! The end of sign-in challenges: what is in them is of no use soon after, and names an address.

use std::time::Duration;

use sqlx::PgConnection;

/// Removes up to `limit` challenges that ended more than `age` ago, oldest first, and answers how many. With them go their
/// addresses' counts of wrong tries, but today's.
///
/// # Errors
/// The database's.
pub async fn remove_ended(conn: &mut PgConnection, age: Duration, limit: i64) -> Result<u64, sqlx::Error> {
    let removed = sqlx::query_scalar!(
        r#"WITH ended AS (
             DELETE FROM auth_challenges WHERE challenge_id = ANY (ARRAY(
               SELECT challenge_id FROM auth_challenges
                WHERE expires_at < statement_timestamp() - make_interval(secs => $1)
                ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))
             RETURNING address),
           forgotten AS (
             DELETE FROM auth_addresses WHERE address = ANY (ARRAY(
               SELECT address FROM auth_addresses
                WHERE address IN (SELECT address FROM ended) AND day < (statement_timestamp() AT TIME ZONE 'UTC')::date
                FOR UPDATE SKIP LOCKED)))
           SELECT count(*) AS "n!" FROM ended"#,
        age.as_secs_f64(),
        limit
    )
    .fetch_one(conn)
    .await?;
    Ok(removed.unsigned_abs())
}

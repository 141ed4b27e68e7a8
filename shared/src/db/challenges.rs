//! The end of sign-in challenges: what is in them is of no use soon after, and names an address.

use std::time::Duration;

use sqlx::PgConnection;

/// Removes up to `limit` challenges that ended more than `age` ago, oldest first, and answers how many.
///
/// # Errors
/// The database's.
pub async fn remove_ended(conn: &mut PgConnection, age: Duration, limit: i64) -> Result<u64, sqlx::Error> {
    let removed = sqlx::query!(
        "DELETE FROM auth_challenges WHERE challenge_id = ANY (ARRAY(
           SELECT challenge_id FROM auth_challenges
            WHERE expires_at < statement_timestamp() - make_interval(secs => $1)
            ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
        age.as_secs_f64(),
        limit
    )
    .execute(conn)
    .await?;
    Ok(removed.rows_affected())
}

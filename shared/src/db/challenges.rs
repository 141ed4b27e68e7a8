//! The end of sign-in challenges: what is in them is of no use soon after, and names an address.

use crate::postgres::Error;
use std::time::Duration;

use sqlx::PgConnection;

/// How long a challenge counts among the code mails of its address (SPEC §6).
const COUNTED_FOR: Duration = Duration::from_secs(3600);

/// Removes up to `limit` challenges that ended more than `age` ago, oldest first, and answers how many. With them go their
/// addresses' rows, but for today's wrong tries and for a guard that holds: such a row goes when its day and its guard are over.
/// What was mailed within the hour stays: it counts.
pub async fn remove_ended(conn: &mut PgConnection, age: Duration, limit: i64) -> Result<u64, Error> {
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
                  AND (guarded_until IS NULL OR guarded_until < statement_timestamp())
                FOR UPDATE SKIP LOCKED))),
           -- Rows that outlasted the challenges of their address, by a day's tries or by a guard. All rows are read for them, so the last
           -- batch of a pass alone looks.
           outlasting AS (
             DELETE FROM auth_addresses WHERE address = ANY (ARRAY(
               SELECT address FROM auth_addresses a
                WHERE (SELECT count(*) FROM ended) < $2
                  AND coalesce(guarded_until, '-infinity') < statement_timestamp()
                  AND day < (statement_timestamp() AT TIME ZONE 'UTC')::date
                  AND NOT EXISTS (SELECT FROM auth_challenges c WHERE c.address = a.address)
                ORDER BY address LIMIT $2 FOR UPDATE SKIP LOCKED)))
           SELECT count(*) AS "n!" FROM ended"#,
        age.max(COUNTED_FOR).as_secs_f64(),
        limit
    )
    .fetch_one(conn)
    .await?;
    Ok(removed.unsigned_abs())
}

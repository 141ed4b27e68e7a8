//! Sign-in challenges and the budgets around them (SPEC §6).

use sqlx::PgConnection;

use crate::domain::challenge::{Mailbox, Recent, Standing};
use crate::ids::ChallengeId;
use crate::postgres::Error;

/// Locks the mailbox's row, making it if needed, and answers how it stands: whoever holds it decides alone about the next
/// challenge of all its addresses ([`crate::domain::email::mailbox`]).
pub async fn lock_mailbox(conn: &mut PgConnection, mailbox: &str) -> Result<Standing, Error> {
    Ok(sqlx::query_as!(
        Standing,
        r#"INSERT INTO auth_addresses AS a (address, day) VALUES ($1, (clock_timestamp() AT TIME ZONE 'UTC')::date)
           ON CONFLICT (address) DO UPDATE SET day = a.day
           RETURNING coalesce(guarded_until > clock_timestamp(), false) AS "guarded!",
                     CASE WHEN day = (clock_timestamp() AT TIME ZONE 'UTC')::date THEN wrong_tries ELSE 0 END AS "wrong_tries!""#,
        mailbox
    )
    .fetch_one(conn)
    .await?)
}

/// The challenges of an address that live, newest first, `limit` at most. Call under [`lock_mailbox`].
pub async fn recent_challenges(
    conn: &mut PgConnection,
    address: &str,
    window_seconds: f64,
    max_attempts: i32,
    limit: i64,
) -> Result<Vec<Recent>, Error> {
    Ok(sqlx::query_as!(
        Recent,
        r#"SELECT challenge_id AS "challenge_id: ChallengeId", guarded,
                  consumed_at IS NULL AND expires_at > statement_timestamp() AS "live!",
                  NOT guarded AND attempts >= $3 AS "burnt!",
                  created_at > statement_timestamp() - make_interval(secs => $2) AS "in_window!"
             FROM auth_challenges
            WHERE address = $1 AND consumed_at IS NULL AND expires_at > statement_timestamp()
            ORDER BY created_at DESC LIMIT $4"#,
        address,
        window_seconds,
        max_attempts,
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// What was asked for of a mailbox, over its addresses; of the newest `limit` challenges, so that nothing is counted that decides
/// nothing. Call under [`lock_mailbox`].
pub async fn mailbox(
    conn: &mut PgConnection,
    mailbox: &str,
    window_seconds: f64,
    limit: i64,
) -> Result<Mailbox, Error> {
    Ok(sqlx::query_as!(
        Mailbox,
        r#"SELECT count(*) FILTER (WHERE created_at > statement_timestamp() - interval '1 hour') AS "in_hour!",
                  count(*) FILTER (WHERE live AND created_at > statement_timestamp() - make_interval(secs => $2)) AS "in_window!",
                  count(*) FILTER (WHERE live AND guarded) AS "long!"
             FROM (SELECT created_at, guarded, consumed_at IS NULL AND expires_at > statement_timestamp() AS live
                     FROM auth_challenges
                    WHERE mailbox = $1
                      AND (created_at > statement_timestamp() - interval '1 hour' OR expires_at > statement_timestamp())
                    ORDER BY created_at DESC LIMIT $3) AS newest"#,
        mailbox,
        window_seconds,
        limit
    )
    .fetch_one(conn)
    .await?)
}

/// Guards the mailbox for a day; false where it is guarded already.
pub async fn guard(conn: &mut PgConnection, mailbox: &str) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE auth_addresses SET guarded_until = clock_timestamp() + interval '1 day'
          WHERE address = $1 AND (guarded_until IS NULL OR guarded_until <= clock_timestamp())",
        mailbox
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A challenge to be written.
pub struct NewChallenge<'a> {
    /// Its id, answered to the client.
    pub challenge_id: ChallengeId,
    /// The normalised address.
    pub address: &'a str,
    /// HMAC of salt and code.
    pub code_hash: &'a [u8],
    /// Random, per row.
    pub salt: &'a [u8],
    /// What the client wished for the account's language.
    pub preferred_language: Option<&'a str>,
    /// Whether the code is a long one, which tries do not burn.
    pub guarded: bool,
    /// Life, in seconds.
    pub ttl_seconds: f64,
}

/// Writes a challenge; answers when it expires, on the database's clock.
pub async fn insert_challenge(
    conn: &mut PgConnection,
    new: &NewChallenge<'_>,
) -> Result<chrono::DateTime<chrono::Utc>, Error> {
    Ok(sqlx::query_scalar!(
        "INSERT INTO auth_challenges (challenge_id, address, code_hash, salt, preferred_language, guarded, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp() + make_interval(secs => $7)) RETURNING expires_at",
        new.challenge_id as ChallengeId,
        new.address,
        new.code_hash,
        new.salt,
        new.preferred_language,
        new.guarded,
        new.ttl_seconds
    )
    .fetch_one(conn)
    .await?)
}

/// What a counted try may compare with.
#[derive(Debug)]
pub struct Challenge {
    /// The normalised address.
    pub address: String,
    /// HMAC of salt and code.
    pub code_hash: Vec<u8>,
    /// The row's salt.
    pub salt: Vec<u8>,
    /// What the client wished for the account's language.
    pub preferred_language: Option<String>,
    /// Whether the code is a long one.
    pub guarded: bool,
}

/// Whether this challenge lives and carries a long code.
pub async fn is_guarded(conn: &mut PgConnection, challenge_id: ChallengeId) -> Result<bool, Error> {
    let guarded = sqlx::query_scalar!(
        "SELECT guarded FROM auth_challenges WHERE challenge_id = $1 AND consumed_at IS NULL AND expires_at > clock_timestamp()",
        challenge_id as ChallengeId
    )
    .fetch_optional(conn)
    .await?;
    Ok(guarded.unwrap_or(false))
}

/// Counts a try against the challenge. Commit before comparing: a try that is not counted is never compared. `None` when the
/// challenge is unknown, expired, used, or out of tries; a guarded one is never out of tries.
pub async fn count_try(
    conn: &mut PgConnection,
    challenge_id: ChallengeId,
    max_attempts: i32,
) -> Result<Option<Challenge>, Error> {
    Ok(sqlx::query_as!(
        Challenge,
        "UPDATE auth_challenges SET attempts = attempts + 1
          WHERE challenge_id = $1 AND consumed_at IS NULL AND expires_at > clock_timestamp() AND (guarded OR attempts < $2)
         RETURNING address, code_hash, salt, preferred_language, guarded",
        challenge_id as ChallengeId,
        max_attempts
    )
    .fetch_optional(conn)
    .await?)
}

/// Counts a wrong try against the mailbox's day, over all its challenges, and answers how many there are now.
pub async fn count_wrong(conn: &mut PgConnection, mailbox: &str) -> Result<i32, Error> {
    Ok(sqlx::query_scalar!(
        "INSERT INTO auth_addresses AS a (address, day, wrong_tries) VALUES ($1, (clock_timestamp() AT TIME ZONE 'UTC')::date, 1)
         ON CONFLICT (address) DO UPDATE
            SET wrong_tries = CASE WHEN a.day = excluded.day THEN a.wrong_tries + 1 ELSE 1 END, day = excluded.day
         RETURNING wrong_tries",
        mailbox
    )
    .fetch_one(conn)
    .await?)
}

/// Uses the challenge up, once. False when another request was first.
pub async fn consume(conn: &mut PgConnection, challenge_id: ChallengeId) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE auth_challenges SET consumed_at = clock_timestamp() WHERE challenge_id = $1 AND consumed_at IS NULL",
        challenge_id as ChallengeId
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

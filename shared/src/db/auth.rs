//! Sign-in challenges and the budgets around them (SPEC §6).

use sqlx::PgConnection;

use crate::ids::ChallengeId;

/// Locks the address's row, making it if needed: whoever holds it decides alone about the throttle of this address.
///
/// # Errors
/// What Postgres answers.
pub async fn lock_address(conn: &mut PgConnection, address: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO auth_addresses (address, day) VALUES ($1, (clock_timestamp() AT TIME ZONE 'UTC')::date)
         ON CONFLICT (address) DO UPDATE SET day = auth_addresses.day",
        address
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The live challenges of an address within the throttle window, newest first: one that is used, over, or out of tries opens
/// nothing any more. Call under [`lock_address`].
///
/// # Errors
/// What Postgres answers.
pub async fn live_challenges(
    conn: &mut PgConnection,
    address: &str,
    window_seconds: f64,
    max_attempts: i32,
    limit: i64,
) -> Result<Vec<ChallengeId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT challenge_id AS "challenge_id: ChallengeId" FROM auth_challenges
            WHERE address = $1 AND consumed_at IS NULL AND expires_at > statement_timestamp() AND attempts < $4
              AND created_at > statement_timestamp() - make_interval(secs => $2)
            ORDER BY created_at DESC LIMIT $3"#,
        address,
        window_seconds,
        limit,
        max_attempts
    )
    .fetch_all(conn)
    .await
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
    /// Life, in seconds.
    pub ttl_seconds: f64,
}

/// Writes a challenge; answers when it expires, on the database's clock.
///
/// # Errors
/// What Postgres answers.
pub async fn insert_challenge(
    conn: &mut PgConnection,
    new: &NewChallenge<'_>,
) -> Result<chrono::DateTime<chrono::Utc>, sqlx::Error> {
    sqlx::query_scalar!(
        "INSERT INTO auth_challenges (challenge_id, address, code_hash, salt, preferred_language, expires_at)
         VALUES ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6)) RETURNING expires_at",
        new.challenge_id as ChallengeId,
        new.address,
        new.code_hash,
        new.salt,
        new.preferred_language,
        new.ttl_seconds
    )
    .fetch_one(conn)
    .await
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
}

/// Counts a try against the challenge and against the address's day. Commit before comparing: a try that is not counted
/// is never compared. `None` when the challenge is unknown, expired, used, or out of tries, or the address's budget is spent.
///
/// # Errors
/// What Postgres answers.
pub async fn count_try(
    conn: &mut PgConnection,
    challenge_id: ChallengeId,
    max_attempts: i32,
    daily_budget: i32,
) -> Result<Option<Challenge>, sqlx::Error> {
    let challenge = sqlx::query_as!(
        Challenge,
        "UPDATE auth_challenges SET attempts = attempts + 1
          WHERE challenge_id = $1 AND consumed_at IS NULL AND expires_at > clock_timestamp() AND attempts < $2
         RETURNING address, code_hash, salt, preferred_language",
        challenge_id as ChallengeId,
        max_attempts
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(challenge) = challenge else { return Ok(None) };
    let within_budget = sqlx::query!(
        "INSERT INTO auth_addresses AS a (address, day, wrong_tries) VALUES ($1, (clock_timestamp() AT TIME ZONE 'UTC')::date, 1)
         ON CONFLICT (address) DO UPDATE
            SET wrong_tries = CASE WHEN a.day = excluded.day THEN a.wrong_tries + 1 ELSE 1 END, day = excluded.day
          WHERE a.day <> excluded.day OR a.wrong_tries < $2",
        challenge.address,
        daily_budget
    )
    .execute(conn)
    .await?
    .rows_affected()
        == 1;
    Ok(within_budget.then_some(challenge))
}

/// Uses the challenge up, once, and takes the right try back from the address's wrong ones. False when another request was first.
///
/// # Errors
/// What Postgres answers.
pub async fn consume(conn: &mut PgConnection, challenge_id: ChallengeId, address: &str) -> Result<bool, sqlx::Error> {
    let first = sqlx::query!(
        "UPDATE auth_challenges SET consumed_at = clock_timestamp() WHERE challenge_id = $1 AND consumed_at IS NULL",
        challenge_id as ChallengeId
    )
    .execute(&mut *conn)
    .await?
    .rows_affected()
        == 1;
    if first {
        sqlx::query!(
            "UPDATE auth_addresses SET wrong_tries = greatest(wrong_tries - 1, 0) WHERE address = $1",
            address
        )
        .execute(conn)
        .await?;
    }
    Ok(first)
}

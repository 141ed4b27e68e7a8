//! Administrators' second factors (RFC 6238), and the recovery codes that stand in for them: columns of `admin_accounts`, and
//! `admin_recovery_codes`. The secrets here are sealed.

use sqlx::PgConnection;

use super::admin_accounts::FAMILIAR_DAYS;
use crate::domain::network::Network;
use crate::postgres::Error;

/// What a code is compared with.
#[derive(Debug, Clone)]
pub struct Factor {
    /// The sealed secret.
    pub secret: Option<Vec<u8>>,
    /// The sealed secret of a set-up that can still be confirmed.
    pub pending: Option<Vec<u8>>,
    /// Wrong codes today, this try among them, from networks that the account did not sign in from before.
    pub tries: i32,
    /// Whether the account signed in from the caller's network before.
    pub familiar: bool,
    /// The database's clock, in seconds since 1970.
    pub now: i64,
}

/// Counts a try from `network` as a wrong one, and answers what its code is compared with; `None` for an account that may not come
/// in. Commit before anything is compared; [`give_back`] takes back what was counted of a right one.
pub async fn count_try(conn: &mut PgConnection, user_name: &str, network: Network) -> Result<Option<Factor>, Error> {
    Ok(sqlx::query_as!(
        Factor,
        r#"WITH known AS (
             SELECT (statement_timestamp() AT TIME ZONE 'UTC')::date AS today,
                    EXISTS (SELECT FROM admin_networks n
                             WHERE n.user_name = $1 AND n.network = $2
                               AND n.last_used_at > statement_timestamp() - make_interval(days => $3)) AS familiar)
           UPDATE admin_accounts
              SET code_tries = CASE WHEN code_day IS DISTINCT FROM today THEN 0 ELSE code_tries END
                             + CASE WHEN familiar THEN 0 ELSE 1 END,
                  code_day = today
             FROM known
            WHERE user_name = $1 AND enabled
           RETURNING totp_secret AS secret,
                     CASE WHEN totp_pending_until > statement_timestamp() THEN totp_pending END AS pending,
                     code_tries AS "tries!", familiar AS "familiar!",
                     extract(epoch FROM statement_timestamp())::bigint AS "now!""#,
        user_name,
        network.to_string(),
        FAMILIAR_DAYS
    )
    .fetch_optional(conn)
    .await?)
}

/// Takes back a try that was counted and was right.
pub async fn give_back(conn: &mut PgConnection, user_name: &str) -> Result<(), Error> {
    sqlx::query!("UPDATE admin_accounts SET code_tries = GREATEST(code_tries - 1, 0) WHERE user_name = $1", user_name)
        .execute(conn)
        .await?;
    Ok(())
}

/// Accepts a step, once: false where it, or a later one, was accepted before, or the secret is another one by now. The secret is
/// stored anew as `resealed`.
pub async fn accept_step(
    conn: &mut PgConnection,
    user_name: &str,
    secret: &[u8],
    resealed: &[u8],
    step: i64,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE admin_accounts SET totp_last_step = $4, totp_secret = $3
          WHERE user_name = $1 AND enabled AND totp_secret = $2 AND (totp_last_step IS NULL OR totp_last_step < $4)",
        user_name,
        secret,
        resealed,
        step
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Begins a set-up, in place of one that was begun before.
pub async fn begin(conn: &mut PgConnection, user_name: &str, sealed: &[u8], seconds: f64) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE admin_accounts SET totp_pending = $2, totp_pending_until = clock_timestamp() + make_interval(secs => $3)
          WHERE user_name = $1 AND enabled",
        user_name,
        sealed,
        seconds
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a set-up with the step of its first code: the pending secret is the factor from now on, and no step up to this one is
/// accepted. False where the set-up is another one by now, or has run out.
pub async fn set_up(conn: &mut PgConnection, user_name: &str, pending: &[u8], step: i64) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE admin_accounts
            SET totp_secret = totp_pending, totp_last_step = $3, totp_pending = NULL, totp_pending_until = NULL
          WHERE user_name = $1 AND enabled AND totp_pending = $2 AND totp_pending_until > statement_timestamp()",
        user_name,
        pending,
        step
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a factor away, a set-up that was begun, and the recovery codes; false where there is no such account.
pub async fn reset(conn: &mut PgConnection, user_name: &str) -> Result<bool, Error> {
    let done = sqlx::query!(
        "WITH codes AS (DELETE FROM admin_recovery_codes WHERE user_name = $1)
         UPDATE admin_accounts
            SET totp_secret = NULL, totp_last_step = NULL, totp_pending = NULL, totp_pending_until = NULL, code_tries = 0
          WHERE user_name = $1",
        user_name
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes an account's recovery codes away.
pub async fn forget_recovery_codes(conn: &mut PgConnection, user_name: &str) -> Result<(), Error> {
    sqlx::query!("DELETE FROM admin_recovery_codes WHERE user_name = $1", user_name).execute(conn).await?;
    Ok(())
}

/// Gives an account recovery codes, by their hashes.
pub async fn insert_recovery_codes(conn: &mut PgConnection, user_name: &str, hashes: &[Vec<u8>]) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO admin_recovery_codes (user_name, code_hash) SELECT $1, unnest($2::bytea[])",
        user_name,
        hashes
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Uses a recovery code up; false where there is none such, or it was used.
pub async fn use_recovery_code(conn: &mut PgConnection, user_name: &str, hash: &[u8]) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE admin_recovery_codes SET used_at = clock_timestamp()
          WHERE user_name = $1 AND code_hash = $2 AND used_at IS NULL",
        user_name,
        hash
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many recovery codes of an account are good.
pub async fn recovery_codes_left(conn: &mut PgConnection, user_name: &str) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM admin_recovery_codes WHERE user_name = $1 AND used_at IS NULL"#,
        user_name
    )
    .fetch_one(conn)
    .await?)
}

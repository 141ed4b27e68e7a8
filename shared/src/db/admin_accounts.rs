//! `admin_accounts`, `admin_networks`: administrators (SPEC §5 admin, §16), what a log-in is checked against, and their administration.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::InTransaction;
use super::idempotency::{Idempotency, Replayed, replayed};
use crate::domain::network::Network;
use crate::postgres::Error;

/// An administrator.
#[derive(Debug, Clone)]
pub struct AdminAccount {
    /// The name to log in with.
    pub user_name: String,
    /// Whether they may log in.
    pub enabled: bool,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// The words of their roles.
    pub roles: Vec<String>,
    /// Where they are told of a reset.
    pub email: Option<String>,
    /// Whether they have a second factor.
    pub has_factor: bool,
}

/// `head`, the columns of an [`AdminAccount`], and `tail`.
macro_rules! accounts {
    ($head:tt, $tail:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            AdminAccount,
            $head + r#" user_name, enabled, created_at, last_used_at, roles, email, totp_secret IS NOT NULL AS "has_factor!" "# + $tail
            $(, $argument)*
        )
    };
}

/// An administrator to be made.
pub struct NewAdminAccount<'a> {
    /// The name to log in with.
    pub user_name: &'a str,
    /// bcrypt.
    pub password_hash: &'a str,
    /// The words of their roles, one or more.
    pub roles: &'a [String],
    /// Where they are told of a reset.
    pub email: Option<&'a str>,
}

/// Makes an administrator, enabled; false when the idempotency key made one before. A known name is the constraint
/// `admin_accounts_pkey`.
pub async fn insert(
    conn: &mut PgConnection,
    new: &NewAdminAccount<'_>,
    idempotency: Option<&Idempotency>,
) -> Result<bool, Error> {
    let (owner, key, hash) = Idempotency::columns(idempotency);
    let done = sqlx::query!(
        "INSERT INTO admin_accounts (user_name, password_hash, roles, email, idempotency_owner, idempotency_key, idempotency_hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT ON CONSTRAINT admin_accounts_idempotency_key DO NOTHING",
        new.user_name,
        new.password_hash,
        new.roles,
        new.email,
        owner,
        key,
        hash
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The administrator who was made under this key.
pub async fn replayed(conn: &mut PgConnection, idempotency: &Idempotency) -> Result<Option<Replayed<String>>, Error> {
    Ok(replayed!(conn, idempotency, "user_name AS id", "admin_accounts")?)
}

/// One administrator.
pub async fn get(conn: &mut PgConnection, user_name: &str) -> Result<Option<AdminAccount>, Error> {
    Ok(accounts!("SELECT", "FROM admin_accounts WHERE user_name = $1", user_name).fetch_optional(conn).await?)
}

/// Administrators, perhaps only those who are enabled or disabled, in descending order of their names' bytes, from below
/// `before`.
pub async fn list(
    conn: &mut PgConnection,
    enabled: Option<bool>,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<AdminAccount>, Error> {
    Ok(accounts!(
        "SELECT",
        r#"FROM admin_accounts
            WHERE ($1::text IS NULL OR user_name COLLATE "C" < $1) AND ($2::boolean IS NULL OR enabled = $2)
            ORDER BY user_name COLLATE "C" DESC LIMIT $3"#,
        before,
        enabled,
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// Locks all enabled administrators, in one order everywhere, and answers them: until the transaction ends nobody else
/// disables one of them, nor changes what they may do. Whoever waited sees what the one before them left.
pub async fn lock_enabled(tx: &mut impl InTransaction) -> Result<Vec<AdminAccount>, Error> {
    Ok(accounts!("SELECT", "FROM admin_accounts WHERE enabled ORDER BY user_name FOR NO KEY UPDATE")
        .fetch_all(&mut **tx)
        .await?)
}

/// Enables or disables an administrator; `None` where there is none of this name.
pub async fn set_enabled(
    conn: &mut PgConnection,
    user_name: &str,
    enabled: bool,
) -> Result<Option<AdminAccount>, Error> {
    let set =
        accounts!("UPDATE admin_accounts SET enabled = $2 WHERE user_name = $1 RETURNING", "", user_name, enabled);
    Ok(set.fetch_optional(conn).await?)
}

/// Gives an administrator another password; `None` where there is none of this name. A set-up of a second factor that was begun goes:
/// whoever was in by the former password may have its secret.
pub async fn set_password(
    conn: &mut PgConnection,
    user_name: &str,
    password_hash: &str,
) -> Result<Option<AdminAccount>, Error> {
    let set = accounts!(
        "UPDATE admin_accounts SET password_hash = $2, totp_pending = NULL, totp_pending_until = NULL WHERE user_name = $1 RETURNING",
        "",
        user_name,
        password_hash
    );
    Ok(set.fetch_optional(conn).await?)
}

/// Gives an administrator roles, an address, or both; what is `None` stays, and `Some(None)` takes the address away. `None` where
/// there is none of this name.
pub async fn patch(
    conn: &mut PgConnection,
    user_name: &str,
    roles: Option<&[String]>,
    email: Option<Option<&str>>,
) -> Result<Option<AdminAccount>, Error> {
    let set = accounts!(
        "UPDATE admin_accounts SET roles = COALESCE($2, roles), email = CASE WHEN $3 THEN $4 ELSE email END
          WHERE user_name = $1 RETURNING",
        "",
        user_name,
        roles as Option<&[String]>,
        email.is_some(),
        email.flatten()
    );
    Ok(set.fetch_optional(conn).await?)
}

/// What a log-in is checked against.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// bcrypt.
    pub password_hash: String,
    /// Whether the account may log in.
    pub enabled: bool,
    /// Whether `last_used_at` is old enough to be written anew; a write per request would be a hot row.
    pub last_used_stale: bool,
    /// Whether the account signed in from the caller's network before.
    pub familiar: bool,
    /// The words of its roles.
    pub roles: Vec<String>,
    /// Whether it has a second factor.
    pub has_factor: bool,
}

/// What an account is at the moment that it is held.
#[derive(Debug, Clone)]
pub struct Held {
    /// bcrypt.
    pub password_hash: String,
    /// The words of its roles.
    pub roles: Vec<String>,
    /// Whether it has a second factor.
    pub has_factor: bool,
}

/// Holds an account's row until the transaction ends, before anything else of it: whoever changes its password, roles or factor, or
/// disables it, came before or comes after. `None` where it may not log in.
pub async fn hold(tx: &mut impl InTransaction, user_name: &str) -> Result<Option<Held>, Error> {
    Ok(sqlx::query_as!(
        Held,
        r#"SELECT password_hash, roles, totp_secret IS NOT NULL AS "has_factor!" FROM admin_accounts
            WHERE user_name = $1 AND enabled FOR NO KEY UPDATE"#,
        user_name
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Days after which a network from which an administrator signed in is forgotten.
pub(super) const FAMILIAR_DAYS: i32 = 90;

/// The credentials of an administrator who calls from `network`.
pub async fn credentials(
    conn: &mut PgConnection,
    user_name: &str,
    network: Network,
) -> Result<Option<Credentials>, Error> {
    Ok(sqlx::query_as!(
        Credentials,
        r#"SELECT password_hash, enabled,
                  (last_used_at IS NULL OR last_used_at < statement_timestamp() - interval '1 minute') AS "last_used_stale!",
                  EXISTS (SELECT FROM admin_networks n
                           WHERE n.user_name = a.user_name AND n.network = $2
                             AND n.last_used_at > statement_timestamp() - make_interval(days => $3)) AS "familiar!",
                  roles, totp_secret IS NOT NULL AS "has_factor!"
             FROM admin_accounts a WHERE user_name = $1"#,
        user_name,
        network.to_string(),
        FAMILIAR_DAYS
    )
    .fetch_optional(conn)
    .await?)
}

/// Whether an administrator of this name exists.
pub async fn exists(conn: &mut PgConnection, user_name: &str) -> Result<bool, Error> {
    let found = sqlx::query_scalar!("SELECT 1 FROM admin_accounts WHERE user_name = $1", user_name);
    Ok(found.fetch_optional(conn).await?.is_some())
}

/// Notes that the account was used, from `network`, and forgets networks that it was not used from for long.
pub async fn touch(conn: &mut PgConnection, user_name: &str, network: Network) -> Result<(), Error> {
    sqlx::query!(
        "WITH used AS (
           UPDATE admin_accounts SET last_used_at = clock_timestamp() WHERE user_name = $1 RETURNING user_name),
         forgotten AS (
           DELETE FROM admin_networks
            WHERE user_name = $1 AND network <> $2 AND last_used_at < clock_timestamp() - make_interval(days => $3))
         INSERT INTO admin_networks (user_name, network) SELECT user_name, $2 FROM used
         ON CONFLICT ON CONSTRAINT admin_networks_pkey DO UPDATE SET last_used_at = clock_timestamp()",
        user_name,
        network.to_string(),
        FAMILIAR_DAYS
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Inserts an administrator unless the name exists: an existing or rotated password is never overwritten.
pub async fn bootstrap(conn: &mut PgConnection, user_name: &str, password_hash: &str) -> Result<bool, Error> {
    let done = sqlx::query!(
        "INSERT INTO admin_accounts (user_name, password_hash) VALUES ($1, $2) ON CONFLICT ON CONSTRAINT admin_accounts_pkey DO NOTHING",
        user_name,
        password_hash
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

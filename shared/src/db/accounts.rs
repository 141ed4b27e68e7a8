//! Accounts, identities, entitlements and sanctions (SPEC §6).

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::ids::{IdentityId, SanctionId, UserId};

/// An account with what every reader wants beside it, read in one statement.
#[derive(Debug, Clone)]
pub struct Account {
    /// Who.
    pub user_id: UserId,
    /// Unique handle.
    pub user_name: String,
    /// Free name, if set.
    pub display_name: Option<String>,
    /// The e-mail identity's address, if there is one.
    pub email: Option<String>,
    /// BCP 47.
    pub preferred_language: String,
    /// IANA.
    pub time_zone: String,
    /// ISO 3166-1 alpha-2.
    pub declared_country: Option<String>,
    /// Registration.
    pub created_at: DateTime<Utc>,
    /// Soft deletion.
    pub deleted_at: Option<DateTime<Utc>>,
    /// The plan in force; `None` is free since registration.
    pub entitlement: Option<Entitlement>,
    /// Sanctions in force.
    pub sanctions: Vec<Sanction>,
}

/// A granted plan.
#[derive(Debug, Clone)]
pub struct Entitlement {
    /// `free`, `monthly`, `yearly`, `permanent`.
    pub plan: String,
    /// Who or what granted it.
    pub source: String,
    /// From when.
    pub starts_at: DateTime<Utc>,
    /// Until when; never, if `None`.
    pub ends_at: Option<DateTime<Utc>>,
}

/// A sanction in force.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Sanction {
    /// Its id.
    pub sanction_id: SanctionId,
    /// One of the six kinds.
    pub kind: String,
    /// Why.
    pub reason: String,
    /// Who set it.
    pub actor: String,
    /// From when.
    pub starts_at: DateTime<Utc>,
    /// Until when; lifted by hand only, if `None`.
    pub ends_at: Option<DateTime<Utc>>,
}

/// The account, deleted or not.
///
/// # Errors
/// What Postgres answers.
pub async fn get(conn: &mut PgConnection, user_id: UserId) -> Result<Option<Account>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT a.user_id AS "user_id: UserId", a.user_name, a.display_name, a.preferred_language, a.time_zone, a.declared_country,
                  a.created_at, a.deleted_at, i.external_id AS "email?",
                  e.plan AS "plan?", e.source AS "source?", e.starts_at AS "starts_at?", e.ends_at AS "ends_at?",
                  (SELECT coalesce(jsonb_agg(jsonb_build_object('sanction_id', s.sanction_id, 'kind', s.kind, 'reason', s.reason,
                          'actor', s.actor, 'starts_at', s.starts_at, 'ends_at', s.ends_at) ORDER BY s.sanction_id), '[]')
                     FROM sanctions s
                    WHERE s.user_id = a.user_id AND s.lifted_at IS NULL AND s.starts_at <= statement_timestamp()
                      AND (s.ends_at IS NULL OR s.ends_at > statement_timestamp()))
                  AS "sanctions!: sqlx::types::Json<Vec<Sanction>>"
             FROM accounts a
             LEFT JOIN LATERAL (SELECT external_id FROM identities WHERE user_id = a.user_id AND kind = 'email' ORDER BY identity_id LIMIT 1) i ON true
             LEFT JOIN LATERAL (SELECT plan, source, starts_at, ends_at FROM entitlements
                                 WHERE user_id = a.user_id AND starts_at <= statement_timestamp()
                                   AND (ends_at IS NULL OR ends_at > statement_timestamp())
                                 ORDER BY entitlement_id DESC LIMIT 1) e ON true
            WHERE a.user_id = $1"#,
        user_id as UserId
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| Account {
        user_id: r.user_id,
        user_name: r.user_name,
        display_name: r.display_name,
        email: r.email,
        preferred_language: r.preferred_language,
        time_zone: r.time_zone,
        declared_country: r.declared_country,
        created_at: r.created_at,
        deleted_at: r.deleted_at,
        entitlement: match (r.plan, r.source, r.starts_at) {
            (Some(plan), Some(source), Some(starts_at)) => {
                Some(Entitlement { plan, source, starts_at, ends_at: r.ends_at })
            }
            _ => None,
        },
        sanctions: r.sanctions.0,
    }))
}

/// The kinds of the sanctions in force on an existing account; `None` where there is no such account (any more).
/// Read on every request of the user group (SPEC §15).
///
/// # Errors
/// What Postgres answers.
pub async fn standing(conn: &mut PgConnection, user_id: UserId) -> Result<Option<Vec<String>>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT ARRAY(SELECT kind FROM sanctions s
                         WHERE s.user_id = a.user_id AND s.lifted_at IS NULL AND s.starts_at <= statement_timestamp()
                           AND (s.ends_at IS NULL OR s.ends_at > statement_timestamp())) AS "kinds!"
             FROM accounts a WHERE a.user_id = $1 AND a.deleted_at IS NULL"#,
        user_id as UserId
    )
    .fetch_optional(conn)
    .await
}

/// Makes an account; a taken `user_name` is the constraint `accounts_user_name_key`.
///
/// # Errors
/// What Postgres answers.
pub async fn insert(
    conn: &mut PgConnection,
    user_id: UserId,
    user_name: &str,
    preferred_language: &str,
    time_zone: &str,
    declared_country: Option<&str>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO accounts (user_id, user_name, preferred_language, time_zone, declared_country) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT ON CONSTRAINT accounts_user_name_key DO NOTHING",
        user_id as UserId,
        user_name,
        preferred_language,
        time_zone,
        declared_country
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The account that owns an identity.
///
/// # Errors
/// What Postgres answers.
pub async fn by_identity(
    conn: &mut PgConnection,
    kind: &str,
    external_id: &str,
) -> Result<Option<UserId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT user_id AS "user_id: UserId" FROM identities WHERE kind = $1 AND external_id = $2"#,
        kind,
        external_id
    )
    .fetch_optional(conn)
    .await
}

/// The account with a user name, if it was not deleted.
///
/// # Errors
/// What Postgres answers.
pub async fn user_named(conn: &mut PgConnection, user_name: &str) -> Result<Option<UserId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT user_id AS "user_id: UserId" FROM accounts WHERE user_name = $1 AND deleted_at IS NULL"#,
        user_name
    )
    .fetch_optional(conn)
    .await
}

/// Gives an identity to an account; one that is owned already is the constraint `identities_kind_external_id_key`.
///
/// # Errors
/// What Postgres answers.
pub async fn insert_identity(
    conn: &mut PgConnection,
    user_id: UserId,
    kind: &str,
    external_id: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO identities (identity_id, user_id, kind, external_id) VALUES ($1, $2, $3, $4)",
        IdentityId::new() as IdentityId,
        user_id as UserId,
        kind,
        external_id
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A change of profile or settings: `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct ProfileChange<'a> {
    /// New handle.
    pub user_name: Option<&'a str>,
    /// New free name; `Some(None)` clears it.
    pub display_name: Option<Option<&'a str>>,
    /// New language.
    pub preferred_language: Option<&'a str>,
    /// New zone.
    pub time_zone: Option<&'a str>,
}

/// Applies a change; a taken `user_name` is the constraint `accounts_user_name_key`.
///
/// # Errors
/// What Postgres answers.
pub async fn change_profile(
    conn: &mut PgConnection,
    user_id: UserId,
    change: &ProfileChange<'_>,
) -> Result<(), sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE accounts SET user_name = coalesce($2, user_name),
                display_name = CASE WHEN $3 THEN $4 ELSE display_name END,
                preferred_language = coalesce($5, preferred_language),
                time_zone = coalesce($6, time_zone),
                updated_at = clock_timestamp()
          WHERE user_id = $1 AND deleted_at IS NULL",
        user_id as UserId,
        change.user_name,
        change.display_name.is_some(),
        change.display_name.flatten(),
        change.preferred_language,
        change.time_zone
    )
    .execute(conn)
    .await?;
    crate::error::ensure_affected_rows("accounts", &done, 1)
}

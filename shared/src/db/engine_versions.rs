//! `engine_versions`: which images may play (SPEC §8).

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::idempotency::{Idempotency, Replayed};

/// A registered engine version.
#[derive(Debug, Clone)]
pub struct EngineVersion {
    /// Semantic version label.
    pub version: String,
    /// Image reference, or the path of a binary with the process driver.
    pub image: String,
    /// Whether new starts may use it.
    pub enabled: bool,
    /// Registration.
    pub created_at: DateTime<Utc>,
}

/// Registers a version; false when the idempotency key made a row before. A known version is the constraint
/// `engine_versions_pkey`.
///
/// # Errors
/// What Postgres answers.
pub async fn insert(
    conn: &mut PgConnection,
    version: &str,
    image: &str,
    idempotency: Option<&Idempotency>,
) -> Result<bool, sqlx::Error> {
    let (owner, key, hash) = Idempotency::columns(idempotency);
    let done = sqlx::query!(
        "INSERT INTO engine_versions (version, image, idempotency_owner, idempotency_key, idempotency_hash) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT ON CONSTRAINT engine_versions_idempotency_key DO NOTHING",
        version,
        image,
        owner,
        key,
        hash
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The version that was registered under this key.
///
/// # Errors
/// What Postgres answers.
pub async fn replayed(
    conn: &mut PgConnection,
    idempotency: &Idempotency,
) -> Result<Option<Replayed<String>>, sqlx::Error> {
    sqlx::query_as!(
        Replayed,
        r#"SELECT version AS id, idempotency_hash AS "hash!" FROM engine_versions WHERE idempotency_owner = $1 AND idempotency_key = $2"#,
        idempotency.owner,
        idempotency.key
    )
    .fetch_optional(conn)
    .await
}

/// One version.
///
/// # Errors
/// What Postgres answers.
pub async fn get(conn: &mut PgConnection, version: &str) -> Result<Option<EngineVersion>, sqlx::Error> {
    sqlx::query_as!(
        EngineVersion,
        "SELECT version, image, enabled, created_at FROM engine_versions WHERE version = $1",
        version
    )
    .fetch_optional(conn)
    .await
}

/// Versions, perhaps only enabled or disabled ones, in descending order of their labels' bytes, from below `before`.
///
/// # Errors
/// What Postgres answers.
pub async fn list(
    conn: &mut PgConnection,
    enabled: Option<bool>,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<EngineVersion>, sqlx::Error> {
    sqlx::query_as!(
        EngineVersion,
        r#"SELECT version, image, enabled, created_at FROM engine_versions
            WHERE ($1::text IS NULL OR version COLLATE "C" < $1) AND ($2::boolean IS NULL OR enabled = $2)
            ORDER BY version COLLATE "C" DESC LIMIT $3"#,
        before,
        enabled,
        limit
    )
    .fetch_all(conn)
    .await
}

/// Changes a version; `None` leaves a field as it is. Answers the version as it then is, `None` where there is none.
///
/// # Errors
/// What Postgres answers.
pub async fn change(
    conn: &mut PgConnection,
    version: &str,
    image: Option<&str>,
    enabled: Option<bool>,
) -> Result<Option<EngineVersion>, sqlx::Error> {
    sqlx::query_as!(
        EngineVersion,
        "UPDATE engine_versions SET image = coalesce($2, image), enabled = coalesce($3, enabled) WHERE version = $1
         RETURNING version, image, enabled, created_at",
        version,
        image,
        enabled
    )
    .fetch_optional(conn)
    .await
}

/// Whether a version may be used, and keeps that answer true until the transaction ends: disabling waits. `None` where there
/// is no such version.
///
/// # Errors
/// What Postgres answers.
pub async fn hold_enabled(conn: &mut PgConnection, version: &str) -> Result<Option<bool>, sqlx::Error> {
    sqlx::query_scalar!("SELECT enabled FROM engine_versions WHERE version = $1 FOR SHARE", version)
        .fetch_optional(conn)
        .await
}

//! `engine_versions`: which images may play (SPEC §8).

use crate::postgres::Error;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::InTransaction;
use super::idempotency::{Idempotency, Replayed, replayed};

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
    /// What users read instead of the label.
    pub title: Option<String>,
    /// What users read about it.
    pub description: Option<String>,
    /// Games on it have at least so many players.
    pub min_players: Option<i32>,
    /// Games on it have at most so many players.
    pub max_players: Option<i32>,
}

/// A version to be registered. Everything in it has been checked.
#[derive(Debug, Clone, Copy)]
pub struct NewEngineVersion<'a> {
    /// Semantic version label.
    pub version: &'a str,
    /// Image reference, or the path of a binary with the process driver.
    pub image: &'a str,
    /// What users read instead of the label.
    pub title: Option<&'a str>,
    /// What users read about it.
    pub description: Option<&'a str>,
    /// Games on it have at least so many players.
    pub min_players: Option<i32>,
    /// Games on it have at most so many players.
    pub max_players: Option<i32>,
}

/// What to change of a version: `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Copy, Default)]
pub struct EngineVersionChange<'a> {
    /// Another image.
    pub image: Option<&'a str>,
    /// Whether new starts may use it.
    pub enabled: Option<bool>,
    /// What users read instead of the label.
    pub title: Option<Option<&'a str>>,
    /// What users read about it.
    pub description: Option<Option<&'a str>>,
    /// Games on it have at least so many players.
    pub min_players: Option<Option<i32>>,
    /// Games on it have at most so many players.
    pub max_players: Option<Option<i32>>,
}

/// What a game that is to use a version is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Whether new starts may use it.
    pub enabled: bool,
    /// Games on it have at least so many players.
    pub min_players: Option<i32>,
    /// Games on it have at most so many players.
    pub max_players: Option<i32>,
}

/// Registers a version; false when the idempotency key made a row before. A known version is the constraint
/// `engine_versions_pkey`.
pub async fn insert(
    conn: &mut PgConnection,
    new: NewEngineVersion<'_>,
    idempotency: Option<&Idempotency>,
) -> Result<bool, Error> {
    let (owner, key, hash) = Idempotency::columns(idempotency);
    let done = sqlx::query!(
        "INSERT INTO engine_versions (version, image, title, description, min_players, max_players, idempotency_owner,
             idempotency_key, idempotency_hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT ON CONSTRAINT engine_versions_idempotency_key DO NOTHING",
        new.version,
        new.image,
        new.title,
        new.description,
        new.min_players,
        new.max_players,
        owner,
        key,
        hash
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The version that was registered under this key.
pub async fn replayed(conn: &mut PgConnection, idempotency: &Idempotency) -> Result<Option<Replayed<String>>, Error> {
    Ok(replayed!(conn, idempotency, "version AS id", "engine_versions")?)
}

/// One version.
pub async fn get(conn: &mut PgConnection, version: &str) -> Result<Option<EngineVersion>, Error> {
    Ok(sqlx::query_as!(
        EngineVersion,
        "SELECT version, image, enabled, created_at, title, description, min_players, max_players FROM engine_versions WHERE version = $1",
        version
    )
    .fetch_optional(conn)
    .await?)
}

/// Versions, perhaps only enabled or disabled ones, in descending order of their labels' bytes, from below `before`.
pub async fn list(
    conn: &mut PgConnection,
    enabled: Option<bool>,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<EngineVersion>, Error> {
    Ok(sqlx::query_as!(
        EngineVersion,
        r#"SELECT version, image, enabled, created_at, title, description, min_players, max_players FROM engine_versions
            WHERE ($1::text IS NULL OR version COLLATE "C" < $1) AND ($2::boolean IS NULL OR enabled = $2)
            ORDER BY version COLLATE "C" DESC LIMIT $3"#,
        before,
        enabled,
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// Changes a version. Answers the version as it then is, `None` where there is none. Bounds of players that cross each other are
/// the constraint `engine_versions_players_check`.
pub async fn change(
    conn: &mut PgConnection,
    version: &str,
    change: &EngineVersionChange<'_>,
) -> Result<Option<EngineVersion>, Error> {
    Ok(sqlx::query_as!(
        EngineVersion,
        "UPDATE engine_versions
            SET image = coalesce($2, image), enabled = coalesce($3, enabled), title = CASE WHEN $4 THEN $5 ELSE title END,
                description = CASE WHEN $6 THEN $7 ELSE description END,
                min_players = CASE WHEN $8 THEN $9::integer ELSE min_players END,
                max_players = CASE WHEN $10 THEN $11::integer ELSE max_players END
          WHERE version = $1
         RETURNING version, image, enabled, created_at, title, description, min_players, max_players",
        version,
        change.image,
        change.enabled,
        change.title.is_some(),
        change.title.flatten(),
        change.description.is_some(),
        change.description.flatten(),
        change.min_players.is_some(),
        change.min_players.flatten(),
        change.max_players.is_some(),
        change.max_players.flatten()
    )
    .fetch_optional(conn)
    .await?)
}

/// The terms of a version, and keeps that answer true until the transaction ends: who changes it waits. `None` where there is
/// no such version.
pub async fn hold(tx: &mut impl InTransaction, version: &str) -> Result<Option<Terms>, Error> {
    Ok(sqlx::query_as!(
        Terms,
        "SELECT enabled, min_players, max_players FROM engine_versions WHERE version = $1 FOR SHARE",
        version
    )
    .fetch_optional(&mut **tx)
    .await?)
}

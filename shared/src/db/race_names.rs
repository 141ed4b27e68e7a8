//! `race_names`: the Race Name Directory (SPEC §7). What the end of a game does to names stands in [`super::game_runtime`].

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::keyset::below;
use crate::domain::race_name::RaceName;
use crate::ids::{GameId, RaceNameId, UserId};

/// An entry of the directory.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its id.
    pub race_name_id: RaceNameId,
    /// As shown.
    pub race_name: String,
    /// What is unique.
    pub canonical_key: String,
    /// `reserved`, `pending_registration`, `registered` or `released`.
    pub status: String,
    /// The game it is for, or comes from.
    pub game_id: Option<GameId>,
    /// When a pending one lapses.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Takes the name's own lock until the transaction ends. Two transactions that insert the same key at once would each wait
/// for the other within the exclusion constraint, and one would die of a deadlock instead of the conflict that it is.
async fn lock_key(conn: &mut PgConnection, canonical_key: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"SELECT 1 AS "one!" FROM (SELECT pg_advisory_xact_lock(hashtextextended('race_name:' || $1, 0))) l"#,
        canonical_key
    )
    .fetch_one(conn)
    .await?;
    Ok(())
}

/// Reserves a name for a user in a game. Constraints: `race_names_one_holder_excl` when somebody else holds it,
/// `race_names_game_id_canonical_key_key` when it is taken in this game.
///
/// # Errors
/// What Postgres answers.
pub async fn reserve(
    conn: &mut PgConnection,
    game_id: GameId,
    user_id: UserId,
    race_name: &RaceName,
) -> Result<(), sqlx::Error> {
    lock_key(&mut *conn, &race_name.canonical_key).await?;
    sqlx::query!(
        "INSERT INTO race_names (race_name_id, canonical_key, race_name, user_id, status, game_id) VALUES ($1, $2, $3, $4, 'reserved', $5)",
        RaceNameId::new() as RaceNameId,
        race_name.canonical_key,
        race_name.name,
        user_id as UserId,
        game_id as GameId
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether the name is free for a user in a game, at this moment: a courtesy at the application, which reserves nothing.
///
/// # Errors
/// What Postgres answers.
pub async fn is_free(
    conn: &mut PgConnection,
    game_id: GameId,
    user_id: UserId,
    canonical_key: &str,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT NOT EXISTS (SELECT FROM race_names
                               WHERE canonical_key = $1 AND status <> 'released'
                                 AND (user_id <> $2 OR (game_id = $3 AND status <> 'registered'))) AS "free!""#,
        canonical_key,
        user_id as UserId,
        game_id as GameId
    )
    .fetch_one(conn)
    .await
}

/// Releases what is reserved for a game that was called off.
///
/// # Errors
/// What Postgres answers.
pub async fn release_reserved(conn: &mut PgConnection, game_id: GameId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE race_names SET status = 'released', updated_at = clock_timestamp() WHERE game_id = $1 AND status = 'reserved'",
        game_id as GameId
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A user's entries but the released ones, newest first, from below `before`.
///
/// # Errors
/// What Postgres answers.
pub async fn list_of_user(
    conn: &mut PgConnection,
    user_id: UserId,
    before: Option<RaceNameId>,
    limit: i64,
) -> Result<Vec<Entry>, sqlx::Error> {
    sqlx::query_as!(
        Entry,
        r#"SELECT race_name_id AS "race_name_id: RaceNameId", race_name, canonical_key, status, game_id AS "game_id: GameId", expires_at
             FROM race_names WHERE user_id = $1 AND status <> 'released' AND race_name_id < $2
            ORDER BY race_name_id DESC LIMIT $3"#,
        user_id as UserId,
        below(before),
        limit
    )
    .fetch_all(conn)
    .await
}

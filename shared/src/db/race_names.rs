//! `race_names`: the Race Name Directory (SPEC §7).

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::lists::below;
use crate::domain::lobby::RaceNameStatus;
use crate::domain::race_name::RaceName;
use crate::ids::{GameId, RaceNameId, UserId};
use crate::postgres::Error;

/// An entry of the directory.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The row's id; one name may have several rows.
    pub race_name_id: RaceNameId,
    /// The name, as people see it.
    pub race_name: String,
    /// What is unique.
    pub canonical_key: String,
    /// What it is to its holder.
    pub status: RaceNameStatus,
    /// The game it is for, or comes from.
    pub game_id: Option<GameId>,
    /// When a pending one lapses.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Takes the name's own lock until the transaction ends. Two transactions that insert the same key at once would each wait
/// for the other within the exclusion constraint, and one would die of a deadlock instead of the conflict that it is.
async fn lock_key(conn: &mut PgConnection, canonical_key: &str) -> Result<(), Error> {
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
pub async fn reserve(
    conn: &mut PgConnection,
    game_id: GameId,
    user_id: UserId,
    race_name: &RaceName,
) -> Result<(), Error> {
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
pub async fn is_free(
    conn: &mut PgConnection,
    game_id: GameId,
    user_id: UserId,
    canonical_key: &str,
) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT NOT EXISTS (SELECT FROM race_names
                               WHERE canonical_key = $1 AND status <> 'released'
                                 AND (user_id <> $2 OR (game_id = $3 AND status <> 'registered'))) AS "free!""#,
        canonical_key,
        user_id as UserId,
        game_id as GameId
    )
    .fetch_one(conn)
    .await?)
}

/// Releases what is reserved for a game that was called off.
pub async fn release_reserved(conn: &mut PgConnection, game_id: GameId) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE race_names SET status = 'released', updated_at = clock_timestamp() WHERE game_id = $1 AND status = 'reserved'",
        game_id as GameId
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A user's names of one key that are pending, and not lapsed, or registered: a registered one before the newest pending one.
pub async fn registrable(
    conn: &mut PgConnection,
    user_id: UserId,
    canonical_key: &str,
) -> Result<Option<Entry>, Error> {
    Ok(sqlx::query_as!(
        Entry,
        r#"SELECT race_name_id AS "race_name_id: RaceNameId", race_name, canonical_key, status, game_id AS "game_id: GameId", expires_at
             FROM race_names
            WHERE user_id = $1 AND canonical_key = $2
              AND (status = 'registered' OR (status = 'pending_registration' AND expires_at > clock_timestamp()))
            ORDER BY status DESC, race_name_id DESC LIMIT 1"#,
        user_id as UserId,
        canonical_key
    )
    .fetch_optional(conn)
    .await?)
}

/// How many names a user has registered: what their plan limits.
pub async fn count_registered(conn: &mut PgConnection, user_id: UserId) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM race_names WHERE user_id = $1 AND status = 'registered'"#,
        user_id as UserId
    )
    .fetch_one(conn)
    .await?)
}

/// Registers a pending name for good. What its holder has pending of the same key from other games is released: there is
/// nothing left to register. `None` where it is pending no more, or lapsed. The caller holds the account's lock.
pub async fn register(conn: &mut PgConnection, id: RaceNameId) -> Result<Option<Entry>, Error> {
    let registered = sqlx::query_as!(
        Entry,
        r#"UPDATE race_names SET status = 'registered', expires_at = NULL, updated_at = clock_timestamp()
            WHERE race_name_id = $1 AND status = 'pending_registration' AND expires_at > clock_timestamp()
           RETURNING race_name_id AS "race_name_id: RaceNameId", race_name, canonical_key, status,
               game_id AS "game_id: GameId", expires_at"#,
        id as RaceNameId
    )
    .fetch_optional(&mut *conn)
    .await?;
    if registered.is_some() {
        sqlx::query!(
            "UPDATE race_names n SET status = 'released', expires_at = NULL, updated_at = clock_timestamp()
               FROM race_names r
              WHERE r.race_name_id = $1 AND n.user_id = r.user_id AND n.canonical_key = r.canonical_key
              AND n.status = 'pending_registration'",
            id as RaceNameId
        )
        .execute(conn)
        .await?;
    }
    Ok(registered)
}

/// A pending name that lapsed.
#[derive(Debug, Clone)]
pub struct Lapsed {
    /// The row's id; one name may have several rows.
    pub race_name_id: RaceNameId,
    /// Whose it was.
    pub user_id: UserId,
    /// The name, as people see it.
    pub race_name: String,
}

/// Releases pending names whose time is over, at most `limit`. Those that somebody else has locked are left to them.
pub async fn release_lapsed(conn: &mut PgConnection, limit: i64) -> Result<Vec<Lapsed>, Error> {
    Ok(sqlx::query_as!(
        Lapsed,
        r#"UPDATE race_names SET status = 'released', expires_at = NULL, updated_at = clock_timestamp()
            WHERE race_name_id IN (SELECT race_name_id FROM race_names
                                    WHERE status = 'pending_registration' AND expires_at <= statement_timestamp()
                                    ORDER BY expires_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED)
           RETURNING race_name_id AS "race_name_id: RaceNameId", user_id AS "user_id: UserId", race_name"#,
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// A user's entries but the released ones and those that have lapsed, newest first, from below `before`.
pub async fn list_of_user(
    conn: &mut PgConnection,
    user_id: UserId,
    before: Option<RaceNameId>,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    Ok(sqlx::query_as!(
        Entry,
        r#"SELECT race_name_id AS "race_name_id: RaceNameId", race_name, canonical_key, status, game_id AS "game_id: GameId", expires_at
             FROM race_names
            WHERE user_id = $1 AND status <> 'released' AND (expires_at IS NULL OR expires_at > clock_timestamp()) AND race_name_id < $2
            ORDER BY race_name_id DESC LIMIT $3"#,
        user_id as UserId,
        below(before),
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// A name that its holder may now register.
#[derive(Debug, Clone)]
pub struct PendingName {
    /// The holder.
    pub user_id: UserId,
    /// The name as written.
    pub race_name: String,
    /// When it lapses.
    pub expires_at: DateTime<Utc>,
}

/// Settles the names that were reserved for a finished game: those of surviving races become `pending_registration` for
/// `ttl_seconds` (`BACKEND_LOBBY_PENDING_REGISTRATION_TTL`), the others are released. So is a survivor's name that its
/// holder has registered already: there is nothing left to register.
pub async fn settle(
    conn: &mut PgConnection,
    game_id: GameId,
    surviving: &[String],
    ttl_seconds: f64,
) -> Result<Vec<PendingName>, Error> {
    let pending = sqlx::query_as!(
        PendingName,
        r#"UPDATE race_names n
              SET status = 'pending_registration', expires_at = clock_timestamp() + make_interval(secs => $3),
                  updated_at = clock_timestamp()
            WHERE n.game_id = $1 AND n.status = 'reserved' AND n.race_name = ANY ($2)
              AND EXISTS (SELECT FROM memberships m WHERE m.game_id = n.game_id AND m.user_id = n.user_id
                  AND m.canonical_key = n.canonical_key AND m.status = 'active')
              AND NOT EXISTS (SELECT FROM race_names o WHERE o.user_id = n.user_id
                  AND o.canonical_key = n.canonical_key AND o.status = 'registered')
           RETURNING n.user_id AS "user_id: UserId", n.race_name, n.expires_at AS "expires_at!""#,
        game_id.uuid(),
        surviving,
        ttl_seconds
    )
    .fetch_all(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE race_names SET status = 'released', updated_at = clock_timestamp() WHERE game_id = $1 AND status = 'reserved'",
        game_id.uuid()
    )
    .execute(conn)
    .await?;
    Ok(pending)
}

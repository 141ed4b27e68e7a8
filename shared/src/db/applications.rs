//! `applications`: who wants into a public game (SPEC §7).

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::InTransaction;
use super::idempotency::{Idempotency, Replayed, replayed};
use super::lists::{below, walk_in_order};
use crate::domain::lobby::ApplicationStatus;
use crate::domain::race_name::RaceName;
use crate::ids::{ApplicationId, GameId, UserId};
use crate::postgres::Error;

/// An application.
#[derive(Debug, Clone)]
pub struct Application {
    /// The application's id.
    pub application_id: ApplicationId,
    /// The game.
    pub game_id: GameId,
    /// Who applies.
    pub user_id: UserId,
    /// The applicant's display name; `None` where they have none, or are deleted.
    pub display_name: Option<String>,
    /// The wanted name, as shown.
    pub race_name: String,
    /// The wanted name's key.
    pub canonical_key: String,
    /// What became of it.
    pub status: ApplicationStatus,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was decided.
    pub decided_at: Option<DateTime<Utc>>,
    /// Whether the wanted name is free for the applicant at this moment; `None` once the application is decided.
    pub race_name_available: Option<bool>,
}

macro_rules! applications {
    ($tail:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            Application,
            r#"SELECT application_id AS "application_id: ApplicationId", game_id AS "game_id: GameId", user_id AS "user_id: UserId",
                      (SELECT a.display_name FROM accounts a WHERE a.user_id = applications.user_id) AS display_name,
                      race_name, canonical_key, status, created_at, decided_at,
                      -- As `race_names::is_free` says.
                      CASE WHEN status = 'submitted' THEN NOT EXISTS (
                          SELECT FROM race_names n
                           WHERE n.canonical_key = applications.canonical_key AND n.status <> 'released'
                             AND (n.user_id <> applications.user_id OR (n.game_id = applications.game_id AND n.status <> 'registered')))
                      END AS race_name_available
                 FROM applications "# + $tail
            $(, $argument)*
        )
    };
}

/// Makes an application; false when the idempotency key made one before. A second live application of the user to the game
/// is the constraint `applications_game_id_user_id_key`.
pub async fn insert(
    conn: &mut PgConnection,
    id: ApplicationId,
    game_id: GameId,
    user_id: UserId,
    race_name: &RaceName,
    idempotency: Option<&Idempotency>,
) -> Result<bool, Error> {
    let (owner, key, hash) = Idempotency::columns(idempotency);
    let done = sqlx::query!(
        "INSERT INTO applications (application_id, game_id, user_id, race_name, canonical_key, idempotency_owner,
             idempotency_key, idempotency_hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT ON CONSTRAINT applications_idempotency_key DO NOTHING",
        id as ApplicationId,
        game_id as GameId,
        user_id as UserId,
        race_name.name,
        race_name.canonical_key,
        owner,
        key,
        hash
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The application that was made under this key.
pub async fn replayed(
    conn: &mut PgConnection,
    idempotency: &Idempotency,
) -> Result<Option<Replayed<ApplicationId>>, Error> {
    Ok(replayed!(conn, idempotency, r#"application_id AS "id: ApplicationId""#, "applications")?)
}

/// One application to a game.
pub async fn get(conn: &mut PgConnection, game_id: GameId, id: ApplicationId) -> Result<Option<Application>, Error> {
    Ok(applications!("WHERE application_id = $1 AND game_id = $2", id as ApplicationId, game_id as GameId)
        .fetch_optional(conn)
        .await?)
}

/// The applications to a game, newest first, from below `before`.
pub async fn list(
    conn: &mut PgConnection,
    game_id: GameId,
    before: Option<ApplicationId>,
    limit: i64,
) -> Result<Vec<Application>, Error> {
    Ok(applications!(
        "WHERE game_id = $1 AND application_id < $2 ORDER BY application_id DESC LIMIT $3",
        game_id as GameId,
        below(before),
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// The applications to a game of one status, newest first, from below `before`.
pub async fn list_by_status(
    tx: &mut impl InTransaction,
    game_id: GameId,
    status: ApplicationStatus,
    before: Option<ApplicationId>,
    limit: i64,
) -> Result<Vec<Application>, Error> {
    let conn = walk_in_order(tx).await?;
    Ok(applications!(
        "WHERE game_id = $1 AND (status, application_id) < ($2, $3) AND status >= $2 ORDER BY status DESC, application_id DESC LIMIT $4",
        game_id as GameId,
        status.as_str(),
        below(before),
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// A user's applications, newest first, from below `before`.
pub async fn list_of_user(
    conn: &mut PgConnection,
    user_id: UserId,
    before: Option<ApplicationId>,
    limit: i64,
) -> Result<Vec<Application>, Error> {
    Ok(applications!(
        "WHERE user_id = $1 AND application_id < $2 ORDER BY application_id DESC LIMIT $3",
        user_id as UserId,
        below(before),
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// Decides a submitted application: `approved`, `rejected` or `withdrawn`. Answers false when it was decided before.
pub async fn decide(conn: &mut PgConnection, id: ApplicationId, status: ApplicationStatus) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE applications SET status = $2, decided_at = clock_timestamp() WHERE application_id = $1 AND status = 'submitted'",
        id as ApplicationId,
        status.as_str()
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a user's open application to a game: `withdrawn` by the user, or `rejected` with a block. Answers whether there was one.
pub async fn end_open(
    conn: &mut PgConnection,
    game_id: GameId,
    user_id: UserId,
    status: ApplicationStatus,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE applications SET status = $3, decided_at = clock_timestamp() WHERE game_id = $1 AND user_id = $2 AND status = 'submitted'",
        game_id as GameId,
        user_id as UserId,
        status.as_str()
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Closes what is still open on a game that left enrolment; answers how many.
pub async fn close_open(conn: &mut PgConnection, game_id: GameId) -> Result<u64, Error> {
    let done = sqlx::query!(
        "UPDATE applications SET status = 'closed', decided_at = clock_timestamp() WHERE game_id = $1 AND status = 'submitted'",
        game_id as GameId
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

//! A user's departure from the whole lobby, at soft deletion and at a permanent block (SPEC §6): what is theirs in which game.

use sqlx::PgConnection;
use uuid::Uuid;

use super::InTransaction;
use crate::ids::{GameId, InviteId, MembershipId, UserId};
use crate::postgres::Error;

/// The games that go on and that the user owns, is a member of, has an open application to, or has sent or got an open invite
/// to.
pub async fn games(conn: &mut PgConnection, user_id: UserId) -> Result<Vec<GameId>, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT game_id AS "game_id!: GameId" FROM (
               SELECT m.game_id FROM memberships m JOIN games g USING (game_id)
                WHERE m.user_id = $1 AND m.status = 'active' AND g.status NOT IN ('finished', 'cancelled')
               UNION SELECT game_id FROM games WHERE owner_user_id = $1 AND status NOT IN ('finished', 'cancelled')
               UNION SELECT game_id FROM applications WHERE user_id = $1 AND status = 'submitted'
               UNION SELECT game_id FROM invites WHERE invited_user_id = $1 AND status = 'open'
               UNION SELECT game_id FROM invites WHERE inviter_user_id = $1 AND status = 'open') theirs
            ORDER BY 1"#,
        user_id as UserId
    )
    .fetch_all(conn)
    .await?)
}

/// Locks games until the transaction ends, in the order of their ids: two that lock several do not wait for each other.
pub async fn lock(tx: &mut impl InTransaction, games: &[GameId]) -> Result<(), Error> {
    let games: Vec<Uuid> = games.iter().map(|game| game.uuid()).collect();
    sqlx::query!("SELECT game_id FROM games WHERE game_id = ANY ($1) ORDER BY game_id FOR NO KEY UPDATE", &games)
        .fetch_all(&mut **tx)
        .await?;
    Ok(())
}

/// Locks the account until the transaction ends, deleted or not: nobody takes it in or lets it apply meanwhile. After
/// the games' locks.
pub async fn lock_account(tx: &mut impl InTransaction, user_id: UserId) -> Result<(), Error> {
    sqlx::query!("SELECT user_id FROM accounts WHERE user_id = $1 FOR NO KEY UPDATE", user_id as UserId)
        .fetch_optional(&mut **tx)
        .await?;
    Ok(())
}

/// The user's active memberships of games that go on.
pub async fn memberships(conn: &mut PgConnection, user_id: UserId) -> Result<Vec<MembershipId>, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT m.membership_id AS "membership_id: MembershipId" FROM memberships m JOIN games g USING (game_id)
            WHERE m.user_id = $1 AND m.status = 'active' AND g.status NOT IN ('finished', 'cancelled')"#,
        user_id as UserId
    )
    .fetch_all(conn)
    .await?)
}

/// The user's own private games that are not over.
pub async fn own_private_games(conn: &mut PgConnection, user_id: UserId) -> Result<Vec<GameId>, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT game_id AS "game_id: GameId" FROM games
            WHERE owner_user_id = $1 AND visibility = 'private' AND status NOT IN ('finished', 'cancelled') ORDER BY game_id"#,
        user_id as UserId
    )
    .fetch_all(conn)
    .await?)
}

/// Withdraws the user's open applications; answers how many.
pub async fn withdraw_applications(conn: &mut PgConnection, user_id: UserId) -> Result<u64, Error> {
    let done = sqlx::query!(
        "UPDATE applications SET status = 'withdrawn', decided_at = clock_timestamp() WHERE user_id = $1 AND status = 'submitted'",
        user_id as UserId
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Closes the open invites to the user; answers how many.
pub async fn close_invites(conn: &mut PgConnection, user_id: UserId) -> Result<u64, Error> {
    let done = sqlx::query!(
        "UPDATE invites SET status = 'closed' WHERE invited_user_id = $1 AND status = 'open'",
        user_id as UserId
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// An invite that was taken back.
#[derive(Debug, Clone)]
pub struct Revoked {
    /// The invite's id.
    pub invite_id: InviteId,
    /// The game.
    pub game_id: GameId,
    /// Whom it was for; `None` for a shareable code.
    pub invited_user_id: Option<UserId>,
}

/// Takes back the open invites that the user has sent.
pub async fn revoke_invites(conn: &mut PgConnection, user_id: UserId) -> Result<Vec<Revoked>, Error> {
    Ok(sqlx::query_as!(
        Revoked,
        r#"UPDATE invites SET status = 'revoked' WHERE inviter_user_id = $1 AND status = 'open'
           RETURNING invite_id AS "invite_id: InviteId", game_id AS "game_id: GameId", invited_user_id AS "invited_user_id: UserId""#,
        user_id as UserId
    )
    .fetch_all(conn)
    .await?)
}

/// Releases every race name that the user still holds, registered ones too.
pub async fn release_race_names(conn: &mut PgConnection, user_id: UserId) -> Result<u64, Error> {
    let done = sqlx::query!(
        "UPDATE race_names SET status = 'released', expires_at = NULL, updated_at = clock_timestamp()
         WHERE user_id = $1 AND status <> 'released'",
        user_id as UserId
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

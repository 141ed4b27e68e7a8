//! `invites`: the way into a private game, for one user or by a shareable code (SPEC §7).

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::InTransaction;
use super::idempotency::{Idempotency, Replayed, replayed};
use super::lists::below;
use crate::domain::lobby::InviteStatus;
use crate::ids::{GameId, InviteId, UserId};
use crate::postgres::Error;

/// An invite.
#[derive(Debug, Clone)]
pub struct Invite {
    /// The invite's id.
    pub invite_id: InviteId,
    /// The game.
    pub game_id: GameId,
    /// Who invites.
    pub inviter_user_id: UserId,
    /// The inviter's display name; `None` where they have none, or are deleted.
    pub inviter_display_name: Option<String>,
    /// Whom, where it is for one user.
    pub invited_user_id: Option<UserId>,
    /// The invited user's display name; `None` where they have none, or are deleted, and for a code.
    pub invited_display_name: Option<String>,
    /// The shareable code, where it has one.
    pub code: Option<String>,
    /// How often the code may be used.
    pub max_uses: Option<i32>,
    /// How often it was used.
    pub uses: i32,
    /// What became of it. An open one past its time reads as `expired`.
    pub status: InviteStatus,
    /// Until when it may be redeemed.
    pub expires_at: DateTime<Utc>,
}

macro_rules! invites {
    ($tail:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            Invite,
            r#"SELECT invite_id AS "invite_id: InviteId", game_id AS "game_id: GameId", inviter_user_id AS "inviter_user_id: UserId",
                      (SELECT a.display_name FROM accounts a WHERE a.user_id = invites.inviter_user_id) AS inviter_display_name,
                      invited_user_id AS "invited_user_id: UserId",
                      (SELECT a.display_name FROM accounts a WHERE a.user_id = invites.invited_user_id) AS invited_display_name,
                      code, max_uses, uses, expires_at,
                      CASE WHEN status = 'open' AND expires_at <= clock_timestamp() THEN 'expired' ELSE status
                      END AS "status!: InviteStatus"
                 FROM invites "# + $tail
            $(, $argument)*
        )
    };
}

/// An invite to be made. Either `invited_user_id`, or `code` and `max_uses`.
#[derive(Debug)]
pub struct NewInvite<'a> {
    /// The invite's id.
    pub invite_id: InviteId,
    /// The game.
    pub game_id: GameId,
    /// Who invites.
    pub inviter_user_id: UserId,
    /// Whom.
    pub invited_user_id: Option<UserId>,
    /// The shareable code.
    pub code: Option<&'a str>,
    /// How often the code may be used.
    pub max_uses: Option<i32>,
    /// Until when; `None`: `default_ttl_seconds` from now.
    pub expires_at: Option<DateTime<Utc>>,
    /// Life of an invite that names no end, in seconds.
    pub default_ttl_seconds: f64,
    /// Whether a mail goes with it.
    pub mailed: bool,
}

/// Makes an invite; false when the idempotency key made one before. A second open invite of the user to the game is the
/// constraint `invites_game_id_invited_user_id_key`.
pub async fn insert(
    conn: &mut PgConnection,
    new: &NewInvite<'_>,
    idempotency: Option<&Idempotency>,
) -> Result<bool, Error> {
    let (owner, key, hash) = Idempotency::columns(idempotency);
    let done = sqlx::query!(
        "INSERT INTO invites (invite_id, game_id, inviter_user_id, invited_user_id, code, max_uses, expires_at,
             idempotency_owner, idempotency_key, idempotency_hash, mailed_at)
         VALUES ($1, $2, $3, $4, $5, $6, coalesce($7, clock_timestamp() + make_interval(secs => $8)), $9, $10, $11,
             CASE WHEN $12 THEN clock_timestamp() END)
         ON CONFLICT ON CONSTRAINT invites_idempotency_key DO NOTHING",
        new.invite_id as InviteId,
        new.game_id as GameId,
        new.inviter_user_id as UserId,
        new.invited_user_id as Option<UserId>,
        new.code,
        new.max_uses,
        new.expires_at,
        new.default_ttl_seconds,
        owner,
        key,
        hash,
        new.mailed
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The invite that was made under this key.
pub async fn replayed(conn: &mut PgConnection, idempotency: &Idempotency) -> Result<Option<Replayed<InviteId>>, Error> {
    Ok(replayed!(conn, idempotency, r#"invite_id AS "id: InviteId""#, "invites")?)
}

/// One invite to a game.
pub async fn get(conn: &mut PgConnection, game_id: GameId, id: InviteId) -> Result<Option<Invite>, Error> {
    Ok(invites!("WHERE invite_id = $1 AND game_id = $2", id as InviteId, game_id as GameId)
        .fetch_optional(conn)
        .await?)
}

/// The invite with one of these shareable codes: the ways to read what somebody typed, of which one can be a code.
pub async fn by_code(conn: &mut PgConnection, codes: &[String]) -> Result<Option<Invite>, Error> {
    Ok(invites!("WHERE code = ANY ($1)", codes).fetch_optional(conn).await?)
}

/// Invites of one user within any hour at most (SPEC §7).
pub const INVITES_AN_HOUR: i64 = 20;

/// Takes the inviter's own lock until the transaction ends, and answers for how long they are to wait until they may invite
/// again; `None`: they may now. The lock is none of the account's: two who invite each other at once would wait for each
/// other there.
pub async fn lock_quota(tx: &mut impl InTransaction, inviter: UserId) -> Result<Option<Duration>, Error> {
    let conn = &mut **tx;
    sqlx::query!(
        r#"SELECT 1 AS "one!" FROM (SELECT pg_advisory_xact_lock(hashtextextended('invites of ' || $1, 0))) l"#,
        inviter.to_string()
    )
    .fetch_one(&mut *conn)
    .await?;
    // By a statement of its own: one that waits for a lock does not see what was committed meanwhile. And by its time, not the
    // clock's, which is volatile and cannot bound an index scan.
    let seconds = sqlx::query_scalar!(
        r#"SELECT extract(epoch FROM created_at + interval '1 hour' - statement_timestamp())::float8 AS "seconds!" FROM invites
            WHERE inviter_user_id = $1 AND created_at > statement_timestamp() - interval '1 hour'
            ORDER BY created_at DESC OFFSET $2 LIMIT 1"#,
        inviter as UserId,
        INVITES_AN_HOUR - 1
    )
    .fetch_optional(conn)
    .await?;
    Ok(seconds.map(|s| Duration::try_from_secs_f64(s).unwrap_or_default()))
}

/// Whether a mail of an invite to this game was ordered for the user within the last day (SPEC §7). The caller holds the game's
/// lock.
pub async fn mailed_within_a_day(conn: &mut PgConnection, game_id: GameId, user_id: UserId) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM invites WHERE game_id = $1 AND invited_user_id = $2
                             AND mailed_at > statement_timestamp() - interval '1 day') AS "mailed!""#,
        game_id as GameId,
        user_id as UserId
    )
    .fetch_one(conn)
    .await?)
}

/// The invites to a game, newest first, from below `before`.
pub async fn list(
    conn: &mut PgConnection,
    game_id: GameId,
    before: Option<InviteId>,
    limit: i64,
) -> Result<Vec<Invite>, Error> {
    Ok(invites!(
        "WHERE game_id = $1 AND invite_id < $2 ORDER BY invite_id DESC LIMIT $3",
        game_id as GameId,
        below(before),
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// The invites for a user, newest first, from below `before`.
pub async fn list_for_user(
    conn: &mut PgConnection,
    user_id: UserId,
    before: Option<InviteId>,
    limit: i64,
) -> Result<Vec<Invite>, Error> {
    Ok(invites!(
        "WHERE invited_user_id = $1 AND invite_id < $2 ORDER BY invite_id DESC LIMIT $3",
        user_id as UserId,
        below(before),
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// Uses an invite once: one for a user is then `redeemed`, one with a code when its last use is taken. False when it is not
/// open any more, or expired.
pub async fn redeem(conn: &mut PgConnection, id: InviteId) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE invites SET uses = uses + 1, status = CASE WHEN uses + 1 >= coalesce(max_uses, 1) THEN 'redeemed' ELSE status END
          WHERE invite_id = $1 AND status = 'open' AND expires_at > clock_timestamp()",
        id as InviteId
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends an open invite unused: `declined` or `revoked`. False when it is not open any more, or expired.
pub async fn end(conn: &mut PgConnection, id: InviteId, status: InviteStatus) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE invites SET status = $2 WHERE invite_id = $1 AND status = 'open' AND expires_at > clock_timestamp()",
        id as InviteId,
        status.as_str()
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes back a blocked user's open invite to a game, if there is one.
pub async fn revoke_for(conn: &mut PgConnection, game_id: GameId, user_id: UserId) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE invites SET status = 'revoked' WHERE game_id = $1 AND invited_user_id = $2 AND status = 'open'",
        game_id as GameId,
        user_id as UserId
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Closes what is still open on a game that left enrolment; answers how many.
pub async fn close_open(conn: &mut PgConnection, game_id: GameId) -> Result<u64, Error> {
    let done =
        sqlx::query!("UPDATE invites SET status = 'closed' WHERE game_id = $1 AND status = 'open'", game_id as GameId)
            .execute(conn)
            .await?;
    Ok(done.rows_affected())
}

/// Marks invites whose time is over as such, at most `limit`; answers how many. Those that somebody else has locked are left
/// to them. They count as expired before that, too: this only says so in the table.
pub async fn expire(conn: &mut PgConnection, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        "UPDATE invites SET status = 'expired'
          WHERE invite_id IN (SELECT invite_id FROM invites
                               WHERE status = 'open' AND expires_at <= statement_timestamp()
                               ORDER BY expires_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED)",
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Marks a user's expired invite to a game as such, so that a new one may be open.
pub async fn expire_for(conn: &mut PgConnection, game_id: GameId, user_id: UserId) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE invites SET status = 'expired'
          WHERE game_id = $1 AND invited_user_id = $2 AND status = 'open' AND expires_at <= clock_timestamp()",
        game_id as GameId,
        user_id as UserId
    )
    .execute(conn)
    .await?;
    Ok(())
}

//! `memberships`: who plays in a game, and as what (SPEC §7).

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::InTransaction;
use super::lists::{below, walk_in_order};
use crate::domain::game::GameStatus;
use crate::domain::lobby::MembershipStatus;
use crate::domain::race_name::RaceName;
use crate::domain::runtime::RuntimeStatus;
use crate::ids::{GameId, InviteId, MembershipId, UserId};
use crate::postgres::Error;

/// A membership.
#[derive(Debug, Clone)]
pub struct Membership {
    /// The membership's id.
    pub membership_id: MembershipId,
    /// The game.
    pub game_id: GameId,
    /// The account of the member.
    pub user_id: UserId,
    /// The member's display name; `None` where they have none, or are deleted.
    pub display_name: Option<String>,
    /// As what, as shown.
    pub race_name: String,
    /// What became of it.
    pub status: MembershipStatus,
    /// Since when.
    pub joined_at: DateTime<Utc>,
}

macro_rules! memberships {
    ($tail:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            Membership,
            r#"SELECT membership_id AS "membership_id: MembershipId", game_id AS "game_id: GameId", user_id AS "user_id: UserId",
                      (SELECT a.display_name FROM accounts a WHERE a.user_id = memberships.user_id) AS display_name, race_name,
                      status, joined_at FROM memberships "# + $tail
            $(, $argument)*
        )
    };
}

/// Takes a user in, perhaps by an invite. Constraints: `memberships_game_id_user_id_key` when the user is in already or
/// blocked, `memberships_game_id_canonical_key_key` when another member has the name.
pub async fn insert(
    conn: &mut PgConnection,
    id: MembershipId,
    game_id: GameId,
    user_id: UserId,
    race_name: &RaceName,
    invite_id: Option<InviteId>,
) -> Result<Membership, Error> {
    Ok(sqlx::query_as!(
        Membership,
        r#"INSERT INTO memberships (membership_id, game_id, user_id, race_name, canonical_key, invite_id) VALUES ($1, $2, $3, $4, $5, $6)
           RETURNING membership_id AS "membership_id: MembershipId", game_id AS "game_id: GameId", user_id AS "user_id: UserId",
                     (SELECT a.display_name FROM accounts a WHERE a.user_id = memberships.user_id) AS display_name, race_name,
                     status, joined_at"#,
        id as MembershipId,
        game_id as GameId,
        user_id as UserId,
        race_name.name,
        race_name.canonical_key,
        invite_id as Option<InviteId>
    )
    .fetch_one(conn)
    .await?)
}

/// The memberships of a game, newest first, from below `before`.
pub async fn list(
    conn: &mut PgConnection,
    game_id: GameId,
    before: Option<MembershipId>,
    limit: i64,
) -> Result<Vec<Membership>, Error> {
    Ok(memberships!(
        "WHERE game_id = $1 AND membership_id < $2 ORDER BY membership_id DESC LIMIT $3",
        game_id as GameId,
        below(before),
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// The memberships of a game of one status, newest first, from below `before`.
pub async fn list_by_status(
    tx: &mut impl InTransaction,
    game_id: GameId,
    status: MembershipStatus,
    before: Option<MembershipId>,
    limit: i64,
) -> Result<Vec<Membership>, Error> {
    let conn = walk_in_order(tx).await?;
    Ok(memberships!(
        "WHERE game_id = $1 AND (status, membership_id) < ($2, $3) AND status >= $2 ORDER BY status DESC, membership_id DESC LIMIT $4",
        game_id as GameId,
        status.as_str(),
        below(before),
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// The status of a user's membership that stands, `active` or `blocked`; `None` where they are neither.
pub async fn standing(
    conn: &mut PgConnection,
    game_id: GameId,
    user_id: UserId,
) -> Result<Option<MembershipStatus>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT status FROM memberships WHERE game_id = $1 AND user_id = $2 AND status IN ('active', 'blocked')",
        game_id as GameId,
        user_id as UserId
    )
    .fetch_optional(conn)
    .await?)
}

/// One membership of a game.
pub async fn get(conn: &mut PgConnection, game_id: GameId, id: MembershipId) -> Result<Option<Membership>, Error> {
    Ok(memberships!("WHERE membership_id = $1 AND game_id = $2", id as MembershipId, game_id as GameId)
        .fetch_optional(conn)
        .await?)
}

/// A user's newest membership of a game, whatever its status: the one that stands, if any does.
pub async fn newest(conn: &mut PgConnection, game_id: GameId, user_id: UserId) -> Result<Option<Membership>, Error> {
    Ok(memberships!(
        "WHERE game_id = $1 AND user_id = $2 ORDER BY membership_id DESC LIMIT 1",
        game_id as GameId,
        user_id as UserId
    )
    .fetch_optional(conn)
    .await?)
}

/// The active membership that an invite to one user, or a code, gave this user. Memberships that are older than the record
/// of their invites count as given by an invite to that very user.
pub async fn given_by(
    conn: &mut PgConnection,
    game_id: GameId,
    user_id: UserId,
    invite_id: InviteId,
) -> Result<Option<Membership>, Error> {
    Ok(memberships!(
        "WHERE game_id = $1 AND user_id = $2 AND status = 'active'
            AND (invite_id = $3
                 OR (invite_id IS NULL AND EXISTS (
                     SELECT FROM invites i WHERE i.invite_id = $3 AND i.invited_user_id = $2 AND i.status = 'redeemed')))",
        game_id as GameId,
        user_id as UserId,
        invite_id as InviteId
    )
    .fetch_optional(conn)
    .await?)
}

/// Ends active memberships: `left`, `removed` or `blocked`. The one place where a membership ends, with all that follows
/// from it in the lobby: the seat is counted out, the reserved race name released, and where the game's engine may know the
/// race its banishment is owed from now on (see [`super::banishments`]). The caller holds the row locks of the games.
/// Answers what it ended: those that had ended before are left as they are.
pub async fn end(
    conn: &mut PgConnection,
    ids: &[MembershipId],
    status: MembershipStatus,
) -> Result<Vec<Membership>, Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let knowing: Vec<String> = GameStatus::ALL
        .iter()
        .filter(|status| status.may_have_races())
        .map(|status| status.as_str().to_owned())
        .collect();
    Ok(sqlx::query_as!(
        Membership,
        r#"WITH ended AS (
               UPDATE memberships m
                  SET status = $2, ended_at = clock_timestamp(),
                      banish_due_at = CASE WHEN g.status = ANY ($3) THEN clock_timestamp() END
                 FROM games g
                WHERE m.membership_id = ANY ($1) AND m.status = 'active' AND g.game_id = m.game_id
               RETURNING m.membership_id, m.game_id, m.user_id, m.race_name, m.canonical_key, m.status, m.joined_at),
           counted AS (
               UPDATE games g SET approved_count = g.approved_count - e.n, updated_at = clock_timestamp()
                 FROM (SELECT game_id, count(*)::integer AS n FROM ended GROUP BY game_id) e WHERE g.game_id = e.game_id),
           released AS (
               UPDATE race_names n SET status = 'released', updated_at = clock_timestamp()
                 FROM ended e
                WHERE n.game_id = e.game_id AND n.user_id = e.user_id AND n.canonical_key = e.canonical_key AND n.status = 'reserved')
           SELECT membership_id AS "membership_id: MembershipId", game_id AS "game_id: GameId", user_id AS "user_id: UserId",
                  (SELECT a.display_name FROM accounts a WHERE a.user_id = ended.user_id) AS display_name, race_name,
                  status, joined_at
             FROM ended ORDER BY game_id, membership_id"#,
        &ids,
        status.as_str(),
        &knowing
    )
    .fetch_all(conn)
    .await?)
}

/// Blocks somebody whose membership ended before, `left` or `removed`: they do not come back. Answers whether it did; the
/// constraint `memberships_game_id_user_id_key` when they are in again or blocked already.
pub async fn block_former(conn: &mut PgConnection, id: MembershipId) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE memberships SET status = 'blocked' WHERE membership_id = $1 AND status IN ('left', 'removed')",
        id as MembershipId
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Active memberships of a user in games that still go on: what their plan limits.
pub async fn count_active(conn: &mut PgConnection, user_id: UserId) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM memberships m JOIN games g USING (game_id)
            WHERE m.user_id = $1 AND m.status = 'active' AND g.status NOT IN ('finished', 'cancelled')"#,
        user_id as UserId
    )
    .fetch_one(conn)
    .await?)
}

/// What a member's call to the engine depends on.
#[derive(Debug, Clone)]
pub struct Seat {
    /// Where the game stands.
    pub status: GameStatus,
    /// The open turn.
    pub current_turn: i32,
    /// The caller's race; `None` where they are no active member.
    pub race_name: Option<String>,
    /// State of its runtime; `None` before the first start.
    pub runtime_status: Option<RuntimeStatus>,
}

/// The seat of a user in a game, in one index-backed statement; `None` where there is no such game.
pub async fn seat(conn: &mut PgConnection, game_id: GameId, user_id: UserId) -> Result<Option<Seat>, Error> {
    Ok(sqlx::query_as!(
        Seat,
        r#"SELECT g.status, g.current_turn, m.race_name AS "race_name?", r.status AS "runtime_status?"
             FROM games g
             LEFT JOIN memberships m ON m.game_id = g.game_id AND m.user_id = $2 AND m.status = 'active'
             LEFT JOIN runtime_records r ON r.game_id = g.game_id
            WHERE g.game_id = $1"#,
        game_id as GameId,
        user_id as UserId
    )
    .fetch_optional(conn)
    .await?)
}

//! Lists of games (docs/scale.md): what several ways lead to, and what filters leave.

use sqlx::PgConnection;

use super::Game;
use crate::db::InTransaction;
use crate::db::lists::{below, walk_in_order};
use crate::domain::game::{GameStatus, Visibility};
use crate::ids::{GameId, UserId};
use crate::postgres::Error;

/// The games that `user` may see, newest first, from below `before`. Each way to see a game has an index in the list's order:
/// a page of each is looked up, and of these the newest page is read.
pub async fn list_visible(
    conn: &mut PgConnection,
    user_id: UserId,
    before: Option<GameId>,
    limit: i64,
) -> Result<Vec<Game>, Error> {
    Ok(games!(
        "WHERE g.game_id = ANY (ARRAY(
            SELECT game_id FROM (
              (SELECT game_id FROM games WHERE visibility = 'public' AND status <> 'draft' AND game_id < $2 ORDER BY game_id DESC LIMIT $3)
              UNION
              (SELECT game_id FROM games WHERE owner_user_id = $1 AND game_id < $2 ORDER BY game_id DESC LIMIT $3)
              UNION
              (SELECT game_id FROM memberships WHERE user_id = $1 AND status = 'active' AND game_id < $2 ORDER BY game_id DESC LIMIT $3)
              UNION
              (SELECT game_id FROM invites WHERE invited_user_id = $1 AND status = 'open'
                  AND expires_at - statement_timestamp() > interval '0' AND game_id < $2 ORDER BY game_id DESC LIMIT $3)
            ) visible ORDER BY game_id DESC LIMIT $3))
          ORDER BY g.game_id DESC",
        user_id as UserId,
        below(before),
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// Those of the games that `user` may see that are in one status, newest first, from below `before`. Public games and the
/// user's own have an index with the status; those that they play in or are invited to are asked for theirs one by one, past
/// those in another, as the status stands with the game alone.
pub async fn list_visible_by_status(
    tx: &mut impl InTransaction,
    user_id: UserId,
    status: GameStatus,
    before: Option<GameId>,
    limit: i64,
) -> Result<Vec<Game>, Error> {
    let conn = walk_in_order(tx).await?;
    Ok(games!(
        "WHERE g.game_id = ANY (ARRAY(
            SELECT game_id FROM (
              (SELECT game_id FROM games WHERE visibility = 'public' AND status <> 'draft' AND (status, game_id) < ($2, $3) AND status >= $2
                ORDER BY status DESC, game_id DESC LIMIT $4)
              UNION
              (SELECT game_id FROM games WHERE owner_user_id IS NOT NULL AND (owner_user_id, status, game_id) < ($1, $2, $3)
                  AND (owner_user_id, status) >= ($1, $2)
                ORDER BY owner_user_id DESC, status DESC, game_id DESC LIMIT $4)
              UNION
              (SELECT game_id FROM memberships m WHERE user_id = $1 AND status = 'active' AND game_id < $3
                  AND (SELECT p.status FROM games p WHERE p.game_id = m.game_id) = $2
                ORDER BY game_id DESC LIMIT $4)
              UNION
              (SELECT game_id FROM invites i WHERE invited_user_id = $1 AND status = 'open'
                  AND expires_at - statement_timestamp() > interval '0'
                  AND game_id < $3 AND (SELECT p.status FROM games p WHERE p.game_id = i.game_id) = $2
                ORDER BY game_id DESC LIMIT $4)
            ) visible ORDER BY game_id DESC LIMIT $4))
          ORDER BY g.game_id DESC",
        user_id as UserId,
        status.as_str(),
        below(before),
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// The games that `user` owns or plays in, newest first, from below `before`.
pub async fn list_own(
    conn: &mut PgConnection,
    user_id: UserId,
    before: Option<GameId>,
    limit: i64,
) -> Result<Vec<Game>, Error> {
    Ok(games!(
        "WHERE g.game_id = ANY (ARRAY(
            SELECT game_id FROM (
              (SELECT game_id FROM games WHERE owner_user_id = $1 AND game_id < $2 ORDER BY game_id DESC LIMIT $3)
              UNION
              (SELECT game_id FROM memberships WHERE user_id = $1 AND status = 'active' AND game_id < $2 ORDER BY game_id DESC LIMIT $3)
            ) own ORDER BY game_id DESC LIMIT $3))
          ORDER BY g.game_id DESC",
        user_id as UserId,
        below(before),
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// Which games; what is absent leaves the choice open.
#[derive(Debug, Clone, Copy, Default)]
pub struct GameFilter {
    /// In this status.
    pub status: Option<GameStatus>,
    /// For everybody, or for guests.
    pub visibility: Option<Visibility>,
    /// Run by this user.
    pub owner_user_id: Option<UserId>,
    /// With this user among the active members.
    pub member_user_id: Option<UserId>,
}

/// All games, newest first, from below `before`: the administrators' list. With several filters the one that leaves fewest,
/// as a rule, is walked and the others pass over games.
pub async fn list(
    tx: &mut impl InTransaction,
    filter: &GameFilter,
    before: Option<GameId>,
    limit: i64,
) -> Result<Vec<Game>, Error> {
    let conn = walk_in_order(tx).await?;
    macro_rules! walk {
        ($from:literal, $walk:literal $(, $argument:expr)*) => {
            games!(
                "WHERE g.game_id = ANY (ARRAY(SELECT c.game_id FROM "
                $from
                " WHERE ($3::text IS NULL OR c.status IS NOT DISTINCT FROM $3)
                 AND ($4::text IS NULL OR c.visibility IS NOT DISTINCT FROM $4)
                    AND ($5::uuid IS NULL OR c.owner_user_id IS NOT DISTINCT FROM $5) AND "
                $walk
                " LIMIT $2)) ORDER BY g.game_id DESC",
                below(before),
                limit,
                filter.status.map(GameStatus::as_str),
                filter.visibility.map(Visibility::as_str),
                filter.owner_user_id.map(UserId::uuid)
                $(, $argument)*
            )
            .fetch_all(conn)
            .await?
        };
    }
    Ok(match filter {
        // Each game is looked up for its membership, and not joined: a merge would read all games between the user's.
        GameFilter { member_user_id: Some(member), .. } => walk!(
            "(SELECT game_id FROM memberships WHERE user_id = $6 AND status = 'active' AND game_id < $1) m
             CROSS JOIN LATERAL (SELECT game_id, status, visibility, owner_user_id FROM games WHERE game_id = m.game_id OFFSET 0) c",
            "true ORDER BY m.game_id DESC",
            member.uuid()
        ),
        GameFilter { owner_user_id: Some(_), status: Some(_), .. } => walk!(
            "games c",
            "c.owner_user_id IS NOT NULL AND (c.owner_user_id, c.status, c.game_id) < ($5, $3, $1)
             AND (c.owner_user_id, c.status) >= ($5, $3)
             ORDER BY c.owner_user_id DESC, c.status DESC, c.game_id DESC"
        ),
        GameFilter { owner_user_id: Some(_), .. } => walk!(
            "games c",
            "c.owner_user_id IS NOT NULL AND (c.owner_user_id, c.game_id) < ($5, $1) AND c.owner_user_id >= $5
             ORDER BY c.owner_user_id DESC, c.game_id DESC"
        ),
        GameFilter { status: Some(_), .. } => walk!(
            "games c",
            "(c.status, c.game_id) < ($3, $1) AND c.status >= $3 ORDER BY c.status DESC, c.game_id DESC"
        ),
        GameFilter { visibility: Some(_), .. } => walk!(
            "games c",
            "(c.visibility, c.game_id) < ($4, $1) AND c.visibility >= $4 ORDER BY c.visibility DESC, c.game_id DESC"
        ),
        _ => walk!("games c", "c.game_id < $1 ORDER BY c.game_id DESC"),
    })
}

//! Memberships that end (SPEC §7): a member leaves, is removed, blocked or banned. What follows from the end, in the lobby
//! and in the engine, follows in one place, `db::memberships::end`; `docs/lobby.md` tells the whole of it.

use serde_json::{Value, json};
use shared::db;
use shared::db::games::{Game, LockedGame};
use shared::db::memberships::Membership;
use shared::domain::account::SanctionKind;
use shared::domain::game::{MemberAction, Refusal, Visibility, act_on_member};
use shared::domain::lobby::{ApplicationStatus, MembershipStatus};
use shared::domain::notification::{Audience, Payload};
use shared::ids::{GameId, MembershipId, UserId};
use shared::queue::wake::Topic;
use sqlx::PgConnection;

use super::caller::Caller;
use super::change::Change;
use super::games::{game_not_found, not_owner, present, visible};
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

fn not_found() -> Problem {
    Problem::new(ErrorCode::MembershipNotFound, "No such membership.")
}

fn ended() -> Problem {
    Problem::new(ErrorCode::MembershipEnded, "The membership has ended before.")
}

/// One membership of a game.
///
/// # Errors
/// `membership_not_found`.
pub async fn get(conn: &mut PgConnection, game_id: GameId, id: MembershipId) -> Result<Membership, Problem> {
    db::memberships::get(conn, game_id, id).await?.ok_or_else(not_found)
}

/// After the commit: somebody is told, and perhaps a race is banished.
fn wake(app: &App) {
    app.waker.wake(Topic::Notifications);
    app.waker.wake(Topic::RuntimeJobs);
}

/// A member leaves. Somebody who is none yet but has applied takes their application back.
///
/// # Errors
/// `game_not_found`, `not_a_member`, `game_state_conflict` for a game that is over.
pub async fn leave(app: &App, caller: &Caller<'_>, user_id: UserId, game_id: GameId) -> Result<Game, Problem> {
    let mut tx = app.db.begin().await?;
    let game = db::games::lock(&mut tx, game_id).await?.ok_or_else(game_not_found)?;
    let own =
        db::memberships::newest(&mut tx, game_id, user_id).await?.filter(|m| m.status == MembershipStatus::Active);
    if let Some(own) = own {
        permitted(caller, &game, MemberAction::Leave, true)?;
        end(&mut tx, caller, &own, MembershipStatus::Left).await?;
    } else if !db::applications::end_open(&mut tx, game_id, user_id, ApplicationStatus::Withdrawn).await? {
        visible(&mut tx, game_id, user_id).await?;
        return Err(Problem::new(ErrorCode::NotAMember, "The caller is no active member of this game."));
    }
    let game = present(&mut tx, game_id).await?;
    tx.commit().await?;
    wake(app);
    Ok(game)
}

/// Sends a member away, who may come back, and tells them.
///
/// # Errors
/// `game_not_found`, `not_game_owner`, `sanctioned`, `membership_not_found`, `membership_ended`, `game_state_conflict`.
pub async fn remove(app: &App, caller: &Caller<'_>, game_id: GameId, id: MembershipId) -> Result<Membership, Problem> {
    let mut tx = app.db.begin().await?;
    let game = lock_managed(&mut tx, caller, game_id, MemberAction::Remove).await?;
    let membership = get(&mut tx, game_id, id).await?;
    permitted(caller, &game, MemberAction::Remove, false)?;
    let before = membership.status;
    let membership = end(&mut tx, caller, &membership, MembershipStatus::Removed).await?;
    let by = if caller.user_id().is_some() { "the game's owner" } else { "an administrator" };
    let payload = Payload::LobbyMembershipRemoved { game_id, reason: format!("removed by {by}") };
    caller.notify(&mut tx, payload, id.to_string(), Audience::Users(vec![membership.user_id]), game_id).await?;
    let detail = json!({ "game_id": game_id, "user_id": membership.user_id });
    caller
        .audit(&mut tx, "membership.remove", "membership", &id.to_string(), moved(detail, before, &membership))
        .await?;
    tx.commit().await?;
    wake(app);
    Ok(membership)
}

/// Sends a member away for good, and tells them. Who left or was removed before can be blocked too.
///
/// # Errors
/// As [`remove`].
pub async fn block(app: &App, caller: &Caller<'_>, game_id: GameId, id: MembershipId) -> Result<Membership, Problem> {
    let mut tx = app.db.begin().await?;
    let game = lock_managed(&mut tx, caller, game_id, MemberAction::Block).await?;
    let membership = get(&mut tx, game_id, id).await?;
    permitted(caller, &game, MemberAction::Block, false)?;
    let before = membership.status;
    let membership = bar(&mut tx, caller, membership).await?;
    let detail = json!({ "game_id": game_id, "user_id": membership.user_id });
    caller
        .audit(&mut tx, "membership.block", "membership", &id.to_string(), moved(detail, before, &membership))
        .await?;
    tx.commit().await?;
    wake(app);
    Ok(membership)
}

/// Blocks a user who is or was a member, in any game, for a reason that stands in the audit log.
///
/// # Errors
/// `game_not_found`, `membership_not_found` where the user never was a member, `membership_ended` where they are blocked
/// already, `game_state_conflict`.
pub async fn ban(
    app: &App,
    caller: &Caller<'_>,
    game_id: GameId,
    user_id: UserId,
    reason: &str,
) -> Result<Membership, Problem> {
    let mut tx = app.db.begin().await?;
    let game = db::games::lock(&mut tx, game_id).await?.ok_or_else(game_not_found)?;
    let membership = db::memberships::newest(&mut tx, game_id, user_id).await?.ok_or_else(not_found)?;
    permitted(caller, &game, MemberAction::Ban, false)?;
    let before = membership.status;
    let membership = bar(&mut tx, caller, membership).await?;
    let detail = json!({ "user_id": user_id, "membership_id": membership.membership_id, "reason": reason });
    caller.audit(&mut tx, "game.ban", "game", &game_id.to_string(), moved(detail, before, &membership)).await?;
    tx.commit().await?;
    wake(app);
    Ok(membership)
}

/// What the trail says of a membership that was in status `before`.
fn moved(detail: Value, before: MembershipStatus, now: &Membership) -> Change {
    Change::of(detail, json!({ "status": before }), json!({ "status": now.status }))
}

/// Locks a game whose members the caller may send away, whatever its state. What follows in the transaction is not raced.
async fn lock_managed(
    conn: &mut PgConnection,
    caller: &Caller<'_>,
    game_id: GameId,
    action: MemberAction,
) -> Result<LockedGame, Problem> {
    let game = db::games::lock(&mut *conn, game_id).await?.ok_or_else(game_not_found)?;
    if verdict(caller, &game, action, false) == Err(Refusal::Forbidden) {
        if let Some(user_id) = caller.user_id() {
            visible(conn, game_id, user_id).await?;
        }
        return Err(not_owner());
    }
    if game.visibility == Visibility::Private {
        caller.not_sanctioned(SanctionKind::PrivateGameManageBlock)?;
    }
    Ok(game)
}

fn verdict(caller: &Caller<'_>, game: &LockedGame, action: MemberAction, own: bool) -> Result<(), Refusal> {
    act_on_member(game.status, game.visibility, action, caller.actor(game), own)
}

/// The rules' verdict as a problem.
fn permitted(caller: &Caller<'_>, game: &LockedGame, action: MemberAction, own: bool) -> Result<(), Problem> {
    match verdict(caller, game, action, own) {
        Ok(()) => Ok(()),
        Err(Refusal::Forbidden) => Err(not_owner()),
        Err(Refusal::State) => Err(Problem::new(
            ErrorCode::GameStateConflict,
            format!("The game is {}: {action} is not possible now.", game.status),
        )),
    }
}

/// Ends an active membership, and has the race banished where the engine can be told at once.
async fn end(
    conn: &mut PgConnection,
    caller: &Caller<'_>,
    membership: &Membership,
    status: MembershipStatus,
) -> Result<Membership, Problem> {
    let ended_now = db::memberships::end(&mut *conn, &[membership.membership_id], status).await?;
    let membership = ended_now.into_iter().next().ok_or_else(ended)?;
    let context = caller.context;
    let (request_id, traceparent) = (Some(context.request_id.as_str()), context.traceparent.as_deref());
    db::banishments::enqueue_due(conn, &[membership.game_id], request_id, traceparent).await?;
    Ok(membership)
}

/// Ends a membership as `blocked`, or makes it so that had ended otherwise, takes every way back in away, and tells the user.
async fn bar(conn: &mut PgConnection, caller: &Caller<'_>, membership: Membership) -> Result<Membership, Problem> {
    let Membership { membership_id, game_id, user_id, .. } = membership;
    let membership = if membership.status == MembershipStatus::Active {
        end(&mut *conn, caller, &membership, MembershipStatus::Blocked).await?
    } else {
        let again = |error: db::Error| match error.constraint() {
            Some("memberships_game_id_user_id_key") => ended(),
            _ => error.into(),
        };
        if !db::memberships::block_former(&mut *conn, membership_id).await.map_err(again)? {
            return Err(ended());
        }
        Membership { status: MembershipStatus::Blocked, ..membership }
    };
    db::applications::end_open(&mut *conn, game_id, user_id, ApplicationStatus::Rejected).await?;
    db::invites::revoke_for(&mut *conn, game_id, user_id).await?;
    let payload = Payload::LobbyMembershipBlocked { game_id };
    caller.notify(conn, payload, membership_id.to_string(), Audience::Users(vec![user_id]), game_id).await?;
    Ok(membership)
}

//! A user's departure from the whole lobby (SPEC §6): soft deletion and a permanent block end everything that is theirs,
//! in the transaction that deletes or blocks them.

use std::collections::HashSet;
use std::time::Duration;

use shared::db::{self, InTransaction, Tx};
use shared::domain::game::{Actor, GameAction, Visibility, act};
use shared::domain::lobby::MembershipStatus;
use shared::domain::notification::{Audience, Payload};
use shared::ids::{GameId, UserId};
use shared::queue::wake::Topic;

use super::caller::Caller;
use super::transitions;
use crate::refusal::{ErrorCode, Problem};

/// Why a user goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// The account is deleted: its memberships end as `left`, and nobody is there to be told.
    Deleted,
    /// The user is blocked for good: their memberships end as `removed`, and they are told of each.
    Blocked,
}

/// What a departure ended beside the user's own part in games.
#[derive(Debug)]
pub struct Left {
    /// The user's private games that are called off.
    pub cancelled: Vec<GameId>,
}

/// What a departure wakes once it is committed.
pub const WAKE: [Topic; 2] = [Topic::Notifications, Topic::RuntimeJobs];

/// How often the games are looked for anew when one was joined in the moment of the departure.
const TRIES: usize = 5;

/// Ends all memberships of games that go on (with what follows: seat, race name, banishment), withdraws open applications,
/// closes open invites to the user, takes back those that they sent and tells who had them, and releases all their race
/// names, registered ones too. Private games of their own that did not start are cancelled; those that did go on without
/// them, and administrators can pause and stop them. Memberships of games that are over stay as history.
///
/// Call it **first in the transaction**: it takes the row locks of the games in the order of their ids, then the account's,
/// and no other lock may be held before them. It leaves the account locked, so that whatever the caller does to it next is
/// seen by all who wait to take it in. After the commit wake [`WAKE`].
///
/// # Errors
/// `unavailable` when the user joins games faster than they can be locked; what the database answers.
pub async fn depart(tx: &mut Tx, caller: &Caller<'_>, user_id: UserId, why: Departure) -> Result<Left, Problem> {
    for _ in 0..TRIES {
        // A savepoint: going back to it gives the locks back that turned out not to be all.
        let mut savepoint = db::savepoint(tx).await?;
        let games = db::departures::games(&mut savepoint, user_id).await?;
        db::departures::lock(&mut savepoint, &games).await?;
        db::departures::lock_account(&mut savepoint, user_id).await?;
        // Under the account's lock nothing is added any more. What was added just before is not locked yet: a lock out of
        // its order could wait for one who waits for us.
        let locked: HashSet<GameId> = games.iter().copied().collect();
        if !db::departures::games(&mut savepoint, user_id).await?.iter().all(|game| locked.contains(game)) {
            savepoint.rollback().await?;
            continue;
        }
        let left = end_all(&mut savepoint, caller, user_id, why, &games).await?;
        savepoint.commit().await?;
        return Ok(left);
    }
    Err(Problem::new(ErrorCode::Unavailable, "The user is joining games at this moment; try again.")
        .retry_after(Duration::from_secs(1)))
}

/// There are as many statements as the user has sent invites: each has a limit of its own on how long Postgres may be silent.
async fn end_all(
    tx: &mut impl InTransaction,
    caller: &Caller<'_>,
    user_id: UserId,
    why: Departure,
    games: &[GameId],
) -> Result<Left, Problem> {
    let left = Left { cancelled: cancel_own(tx, caller, user_id).await? };
    let memberships = db::departures::memberships(tx, user_id).await?;
    let status = if why == Departure::Deleted { MembershipStatus::Left } else { MembershipStatus::Removed };
    let ended = db::memberships::end(tx, &memberships, status).await?;
    let context = caller.context;
    let (request_id, traceparent) = (Some(context.request_id.as_str()), context.traceparent.as_deref());
    db::banishments::enqueue_due(tx, games, request_id, traceparent).await?;
    db::departures::withdraw_applications(tx, user_id).await?;
    db::departures::close_invites(tx, user_id).await?;
    let revoked = db::departures::revoke_invites(tx, user_id).await?;
    db::departures::release_race_names(tx, user_id).await?;
    if why == Departure::Blocked {
        for membership in ended {
            let (game_id, key) = (membership.game_id, membership.membership_id.to_string());
            let payload = Payload::LobbyMembershipRemoved { game_id, reason: "the account was blocked".to_owned() };
            caller.notify(tx, payload, key, Audience::Users(vec![user_id]), game_id).await?;
        }
    }
    for invite in revoked {
        let Some(invited) = invite.invited_user_id else { continue };
        let payload = Payload::LobbyInviteRevoked { game_id: invite.game_id };
        let key = invite.invite_id.to_string();
        caller.notify(tx, payload, key, Audience::Users(vec![invited]), invite.game_id).await?;
    }
    Ok(left)
}

/// Cancels what the user could have cancelled: their private games that did not start. Answers which.
async fn cancel_own(tx: &mut impl InTransaction, caller: &Caller<'_>, user_id: UserId) -> Result<Vec<GameId>, Problem> {
    let mut cancelled = Vec::new();
    for game_id in db::departures::own_private_games(tx, user_id).await? {
        let Some(game) = db::games::lock(tx, game_id).await? else { continue };
        if let Ok(next) = act(game.status, Visibility::Private, GameAction::Cancel, Actor::Owner) {
            transitions::cancel(tx, caller, &game, next).await?;
            cancelled.push(game_id);
        }
    }
    Ok(cancelled)
}

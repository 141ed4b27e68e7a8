//! Invites to private games (SPEC §7).

use chrono::{DateTime, Utc};
use shared::db::games::LockedGame;
use shared::db::idempotency::Idempotency;
use shared::db::invites::{Invite, NewInvite};
use shared::db::memberships::Membership;
use shared::db::{self, Tx};
use shared::domain::account::SanctionKind;
use shared::domain::game::Visibility;
use shared::domain::invite_code;
use shared::domain::lobby::InviteStatus;
use shared::domain::notification::{Audience, Payload};
use shared::domain::race_name::RaceName;
use shared::ids::{GameId, InviteId, UserId};
use shared::queue::wake::Topic;
use sqlx::PgConnection;

use super::caller::Caller;
use super::enroll;
use super::games::{game_not_found, lock_managed, visible};
use super::idempotency;
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

fn not_found() -> Problem {
    Problem::new(ErrorCode::InviteNotFound, "No such invite.")
}

/// The invite is not open any more; its status says why.
fn closed(invite: &Invite) -> Problem {
    let why = match invite.status {
        InviteStatus::Redeemed => "was used as often as it may be",
        InviteStatus::Declined => "was declined",
        InviteStatus::Revoked => "was taken back",
        InviteStatus::Expired => "has expired",
        InviteStatus::Open | InviteStatus::Closed => "was closed with the enrolment",
    };
    Problem::new(ErrorCode::InviteClosed, format!("The invite {why}."))
}

async fn present(conn: &mut PgConnection, game_id: GameId, id: InviteId) -> Result<Invite, Problem> {
    db::invites::get(conn, game_id, id).await?.ok_or_else(not_found)
}

/// An invite as the game's owner and the invited user may see it. For others it does not exist.
///
/// # Errors
/// `game_not_found`, `invite_not_found`.
pub async fn see(conn: &mut PgConnection, user_id: UserId, game_id: GameId, id: InviteId) -> Result<Invite, Problem> {
    let invite = db::invites::get(&mut *conn, game_id, id).await?;
    // Who was invited to a private game does not see the game any more once the invite is over, but always the invite.
    if let Some(own) = invite.as_ref().filter(|invite| invite.invited_user_id == Some(user_id)) {
        return Ok(own.clone());
    }
    let game = visible(conn, game_id, user_id).await?;
    invite.filter(|_| game.owner_user_id == Some(user_id)).ok_or_else(not_found)
}

/// Whom an invite is for.
pub enum Target<'a> {
    /// The user with this id.
    User(UserId),
    /// The user with this handle.
    Named(&'a str),
    /// Whoever has the code, so many times.
    Code {
        /// How often it may be used.
        max_uses: i32,
    },
}

/// Why no mail goes with an invite.
const MAILED_TODAY: &str = "the invitee had a mail of an invite to this game within a day";

/// Invites into a private game; an invited user is told, by mail once a day and game at most.
///
/// # Errors
/// `game_not_found`, `not_game_owner`, `sanctioned`, `game_state_conflict` for a public game, `enrollment_closed`,
/// `rate_limited`, `account_not_found`, `already_member`, `invite_exists`, `invalid_request`, `idempotency_key_reused`.
pub async fn create(
    app: &App,
    caller: &Caller<'_>,
    inviter: UserId,
    game_id: GameId,
    target: Target<'_>,
    expires_at: Option<DateTime<Utc>>,
    key: Option<&Idempotency>,
) -> Result<Invite, Problem> {
    let invite_id = InviteId::new();
    // 80 bits: beyond guessing, short enough to be read out.
    let code = match target {
        Target::Code { .. } => Some(invite_code::write(app.random.bytes::<10>())),
        Target::User(_) | Target::Named(_) => None,
    };

    let mut tx = app.db.begin().await?;
    let game = lock_managed(&mut tx, caller, game_id).await?;
    if let Some(key) = key
        && let Some(made) = idempotency::judge(key, db::invites::replayed(&mut tx, key).await?)?
    {
        return present(&mut tx, game_id, made).await;
    }
    if game.visibility != Visibility::Private {
        return Err(Problem::new(ErrorCode::GameStateConflict, "A public game takes applications, not invites."));
    }
    enroll::takes_members(&game)?;
    enroll::may_act(&mut tx, inviter).await?;
    if let Some(wait) = db::invites::lock_quota(&mut tx, inviter).await? {
        let most = db::invites::INVITES_AN_HOUR;
        let why = format!("The caller has made {most} invites within the hour, which is as many as one may.");
        return Err(Problem::new(ErrorCode::RateLimited, why).retry_after(wait));
    }
    if expires_at.is_some_and(|at| at <= game.now) {
        return Err(Problem::field("/expires_at", "range", "must be in the future"));
    }
    let (invited, max_uses) = match target {
        Target::Code { max_uses } => (None, Some(max_uses)),
        Target::User(user_id) => (Some(invitee(&mut tx, &game, Some(user_id)).await?), None),
        Target::Named(name) => {
            let user_id = db::accounts::user_named(&mut tx, &name.trim().to_ascii_lowercase()).await?;
            (Some(invitee(&mut tx, &game, user_id).await?), None)
        }
    };
    let mailed = match invited {
        Some(user_id) => !db::invites::mailed_within_a_day(&mut tx, game_id, user_id).await?,
        None => false,
    };
    let new = NewInvite {
        invite_id,
        game_id,
        inviter_user_id: inviter,
        invited_user_id: invited,
        code: code.as_deref(),
        max_uses,
        expires_at,
        default_ttl_seconds: app.config.lobby.invite_ttl.as_secs_f64(),
        mailed,
    };
    let made = db::invites::insert(&mut tx, &new, key).await.map_err(|error| match error.constraint() {
        Some("invites_game_id_invited_user_id_key") => {
            Problem::new(ErrorCode::InviteExists, "The user has an open invite to this game already.")
        }
        _ => error.into(),
    })?;
    if !made {
        // The same key at the same time on another game: the body cannot be the same.
        return Err(Problem::new(
            ErrorCode::IdempotencyKeyReused,
            "This Idempotency-Key was used before, with another request.",
        ));
    }
    if let Some(user_id) = invited {
        let payload = Payload::LobbyInviteReceived { game_id, inviter_user_id: inviter };
        let (key, audience) = (invite_id.to_string(), Audience::Users(vec![user_id]));
        if mailed {
            caller.notify(&mut tx, payload, key, audience, game_id).await?;
        } else {
            caller.notify_unmailed(&mut tx, payload, key, audience, game_id, MAILED_TODAY).await?;
        }
    }
    let invite = present(&mut tx, game_id, invite_id).await?;
    tx.commit().await?;
    app.waker.wake(Topic::Notifications);
    Ok(invite)
}

/// Checks that there is such a user and that they are not in yet, and makes room for a new invite where the last one
/// expired.
async fn invitee(tx: &mut Tx, game: &LockedGame, user_id: Option<UserId>) -> Result<UserId, Problem> {
    let unknown = || Problem::new(ErrorCode::AccountNotFound, "No such account.");
    let user_id = user_id.ok_or_else(unknown)?;
    // One who was blocked for good, or deleted just now, is as good as none.
    enroll::may_act(tx, user_id).await.map_err(|problem| match problem.code {
        ErrorCode::Sanctioned => unknown(),
        _ => problem,
    })?;
    if db::memberships::standing(tx, game.game_id, user_id).await?.is_some() {
        return Err(Problem::new(ErrorCode::AlreadyMember, "The user is a member of this game already, or blocked."));
    }
    db::invites::expire_for(tx, game.game_id, user_id).await?;
    Ok(user_id)
}

/// Joins with an invite to the caller. An invite to somebody else does not exist for the caller.
///
/// # Errors
/// `sanctioned`, `race_name_invalid`, `game_not_found`, `invite_not_found`, `invite_closed`, and those of [`enroll::enroll`].
pub async fn redeem(
    app: &App,
    caller: &Caller<'_>,
    user_id: UserId,
    game_id: GameId,
    id: InviteId,
    race_name: &str,
) -> Result<(Invite, Membership), Problem> {
    let name = enroll::read_race_name(race_name)?;
    let mut tx = app.db.begin().await?;
    let game = db::games::lock(&mut tx, game_id).await?.ok_or_else(game_not_found)?;
    let invite = present(&mut tx, game_id, id).await?;
    if invite.invited_user_id != Some(user_id) {
        return Err(not_found());
    }
    let redeemed = take_up(&mut tx, caller, &game, &invite, user_id, &name).await?;
    tx.commit().await?;
    Ok(redeemed)
}

/// Joins with a shareable code.
///
/// # Errors
/// As [`redeem`]; an unknown code is `invite_not_found`.
pub async fn redeem_code(
    app: &App,
    caller: &Caller<'_>,
    user_id: UserId,
    code: &str,
    race_name: &str,
) -> Result<(Invite, Membership), Problem> {
    let name = enroll::read_race_name(race_name)?;
    let mut tx = app.db.begin().await?;
    // Read before the game's lock, which the code leads to; what may have changed is judged by the update under the lock.
    let invite = db::invites::by_code(&mut tx, &invite_code::read(code)).await?.ok_or_else(not_found)?;
    let game = db::games::lock(&mut tx, invite.game_id).await?.ok_or_else(game_not_found)?;
    let redeemed = take_up(&mut tx, caller, &game, &invite, user_id, &name).await?;
    tx.commit().await?;
    Ok(redeemed)
}

/// Uses an invite once for a new member. Who is a member by this very invite is answered the membership again: the first answer
/// may have been lost. The caller holds the game's lock.
async fn take_up(
    tx: &mut Tx,
    caller: &Caller<'_>,
    game: &LockedGame,
    invite: &Invite,
    user_id: UserId,
    name: &RaceName,
) -> Result<(Invite, Membership), Problem> {
    let Invite { game_id, invite_id, .. } = *invite;
    let membership = match db::memberships::given_by(tx, game_id, user_id, invite_id).await? {
        Some(membership) => membership,
        None => {
            caller.not_sanctioned(SanctionKind::GameJoinBlock)?;
            if !db::invites::redeem(tx, invite_id).await? {
                return Err(closed(&present(tx, game_id, invite_id).await?));
            }
            enroll::enroll(tx, game, user_id, name, Some(invite_id)).await?
        }
    };
    Ok((present(tx, game_id, invite_id).await?, membership))
}

/// Turns an invite down.
///
/// # Errors
/// `invite_not_found`, `invite_closed`.
pub async fn decline(app: &App, user_id: UserId, game_id: GameId, id: InviteId) -> Result<Invite, Problem> {
    let mut tx = app.db.begin().await?;
    let invite = present(&mut tx, game_id, id).await?;
    if invite.invited_user_id != Some(user_id) {
        return Err(not_found());
    }
    if !db::invites::end(&mut tx, id, InviteStatus::Declined).await? {
        return Err(closed(&present(&mut tx, game_id, id).await?));
    }
    let invite = present(&mut tx, game_id, id).await?;
    tx.commit().await?;
    Ok(invite)
}

/// Takes an invite back; an invited user is told.
///
/// # Errors
/// `game_not_found`, `not_game_owner`, `sanctioned`, `invite_not_found`, `invite_closed`.
pub async fn revoke(app: &App, caller: &Caller<'_>, game_id: GameId, id: InviteId) -> Result<Invite, Problem> {
    let mut tx = app.db.begin().await?;
    lock_managed(&mut tx, caller, game_id).await?;
    let invite = present(&mut tx, game_id, id).await?;
    if !db::invites::end(&mut tx, id, InviteStatus::Revoked).await? {
        return Err(closed(&present(&mut tx, game_id, id).await?));
    }
    if let Some(user_id) = invite.invited_user_id {
        let payload = Payload::LobbyInviteRevoked { game_id };
        caller.notify(&mut tx, payload, id.to_string(), Audience::Users(vec![user_id]), game_id).await?;
    }
    let invite = present(&mut tx, game_id, id).await?;
    tx.commit().await?;
    app.waker.wake(Topic::Notifications);
    Ok(invite)
}

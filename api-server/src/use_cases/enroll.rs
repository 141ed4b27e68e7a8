//! Taking a member in: what an approved application and a redeemed invite have in common.

use shared::db::games::LockedGame;
use shared::db::memberships::Membership;
use shared::db::{self, Tx};
use shared::domain::account::SanctionKind;
use shared::domain::game::GameStatus;
use shared::domain::lobby::MembershipStatus;
use shared::domain::race_name::{self, RaceName};
use shared::ids::{InviteId, MembershipId, UserId};

use crate::refusal::{ErrorCode, Problem};

/// Reads a race name.
///
/// # Errors
/// `race_name_invalid`.
pub fn read_race_name(text: &str) -> Result<RaceName, Problem> {
    race_name::parse(text).map_err(|why| {
        let mut problem = Problem::new(ErrorCode::RaceNameInvalid, format!("Not a race name: {why}."));
        problem.errors.push(crate::refusal::FieldError {
            pointer: "/race_name".into(),
            code: why.code.into(),
            detail: why.detail,
        });
        problem
    })
}

/// Whether the game takes anybody now.
///
/// # Errors
/// `enrollment_closed`.
pub fn takes_members(game: &LockedGame) -> Result<(), Problem> {
    if game.status == GameStatus::EnrollmentOpen && game.before_enrollment_end {
        return Ok(());
    }
    Err(Problem::new(ErrorCode::EnrollmentClosed, "The game takes nobody now."))
}

/// Keeps the account where it is until the transaction ends, and refuses one that was blocked for good or deleted since the
/// request began. The caller holds the game's lock.
///
/// # Errors
/// `sanctioned`.
pub async fn may_act(tx: &mut Tx, user_id: UserId) -> Result<(), Problem> {
    let sanctions = db::accounts::hold(tx, user_id).await?;
    if sanctions.is_none_or(|sanctions| sanctions.contains(&SanctionKind::PermanentBlock)) {
        return Err(Problem::new(ErrorCode::Sanctioned, "This account may not act any more."));
    }
    Ok(())
}

/// Makes the membership, perhaps by an invite, counts it, and reserves the name; the caller holds the game's lock and
/// commits. Every limit is a constraint or is counted under a lock, so that no concurrency can pass it.
///
/// # Errors
/// `enrollment_closed`, `sanctioned`, `limit_reached`, `game_full`, `already_member`, `race_name_taken`.
pub async fn enroll(
    tx: &mut Tx,
    game: &LockedGame,
    user_id: UserId,
    name: &RaceName,
    invite_id: Option<InviteId>,
) -> Result<Membership, Problem> {
    takes_members(game)?;
    let barred = || Problem::new(ErrorCode::Sanctioned, "This account may not join games.");
    // The account's lock first: a sanction or a deletion that was committed before it is seen, a later one waits for us.
    let allowance = db::limits::lock(tx, user_id).await?.ok_or_else(barred)?;
    let bars = |kind: &SanctionKind| matches!(kind, SanctionKind::GameJoinBlock | SanctionKind::PermanentBlock);
    if db::accounts::standing(tx, user_id).await?.is_none_or(|sanctions| sanctions.iter().any(bars)) {
        return Err(barred());
    }
    let standing = db::memberships::standing(tx, game.game_id, user_id).await?;
    if standing == Some(MembershipStatus::Blocked) {
        return Err(Problem::new(ErrorCode::Sanctioned, "This account is blocked from this game."));
    }
    let allowed = allowance.limits.memberships;
    if standing.is_none() && db::memberships::count_active(tx, user_id).await? >= allowed {
        return Err(Problem::new(
            ErrorCode::LimitReached,
            format!("The account ({}) may be in {allowed} games at once.", allowance.plan),
        ));
    }
    let membership = db::memberships::insert(tx, MembershipId::new(), game.game_id, user_id, name, invite_id)
        .await
        .map_err(constraint)?;
    db::games::count_member_in(tx, game.game_id).await.map_err(constraint)?;
    db::race_names::reserve(tx, game.game_id, user_id, name).await.map_err(constraint)?;
    Ok(membership)
}

fn constraint(error: db::Error) -> Problem {
    match error.constraint() {
        Some("games_approved_count_check") => Problem::new(ErrorCode::GameFull, "The game is full."),
        Some("memberships_game_id_user_id_key") => {
            Problem::new(ErrorCode::AlreadyMember, "The user is a member already.")
        }
        Some(
            "memberships_game_id_canonical_key_key"
            | "race_names_one_holder_excl"
            | "race_names_game_id_canonical_key_key",
        ) => name_taken(),
        _ => error.into(),
    }
}

/// The name, or one that looks like it, is somebody else's.
pub fn name_taken() -> Problem {
    Problem::new(ErrorCode::RaceNameTaken, "This race name, or one that looks like it, is taken.")
}

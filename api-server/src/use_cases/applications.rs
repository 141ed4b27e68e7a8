//! Applications to public games (SPEC §7).

use serde_json::json;
use shared::db;
use shared::db::applications::Application;
use shared::db::idempotency::Idempotency;
use shared::domain::account::SanctionKind;
use shared::domain::game::Visibility;
use shared::domain::lobby::{ApplicationStatus, MembershipStatus};
use shared::domain::notification::{Audience, Payload};
use shared::domain::race_name::RaceName;
use shared::ids::{ApplicationId, GameId, UserId};
use shared::queue::wake::Topic;
use sqlx::PgConnection;

use super::caller::Caller;
use super::change::Change;
use super::enroll;
use super::games::{game_not_found, lock_managed, visible};
use super::idempotency;
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

fn not_found() -> Problem {
    Problem::new(ErrorCode::ApplicationNotFound, "No such application.")
}

/// One application to a game.
///
/// # Errors
/// `application_not_found`.
pub async fn get(conn: &mut PgConnection, game_id: GameId, id: ApplicationId) -> Result<Application, Problem> {
    db::applications::get(conn, game_id, id).await?.ok_or_else(not_found)
}

/// An application as its applicant and the game's owner may see it. For others it does not exist.
///
/// # Errors
/// `game_not_found`, `application_not_found`.
pub async fn see(
    conn: &mut PgConnection,
    user_id: UserId,
    game_id: GameId,
    id: ApplicationId,
) -> Result<Application, Problem> {
    let game = visible(&mut *conn, game_id, user_id).await?;
    let application = get(conn, game_id, id).await?;
    let may_see = application.user_id == user_id || game.owner_user_id == Some(user_id);
    if may_see { Ok(application) } else { Err(not_found()) }
}

/// Takes the caller's own application back. For others it does not exist.
///
/// # Errors
/// `game_not_found`, `application_not_found`, `application_decided`.
pub async fn withdraw(app: &App, user_id: UserId, game_id: GameId, id: ApplicationId) -> Result<Application, Problem> {
    let mut tx = app.db.begin().await?;
    visible(&mut tx, game_id, user_id).await?;
    // An approval holds this lock too: of the two one is first, and the other finds the application decided.
    db::games::lock(&mut tx, game_id).await?.ok_or_else(game_not_found)?;
    let application = get(&mut tx, game_id, id).await?;
    if application.user_id != user_id {
        return Err(not_found());
    }
    decide(&mut tx, id, ApplicationStatus::Withdrawn).await?;
    let application = get(&mut tx, game_id, id).await?;
    tx.commit().await?;
    Ok(application)
}

/// Applies to a public game, and tells its owner.
///
/// # Errors
/// `sanctioned`, `race_name_invalid`, `game_not_found`, `game_state_conflict` for a private game, `enrollment_closed`,
/// `already_member`, `application_exists`, `race_name_taken`, `idempotency_key_reused`.
pub async fn apply(
    app: &App,
    caller: &Caller<'_>,
    user_id: UserId,
    game_id: GameId,
    race_name: &str,
    key: Option<&Idempotency>,
) -> Result<Application, Problem> {
    caller.not_sanctioned(SanctionKind::GameJoinBlock)?;
    let name = enroll::read_race_name(race_name)?;
    let id = ApplicationId::new();

    let mut tx = app.db.begin().await?;
    visible(&mut tx, game_id, user_id).await?;
    let game = db::games::lock(&mut tx, game_id).await?.ok_or_else(game_not_found)?;
    if let Some(key) = key
        && let Some(made) = idempotency::judge(key, db::applications::replayed(&mut tx, key).await?)?
    {
        return get(&mut tx, game_id, made).await;
    }
    if game.visibility != Visibility::Public {
        return Err(Problem::new(ErrorCode::GameStateConflict, "A private game takes invites, not applications."));
    }
    enroll::takes_members(&game)?;
    enroll::may_act(&mut tx, user_id).await?;
    match db::memberships::standing(&mut tx, game_id, user_id).await? {
        None => {}
        Some(MembershipStatus::Blocked) => {
            return Err(Problem::new(ErrorCode::Sanctioned, "The caller is blocked from this game."));
        }
        Some(_) => return Err(Problem::new(ErrorCode::AlreadyMember, "The caller is a member of this game already.")),
    }
    if !db::race_names::is_free(&mut tx, game_id, user_id, &name.canonical_key).await? {
        return Err(enroll::name_taken());
    }
    let made =
        db::applications::insert(&mut tx, id, game_id, user_id, &name, key).await.map_err(|error| {
            match error.constraint() {
                Some("applications_game_id_user_id_key") => Problem::new(
                    ErrorCode::ApplicationExists,
                    "The caller has applied to this game already: withdraw that application to apply anew.",
                ),
                _ => error.into(),
            }
        })?;
    if !made {
        // The same key at the same time on another game: the body cannot be the same.
        return Err(Problem::new(
            ErrorCode::IdempotencyKeyReused,
            "This Idempotency-Key was used before, with another request.",
        ));
    }
    let payload = Payload::LobbyApplicationSubmitted { game_id, application_id: id };
    let owner = Audience::Users(game.owner_user_id.into_iter().collect());
    caller.notify(&mut tx, payload, id.to_string(), owner, game_id).await?;
    let application = get(&mut tx, game_id, id).await?;
    tx.commit().await?;
    app.waker.wake(Topic::Notifications);
    Ok(application)
}

/// Takes an applicant in: membership, count, race name, application and notification in one transaction.
///
/// # Errors
/// `game_not_found`, `not_game_owner`, `application_not_found`, `application_decided`, and those of [`enroll::enroll`].
pub async fn approve(
    app: &App,
    caller: &Caller<'_>,
    game_id: GameId,
    id: ApplicationId,
) -> Result<Application, Problem> {
    let mut tx = app.db.begin().await?;
    let game = lock_managed(&mut tx, caller, game_id).await?;
    let application = undecided(&mut tx, game_id, id).await?;
    let name = RaceName { name: application.race_name, canonical_key: application.canonical_key };
    enroll::enroll(&mut tx, &game, application.user_id, &name, None).await?;
    decide(&mut tx, id, ApplicationStatus::Approved).await?;
    let payload = Payload::LobbyApplicationApproved { game_id };
    caller.notify(&mut tx, payload, id.to_string(), Audience::Users(vec![application.user_id]), game_id).await?;
    let before = application.status;
    let application = get(&mut tx, game_id, id).await?;
    let change = decided_from(before, &application);
    caller.audit(&mut tx, "application.approve", "application", &id.to_string(), change).await?;
    tx.commit().await?;
    app.waker.wake(Topic::Notifications);
    Ok(application)
}

/// Turns an applicant down.
///
/// # Errors
/// `game_not_found`, `not_game_owner`, `application_not_found`, `application_decided`.
pub async fn reject(
    app: &App,
    caller: &Caller<'_>,
    game_id: GameId,
    id: ApplicationId,
) -> Result<Application, Problem> {
    let mut tx = app.db.begin().await?;
    lock_managed(&mut tx, caller, game_id).await?;
    let application = undecided(&mut tx, game_id, id).await?;
    decide(&mut tx, id, ApplicationStatus::Rejected).await?;
    let payload = Payload::LobbyApplicationRejected { game_id };
    caller.notify(&mut tx, payload, id.to_string(), Audience::Users(vec![application.user_id]), game_id).await?;
    let before = application.status;
    let application = get(&mut tx, game_id, id).await?;
    let change = decided_from(before, &application);
    caller.audit(&mut tx, "application.reject", "application", &id.to_string(), change).await?;
    tx.commit().await?;
    app.waker.wake(Topic::Notifications);
    Ok(application)
}

/// What the trail says of an application that was in status `before`.
fn decided_from(before: ApplicationStatus, now: &Application) -> Change {
    let detail = json!({ "game_id": now.game_id });
    Change::of(detail, json!({ "status": before }), json!({ "status": now.status }))
}

fn decided() -> Problem {
    Problem::new(ErrorCode::ApplicationDecided, "The application was decided before.")
}

async fn undecided(conn: &mut PgConnection, game_id: GameId, id: ApplicationId) -> Result<Application, Problem> {
    let application = get(conn, game_id, id).await?;
    if application.status == ApplicationStatus::Submitted { Ok(application) } else { Err(decided()) }
}

async fn decide(conn: &mut PgConnection, id: ApplicationId, status: ApplicationStatus) -> Result<(), Problem> {
    if db::applications::decide(conn, id, status).await? { Ok(()) } else { Err(decided()) }
}

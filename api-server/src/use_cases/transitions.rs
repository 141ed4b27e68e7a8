//! What moves a game from state to state (SPEC §7): the rules decide under the game's row lock, the effects commit with it.

use serde_json::{Value, json};
use shared::db::games::{Game, LockedGame, PausedFilter, RunningFilter};
use shared::db::lists::Chosen;
use shared::db::{self, InTransaction, Tx};
use shared::domain::game::{GameAction, GameStatus, PauseReason};
use shared::domain::notification::{Audience, Payload, TurnName, pause_key, resume_key};
use shared::domain::runtime::{JobKind, RuntimeStatus};
use shared::domain::schedule::{self, Schedule};
use shared::ids::GameId;
use shared::queue::wake::Topic;
use sqlx::PgConnection;

use super::bulk::{self, Walked, Wanted};
use super::caller::Caller;
use super::change::{Change, standing};
use super::games::{lock_for, present};
use super::runtimes;
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// Does `action` to a game, with all its effects, in one transaction.
///
/// # Errors
/// `game_not_found`, `not_game_owner`, `sanctioned`, `game_state_conflict`; for `open-enrollment` `enrollment_closed`, for
/// `ready-to-start`, `start` and `retry-start` `not_enough_players`, for the last two and `force-start` also
/// `engine_version_disabled` and `runtime_busy`, which `force-stop` may answer too.
pub async fn transition(app: &App, caller: &Caller<'_>, game_id: GameId, action: GameAction) -> Result<Game, Problem> {
    let mut tx = app.db.begin().await?;
    let (game, next) = lock_for(&mut tx, caller, game_id, action).await?.granted(action)?;
    let wake: &[Topic] = match action {
        GameAction::OpenEnrollment => open_enrollment(&mut tx, &game, next).await?,
        GameAction::ReadyToStart => ready_to_start(&mut tx, &game, next).await?,
        GameAction::Start | GameAction::RetryStart => {
            // A game that has run goes on with those who are left.
            if !game.started {
                enough_players(&game)?;
            }
            start(&mut tx, caller, &game, next).await?
        }
        // By force also with members that left since, and on the kept state of a game that ran.
        GameAction::ForceStart => start(&mut tx, caller, &game, next).await?,
        GameAction::ForceStop => force_stop(&mut tx, caller, &game).await?,
        GameAction::Pause => pause(&mut tx, caller, &game, PauseReason::Manual).await?,
        GameAction::Resume => resume(&mut tx, app, caller, &game, next).await?,
        GameAction::Cancel => cancel(&mut tx, caller, &game, next).await?,
        GameAction::End | GameAction::Edit | GameAction::ChooseEngine | GameAction::Enroll => {
            return Err(Problem::internal(&format!("{action} is no transition of this use case")));
        }
    };
    let changed = present(&mut tx, game_id).await?;
    let (before, after) = (standing(game.status, game.pause_reason), standing(changed.status, changed.pause_reason));
    let change = Change::of(json!({ "from": game.status, "to": next }), before, after);
    caller.audit(&mut tx, &format!("game.{action}"), "game", &game_id.to_string(), change).await?;
    tx.commit().await?;
    for topic in wake {
        app.waker.wake(*topic);
    }
    Ok(changed)
}

/// Resumes a piece of the chosen paused games, which the caller described as `shown`, each as [`transition`] does.
///
/// # Errors
/// What the database answers, after which some may have been resumed.
pub async fn resume_many(
    app: &App,
    caller: &Caller<'_>,
    filter: &PausedFilter<'_>,
    shown: &Value,
    wanted: Wanted,
) -> Result<Walked, Problem> {
    let mut tx = app.db.begin().await?;
    let piece = wanted.piece(&mut tx).await?;
    let games = db::games::resumable(&mut tx, filter, &piece).await?;
    let detail = bulk::told(shown, &piece, &games);
    caller.audit(&mut tx, "game.resume_many", "game", GameStatus::Paused.as_str(), detail).await?;
    tx.commit().await?;
    each(app, caller, games, GameAction::Resume).await
}

/// Pauses a piece of the chosen running games, as [`resume_many`] resumes.
///
/// # Errors
/// What the database answers, after which some may have been paused.
pub async fn pause_many(
    app: &App,
    caller: &Caller<'_>,
    filter: &RunningFilter<'_>,
    shown: &Value,
    wanted: Wanted,
) -> Result<Walked, Problem> {
    let mut tx = app.db.begin().await?;
    let piece = wanted.piece(&mut tx).await?;
    let games = db::games::pausable(&mut tx, filter, &piece).await?;
    let detail = bulk::told(shown, &piece, &games);
    caller.audit(&mut tx, "game.pause_many", "game", GameStatus::Running.as_str(), detail).await?;
    tx.commit().await?;
    each(app, caller, games, GameAction::Pause).await
}

async fn each(app: &App, caller: &Caller<'_>, games: Chosen<GameId>, action: GameAction) -> Result<Walked, Problem> {
    bulk::one_by_one(games, |game_id| async move { transition(app, caller, game_id, action).await.map(|_| true) }).await
}

async fn open_enrollment(
    conn: &mut PgConnection,
    game: &LockedGame,
    next: GameStatus,
) -> Result<&'static [Topic], Problem> {
    if !game.before_enrollment_end {
        return Err(Problem::new(ErrorCode::EnrollmentClosed, "enrollment_ends_at is past: move it first."));
    }
    db::games::set_status(conn, game.game_id, game.status, next).await?;
    Ok(&[])
}

async fn ready_to_start(tx: &mut Tx, game: &LockedGame, next: GameStatus) -> Result<&'static [Topic], Problem> {
    enough_players(game)?;
    db::games::set_status(tx, game.game_id, game.status, next).await?;
    leave_enrollment(tx, game.game_id).await?;
    Ok(&[])
}

async fn start(
    tx: &mut Tx,
    caller: &Caller<'_>,
    game: &LockedGame,
    next: GameStatus,
) -> Result<&'static [Topic], Problem> {
    if !db::engine_versions::hold(tx, &game.target_engine_version).await?.is_some_and(|terms| terms.enabled) {
        return Err(Problem::new(
            ErrorCode::EngineVersionDisabled,
            format!("Engine version {} may not be used for new starts.", game.target_engine_version),
        ));
    }
    db::games::set_status(tx, game.game_id, game.status, next).await?;
    runtimes::enqueue(tx, caller, game.game_id, JobKind::Start, json!({})).await?;
    Ok(&[Topic::RuntimeJobs])
}

/// Stops the turns. A generation that is under way ends, and its timer then rests by itself.
pub(super) async fn pause(
    conn: &mut PgConnection,
    caller: &Caller<'_>,
    game: &LockedGame,
    reason: PauseReason,
) -> Result<&'static [Topic], Problem> {
    let pause = db::games::paused(conn, game.game_id, reason).await?;
    db::runtime::park_turn(conn, game.game_id).await?;
    let turn = turn(game);
    let key = pause_key(game.game_id, named(game), pause.map_or(1, |pause| pause.pauses));
    let payload = Payload::GamePaused { game_id: game.game_id, turn, reason: reason.to_string() };
    caller.notify(conn, payload, key, Audience::GameMembers, game.game_id).await?;
    Ok(&[Topic::Notifications])
}

/// Stops the container; the game is paused, if it was not, and only a start brings it back. Members of a game that was paused
/// before were told so then.
async fn force_stop(
    conn: &mut PgConnection,
    caller: &Caller<'_>,
    game: &LockedGame,
) -> Result<&'static [Topic], Problem> {
    if game.status == GameStatus::Running {
        pause(conn, caller, game, PauseReason::Stopped).await?;
    } else {
        db::games::set_pause_reason(conn, game.game_id, PauseReason::Stopped).await?;
    }
    runtimes::enqueue(conn, caller, game.game_id, JobKind::Stop, json!({})).await?;
    Ok(&[Topic::Notifications, Topic::RuntimeJobs])
}

/// Lets the turns go on: the next one is due by what was left, and by the schedule. A runtime that failed is given another chance with it.
async fn resume(
    conn: &mut PgConnection,
    app: &App,
    caller: &Caller<'_>,
    game: &LockedGame,
    next: GameStatus,
) -> Result<&'static [Topic], Problem> {
    let record = db::runtime::record(conn, game.game_id).await?;
    // The container may be there for a moment longer, or back already while it is being replaced.
    let stopped = game.pause_reason == Some(PauseReason::Stopped);
    // One that died meanwhile has no address: it is brought back by the reconciler, or by the first turn.
    let none = [RuntimeStatus::Starting, RuntimeStatus::Stopped, RuntimeStatus::Removed, RuntimeStatus::Finished];
    let up = |r: &db::runtime::RuntimeRecord| !none.contains(&r.status);
    let Some(record) = record.filter(|r| up(r) && !stopped) else {
        return Err(Problem::new(
            ErrorCode::GameStateConflict,
            "The game's container is stopped, and only a start can bring it back, or it is being replaced.",
        ));
    };
    if matches!(record.status, RuntimeStatus::EngineUnreachable | RuntimeStatus::GenerationFailed) {
        db::runtime::set_record_status(conn, game.game_id, RuntimeStatus::Running).await?;
    }
    // A person says so: whatever was tried before is forgotten.
    db::runtime::seen::clean_slate(conn, game.game_id).await?;
    db::games::set_status(conn, game.game_id, game.status, next).await?;
    if set_timer(conn, app, game, &record.daemon_id).await? {
        // The timer was at rest: whatever generation the pause cut short between two tries, none is under way.
        db::runtime::set_record_status(conn, game.game_id, RuntimeStatus::Running).await?;
    }
    let turn = turn(game);
    let key = resume_key(game.game_id, named(game), game.pauses);
    caller
        .notify(conn, Payload::GameResumed { game_id: game.game_id, turn }, key, Audience::GameMembers, game.game_id)
        .await?;
    // Whom the engine could not be told of while it was away, it is told of now.
    let (request_id, traceparent) = (Some(caller.context.request_id.as_str()), caller.context.traceparent.as_deref());
    db::banishments::bring_forward(conn, game.game_id).await?;
    db::banishments::enqueue_due(conn, &[game.game_id], request_id, traceparent).await?;
    Ok(&[Topic::Notifications, Topic::Turns, Topic::RuntimeJobs])
}

/// Sets the timer; answers whether it was at rest. The minimum interval was checked when the schedule was set.
async fn set_timer(conn: &mut PgConnection, app: &App, game: &LockedGame, daemon_id: &str) -> Result<bool, Problem> {
    let offset = schedule::offset(game.game_id, app.config.rules.turn_spread);
    let set = match Schedule::stored(&game.turn_schedule, &game.time_zone) {
        Ok(turns) => db::runtime::resume_turns(conn, game.game_id, daemon_id, &turns, offset, game.now).await?,
        Err(error) => Err(error),
    };
    set.map_err(|error| {
        Problem::new(ErrorCode::GameStateConflict, format!("No turn would come: {error}. Change turn_schedule first."))
    })
}

/// Calls a game off: what is open on it is closed, its names are released, a start that is under way is undone. Answers what to
/// wake.
pub(super) async fn cancel(
    tx: &mut impl InTransaction,
    caller: &Caller<'_>,
    game: &LockedGame,
    next: GameStatus,
) -> Result<&'static [Topic], Problem> {
    db::games::set_status(tx, game.game_id, game.status, next).await?;
    leave_enrollment(tx, game.game_id).await?;
    db::race_names::release_reserved(tx, game.game_id).await?;
    if game.status != GameStatus::Starting {
        return Ok(&[]);
    }
    let (request_id, traceparent) = (Some(caller.context.request_id.as_str()), caller.context.traceparent.as_deref());
    db::runtime::enqueue_stop(tx, game.game_id, request_id, traceparent).await?;
    Ok(&[Topic::RuntimeJobs])
}

/// Open applications and invites are closed with the enrolment.
async fn leave_enrollment(tx: &mut impl InTransaction, game_id: GameId) -> Result<(), Problem> {
    db::applications::close_open(tx, game_id).await?;
    db::invites::close_open(tx, game_id).await?;
    Ok(())
}

fn enough_players(game: &LockedGame) -> Result<(), Problem> {
    if game.approved_count >= game.min_players {
        return Ok(());
    }
    Err(Problem::new(
        ErrorCode::NotEnoughPlayers,
        format!("The game has {} of at least {} members.", game.approved_count, game.min_players),
    ))
}

fn turn(game: &LockedGame) -> u32 {
    u32::try_from(game.current_turn).unwrap_or_default()
}

/// Its turn, as the keys of notifications name it.
fn named(game: &LockedGame) -> TurnName {
    TurnName { turn: turn(game), accepted: game.accepted_turns }
}

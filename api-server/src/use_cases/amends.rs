//! What administrators set right where the runtime cannot (SPEC §8, "There is a way on"): a turn that the record lost, a job and a
//! game of a daemon that nobody serves.

use std::time::Duration;

use serde_json::json;
use shared::db;
use shared::db::runtime::amends::{self, ActiveJob};
use shared::db::runtime::seen;
use shared::domain::game::{GameStatus, PauseReason};
use shared::domain::notification::{Audience, Payload, TurnName, turn_ready_key};
use shared::domain::runtime::{JobKind, RuntimeStatus};
use shared::engine_client::EngineError;
use shared::ids::GameId;
use shared::queue::wake::Topic;
use sqlx::PgConnection;

use super::caller::Caller;
use super::change::Change;
use super::runtimes::{self, Shown, conflict, lock, present};
use super::transitions;
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// Takes `turn` as the game's, which its engine, if it is up, must say too.
///
/// # Errors
/// `runtime_not_found`, `game_state_conflict` (also where the engine stands elsewhere), `runtime_busy`, `engine_unreachable`,
/// `engine_failed`.
pub async fn accept_turn(app: &App, caller: &Caller<'_>, game_id: GameId, turn: i32) -> Result<Shown, Problem> {
    // Asked with no transaction open, and looked again afterwards: it must have been the game's own engine that said it.
    let asked = {
        let mut conn = app.db.acquire().await?;
        db::runtime::record(&mut conn, game_id).await?.ok_or_else(runtimes::not_found)?;
        db::runtime::target(&mut conn, game_id).await?
    };
    if let Some(target) = &asked {
        let status = app.engines.status(target).await;
        let status = status.map_err(|error| refused(game_id, &error))?;
        if status.game_id != game_id || status.turn != turn {
            let at =
                if status.game_id == game_id { format!("at turn {}", status.turn) } else { "another game's".into() };
            return Err(Problem::new(ErrorCode::GameStateConflict, format!("The engine is {at}, not at turn {turn}.")));
        }
    }
    let mut tx = app.db.begin().await?;
    let (game, record) = lock(&mut tx, game_id).await?;
    if !matches!(game.status, GameStatus::Paused | GameStatus::StartFailed) {
        return Err(conflict(&game, "only the turn of a paused game, or of one whose start failed, is set right"));
    }
    idle(&mut tx, game_id).await?;
    let now = db::runtime::target(&mut tx, game_id).await?;
    let same = match (&asked, &now) {
        (Some(asked), Some(now)) => asked.is(now),
        (asked, now) => asked.is_none() && now.is_none(),
    };
    if !same || db::runtime::is_generating(&mut tx, game_id).await? {
        return Err(conflict(&game, "its engine was replaced, or a turn generated, meanwhile: try again"));
    }
    amends::accept_turn(&mut tx, game_id, turn).await?;
    let detail = format!(
        "from {} to {turn}, {}",
        record.current_turn,
        if asked.is_some() { "as the engine says" } else { "unasked" }
    );
    db::runtime::record_operation(&mut tx, game_id, None, "accept-turn", "ok", Some(&detail)).await?;
    let detail = json!({ "from": game.current_turn, "to": turn, "asked": asked.is_some() });
    let (before, after) = (json!({ "current_turn": game.current_turn }), json!({ "current_turn": turn }));
    let change = Change::of(detail, before, after);
    caller.audit(&mut tx, "runtime.accept-turn", "runtime", &game_id.to_string(), change).await?;
    // The members see another turn: as for any, once. It may have been there before, and be another one now.
    if game.current_turn != turn {
        let named = TurnName { turn: turn.unsigned_abs(), accepted: game.accepted_turns + 1 };
        let payload = Payload::GameTurnReady { game_id, turn: named.turn };
        let key = turn_ready_key(game_id, named);
        caller.notify(&mut tx, payload, key, Audience::GameMembers, game_id).await?;
    }
    let shown = present(&mut tx, game_id).await?;
    tx.commit().await?;
    app.waker.wake(Topic::Notifications);
    Ok(shown)
}

/// Frees a game's record, so that another daemon's controller may start it.
///
/// # Errors
/// `runtime_not_found`, `game_state_conflict` while a served daemon has its container or the game is over, `runtime_busy`.
pub async fn release(app: &App, caller: &Caller<'_>, game_id: GameId) -> Result<Shown, Problem> {
    let mut tx = app.db.begin().await?;
    let (game, record) = lock(&mut tx, game_id).await?;
    let over = record.status == RuntimeStatus::Finished;
    if over || !matches!(game.status, GameStatus::Running | GameStatus::Paused | GameStatus::StartFailed) {
        return Err(conflict(&game, "it is not to be started again"));
    }
    let served = seen::is_served(&mut tx, &record.daemon_id).await?;
    if served && (game.status == GameStatus::Running || record.container_id.is_some() || record.endpoint.is_some()) {
        return Err(conflict(
            &game,
            "a live controller serves its daemon, which has its container: stop it there first",
        ));
    }
    idle(&mut tx, game_id).await?;
    if !amends::release(&mut tx, game_id).await? {
        return Err(runtimes::busy());
    }
    match game.status {
        GameStatus::Running => drop(transitions::pause(&mut tx, caller, &game, PauseReason::Stopped).await?),
        GameStatus::Paused => db::games::set_pause_reason(&mut tx, game_id, PauseReason::Stopped).await?,
        _ => {}
    }
    let detail = format!("from {}", record.daemon_id);
    db::runtime::record_operation(&mut tx, game_id, None, "release", "ok", Some(&detail)).await?;
    let detail = json!({ "daemon_id": record.daemon_id, "served": served, "status": game.status });
    caller.audit(&mut tx, "runtime.release", "runtime", &game_id.to_string(), detail).await?;
    let shown = present(&mut tx, game_id).await?;
    tx.commit().await?;
    app.waker.wake(Topic::Notifications);
    Ok(shown)
}

/// Ends the active job of a game whose daemon nobody serves.
///
/// # Errors
/// `runtime_not_found`, `game_state_conflict` where there is none, or somebody works it; `runtime_busy` where it is just ending.
pub async fn cancel_job(app: &App, caller: &Caller<'_>, game_id: GameId) -> Result<Shown, Problem> {
    let mut tx = app.db.begin().await?;
    let (game, record) = lock(&mut tx, game_id).await?;
    let Some(job) = amends::lock_active_job(&mut tx, game_id).await? else {
        // A finish holds the job before it locks the game: it is not waited for.
        idle(&mut tx, game_id).await?;
        return Err(conflict(&game, "no job is active on its runtime"));
    };
    let ActiveJob { job_id, kind, daemon_id, served } = job;
    if served {
        return Err(conflict(&game, "a live controller serves the daemon of its job, and works it"));
    }
    amends::cancel_job(&mut tx, job_id, &format!("cancelled by {}: no controller serves its daemon", caller.name()))
        .await?;
    let held = record.status == RuntimeStatus::Starting;
    if kind == JobKind::Start.as_str() {
        db::runtime::record_containerless(&mut tx, game_id, RuntimeStatus::Removed).await?;
        db::games::start_failed(&mut tx, game_id).await?;
    } else if held {
        // A restart that had taken the engine: nobody gives it back.
        db::runtime::record_containerless(&mut tx, game_id, RuntimeStatus::Removed).await?;
        db::runtime::park_turn(&mut tx, game_id).await?;
        if game.status == GameStatus::Running {
            transitions::pause(&mut tx, caller, &game, PauseReason::EngineUnreachable).await?;
        }
    }
    db::runtime::record_operation(&mut tx, game_id, Some(job_id.uuid()), &kind, "cancelled", None).await?;
    let detail = json!({ "job_id": job_id, "kind": kind, "daemon_id": daemon_id });
    caller.audit(&mut tx, "runtime.cancel-job", "runtime", &game_id.to_string(), detail).await?;
    let shown = present(&mut tx, game_id).await?;
    tx.commit().await?;
    app.waker.wake(Topic::Notifications);
    Ok(shown)
}

async fn idle(conn: &mut PgConnection, game_id: GameId) -> Result<(), Problem> {
    if db::runtime::has_active_job(conn, game_id).await? {
        return Err(runtimes::busy());
    }
    Ok(())
}

/// As members are told (`docs/engine-answers.md`), with the engine's words beside: whoever asks here can mend it.
fn refused(game_id: GameId, error: &EngineError) -> Problem {
    tracing::warn!(%game_id, %error, "the engine could not be asked for its turn");
    let detail = format!("The engine does not tell its turn: {error}.");
    let busy = matches!(error, EngineError::Problem { status: 429 | 503, .. } | EngineError::NoRoom);
    if busy || error.is_absence() || error.is_elsewhere() {
        let after = error.retry_after().unwrap_or(Duration::from_secs(2));
        return Problem::new(ErrorCode::EngineUnreachable, detail).retry_after(after);
    }
    Problem::new(ErrorCode::EngineFailed, detail)
}

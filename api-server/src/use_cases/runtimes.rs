//! What administrators do to a game's engine (SPEC §8): each writes a job beside its trail. One job of a game at a time.

use serde_json::{Value, json};
use shared::db;
use shared::db::games::LockedGame;
use shared::db::runtime::{Job, NewJob, Operation, RuntimeFilter, RuntimeRecord};
use shared::domain::engine_version;
use shared::domain::game::{GameStatus, PauseReason};
use shared::domain::runtime::{JobKind, RuntimeStatus};
use shared::ids::GameId;
use shared::queue::wake::Topic;
use sqlx::PgConnection;

use super::bulk::{self, Walked, Wanted};
use super::caller::Caller;
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// A runtime with the newest entries of its log and its newest job.
pub struct Shown {
    /// The record.
    pub record: RuntimeRecord,
    /// Newest first.
    pub operations: Vec<Operation>,
    /// The active one, if any is.
    pub job: Option<Job>,
}

/// Entries of the operations log that one runtime is shown with.
pub const OPERATIONS: i64 = 100;

/// No such runtime.
pub fn not_found() -> Problem {
    Problem::new(ErrorCode::RuntimeNotFound, "This game has no runtime.")
}

/// The runtime as it is now.
///
/// # Errors
/// `runtime_not_found`.
pub async fn present(conn: &mut PgConnection, game_id: GameId) -> Result<Shown, Problem> {
    let record = db::runtime::record(conn, game_id).await?.ok_or_else(not_found)?;
    shown(conn, vec![record], OPERATIONS).await?.pop().ok_or_else(not_found)
}

/// These runtimes with at most `operations` entries of the log of each, in three statements however many they are.
pub async fn shown(
    conn: &mut PgConnection,
    records: Vec<RuntimeRecord>,
    operations: i64,
) -> Result<Vec<Shown>, Problem> {
    let games: Vec<_> = records.iter().map(|record| record.game_id.uuid()).collect();
    let mut log = db::runtime::operations(conn, &games, operations).await?;
    let mut jobs = db::runtime::latest_jobs(conn, &games).await?;
    let one = |record: RuntimeRecord| {
        let operations = log.extract_if(.., |entry| entry.game_id == record.game_id).collect();
        let job = jobs.extract_if(.., |job| job.game_id == record.game_id).next();
        Shown { record, operations, job }
    };
    Ok(records.into_iter().map(one).collect())
}

/// Asks for the container to be replaced by one from the same specification, on the same state.
///
/// # Errors
/// `runtime_not_found`, `game_state_conflict`, `runtime_busy`.
pub async fn restart(app: &App, caller: &Caller<'_>, game_id: GameId) -> Result<Shown, Problem> {
    let mut tx = app.db.begin().await?;
    let (game, record) = lock(&mut tx, game_id).await?;
    replaceable(&game, &record)?;
    enqueue(&mut tx, caller, game_id, JobKind::Restart, json!({})).await?;
    caller.audit(&mut tx, "runtime.restart", "runtime", &game_id.to_string(), json!({})).await?;
    let shown = present(&mut tx, game_id).await?;
    tx.commit().await?;
    app.waker.wake(Topic::RuntimeJobs);
    Ok(shown)
}

/// Asks for the engine to be replaced by a higher patch release, on the same state.
///
/// # Errors
/// `invalid_request` for what is no version label, `runtime_not_found`, `game_state_conflict`,
/// `engine_version_incompatible`, `engine_version_disabled` (or not registered), `runtime_busy`.
pub async fn patch(app: &App, caller: &Caller<'_>, game_id: GameId, version: &str) -> Result<Shown, Problem> {
    let version = engine_version::label(version).map_err(|why| Problem::field("/version", "format", why))?;
    let mut tx = app.db.begin().await?;
    let (game, record) = lock(&mut tx, game_id).await?;
    replaceable(&game, &record)?;
    if !engine_version::patches(&record.engine_version, &version) {
        return Err(Problem::new(
            ErrorCode::EngineVersionIncompatible,
            format!("The engine is {}: {version} is no higher patch of it.", record.engine_version),
        ));
    }
    if !db::engine_versions::hold(&mut tx, &version).await?.is_some_and(|terms| terms.enabled) {
        return Err(Problem::new(
            ErrorCode::EngineVersionDisabled,
            format!("Engine version {version} is not registered, or may not be used for new starts."),
        ));
    }
    enqueue(&mut tx, caller, game_id, JobKind::Patch, json!({ "version": version })).await?;
    let detail = json!({ "from": record.engine_version, "to": version });
    caller.audit(&mut tx, "runtime.patch", "runtime", &game_id.to_string(), detail).await?;
    let shown = present(&mut tx, game_id).await?;
    tx.commit().await?;
    app.waker.wake(Topic::RuntimeJobs);
    Ok(shown)
}

/// Asks for the engines of a piece of the chosen runtimes, which the caller described as `shown`, to be replaced: each as [`restart`]
/// does, or as [`patch`] where there is a version.
///
/// # Errors
/// `invalid_request` for what is no version label; what the database answers, after which some may have been asked for.
pub async fn replace_many(
    app: &App,
    caller: &Caller<'_>,
    filter: &RuntimeFilter<'_>,
    shown: &Value,
    wanted: Wanted,
    version: Option<&str>,
) -> Result<Walked, Problem> {
    let version = version.map(engine_version::label).transpose();
    let version = version.map_err(|why| Problem::field("/version", "format", why))?;
    let mut tx = app.db.begin().await?;
    let piece = wanted.piece(&mut tx).await?;
    let games = db::runtime::replaceable(&mut tx, filter, &piece).await?;
    let mut detail = bulk::told(shown, &piece, &games);
    if let (Some(version), Some(members)) = (&version, detail.as_object_mut()) {
        members.insert("version".to_owned(), json!(version));
    }
    let action = if version.is_some() { "runtime.patch_many" } else { "runtime.restart_many" };
    caller.audit(&mut tx, action, "runtime", "many", detail).await?;
    tx.commit().await?;
    let version = version.as_deref();
    let does = |game_id| async move {
        match version {
            Some(version) => patch(app, caller, game_id, version).await.map(|_| true),
            None => restart(app, caller, game_id).await.map(|_| true),
        }
    };
    bulk::one_by_one(games, does).await
}

/// Asks for a turn now; the scheduled one after it is skipped.
///
/// # Errors
/// `runtime_not_found`, `game_state_conflict` where the game does not run, `runtime_busy`.
pub async fn force_next_turn(app: &App, caller: &Caller<'_>, game_id: GameId) -> Result<Shown, Problem> {
    let mut tx = app.db.begin().await?;
    let (game, record) = lock(&mut tx, game_id).await?;
    if game.status != GameStatus::Running {
        return Err(conflict(&game, "only a running game has a next turn"));
    }
    enqueue(&mut tx, caller, game_id, JobKind::ForceNextTurn, json!({})).await?;
    let detail = json!({ "turn": record.current_turn });
    caller.audit(&mut tx, "runtime.force-next-turn", "runtime", &game_id.to_string(), detail).await?;
    let shown = present(&mut tx, game_id).await?;
    tx.commit().await?;
    app.waker.wake(Topic::RuntimeJobs);
    Ok(shown)
}

/// Writes a job on a game that the caller has locked. Wake `Topic::RuntimeJobs` after the commit.
///
/// # Errors
/// `runtime_busy`.
pub(super) async fn enqueue(
    conn: &mut PgConnection,
    caller: &Caller<'_>,
    game_id: GameId,
    kind: JobKind,
    payload: Value,
) -> Result<(), Problem> {
    let job = NewJob {
        game_id,
        kind,
        payload,
        request_id: Some(caller.context.request_id.clone()),
        traceparent: caller.context.traceparent.clone(),
    };
    match db::runtime::enqueue_if_idle(conn, job).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(busy()),
        Err(error) if error.constraint() == Some("runtime_jobs_one_active_key") => Err(busy()),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn busy() -> Problem {
    Problem::new(ErrorCode::RuntimeBusy, "Another job on this game's runtime is under way.")
}

/// The game under its lock, and its runtime.
///
/// # Errors
/// `runtime_not_found`.
pub(super) async fn lock(conn: &mut PgConnection, game_id: GameId) -> Result<(LockedGame, RuntimeRecord), Problem> {
    let game = db::games::lock(&mut *conn, game_id).await?.ok_or_else(not_found)?;
    let record = db::runtime::record(conn, game_id).await?.ok_or_else(not_found)?;
    Ok((game, record))
}

/// There must be an engine whose place another can take.
fn replaceable(game: &LockedGame, record: &RuntimeRecord) -> Result<(), Problem> {
    let none = [RuntimeStatus::Stopped, RuntimeStatus::Removed, RuntimeStatus::Finished];
    if !matches!(game.status, GameStatus::Running | GameStatus::Paused) {
        return Err(conflict(game, "only a running or a paused game has an engine to replace"));
    }
    if game.pause_reason == Some(PauseReason::Stopped) || none.contains(&record.status) {
        return Err(conflict(game, "its container is stopped: force-start makes it anew"));
    }
    Ok(())
}

/// The game's state does not allow it.
pub(super) fn conflict(game: &LockedGame, why: &str) -> Problem {
    Problem::new(ErrorCode::GameStateConflict, format!("The game is {}: {why}.", game.status))
}

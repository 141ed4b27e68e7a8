//! Games that somebody ends before their engines do (SPEC §7): what follows, follows in `db::endings`, as when the sweeper ends one.

use serde_json::json;
use shared::db;
use shared::db::endings::{Ended, Ending};
use shared::db::games::{Game, LockedGame};
use shared::domain::game::{GameAction, GameStatus};
use shared::domain::text;
use shared::ids::GameId;
use shared::queue::wake::Topic;

use super::caller::Caller;
use super::change::{Change, standing};
use super::games::{Permit, lock_for, present};
use super::runtimes;
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// Characters of a reason.
const REASON_MAX: usize = 500;

/// Ends a game that has run, without winners. Ending it again answers it as it is: the first reason stands.
///
/// # Errors
/// `invalid_request` naming the reason, `game_not_found`, `not_game_owner`, `sanctioned`, `game_state_conflict` where it has not run or
/// its engine has ended it, `runtime_busy`.
pub async fn end(app: &App, caller: &Caller<'_>, game_id: GameId, reason: &str) -> Result<Game, Problem> {
    let reason =
        text::lines("the reason", reason, REASON_MAX).map_err(|fault| Problem::field("/reason", "value", fault))?;
    if reason.is_empty() {
        return Err(Problem::field("/reason", "value", "says nothing"));
    }
    let mut tx = app.db.begin().await?;
    let game = match lock_for(&mut tx, caller, game_id, GameAction::End).await? {
        Permit::Granted(game, _) => game,
        Permit::WrongState(game) => {
            let now = present(&mut tx, game_id).await?;
            return if now.end_reason.is_some() { Ok(now) } else { Err(not_now(&game)) };
        }
    };
    let ending = Ending {
        game_id,
        turn: game.current_turn.unsigned_abs(),
        reason: &reason,
        pending_registration_ttl: app.config.rules.pending_registration_ttl,
        request_id: Some(&caller.context.request_id),
        traceparent: caller.context.traceparent.as_deref(),
    };
    match db::endings::end(&mut tx, &ending).await? {
        Ended::Done => {}
        Ended::NotRun => return Err(not_now(&game)),
        Ended::Busy => {
            return Err(runtimes::busy());
        }
    }
    let ended = present(&mut tx, game_id).await?;
    let detail = json!({ "from": game.status, "to": GameStatus::Finished, "reason": reason });
    let (before, after) = (standing(game.status, game.pause_reason), standing(ended.status, ended.pause_reason));
    caller.audit(&mut tx, "game.end", "game", &game_id.to_string(), Change::of(detail, before, after)).await?;
    tx.commit().await?;
    for topic in [Topic::Notifications, Topic::RuntimeJobs] {
        app.waker.wake(topic);
    }
    Ok(ended)
}

fn not_now(game: &LockedGame) -> Problem {
    let status = game.status;
    let detail = match (status, game.started) {
        (GameStatus::Finished, _) => "The game is finished.".to_owned(),
        (_, false) => format!("The game is {status} and has not run: cancel it."),
        (_, true) => format!("The game is {status}: end is not possible now."),
    };
    Problem::new(ErrorCode::GameStateConflict, detail)
}

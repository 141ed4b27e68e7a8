//! What a member says to their game's engine, and reads from it (SPEC §9). No transaction is open while the engine is asked.

use serde_json::value::RawValue;
use shared::db;
use shared::db::memberships::Seat;
use shared::domain::excerpt::{SHORT, excerpt};
use shared::domain::game::GameStatus;
use shared::domain::runtime::RuntimeStatus;
use shared::engine_client::{EngineError, EngineFault, EngineTarget};
use shared::ids::{GameId, UserId};

use super::games::{game_not_found, visible};
use crate::app::App;
use crate::refusal::{ErrorCode, FieldError, Problem};

/// A member's race, and how to reach the engine, if it is up.
struct Place {
    seat: Seat,
    race_name: String,
    engine: Option<EngineTarget>,
}

async fn place(app: &App, game_id: GameId, user_id: UserId) -> Result<Place, Problem> {
    let mut conn = app.db.acquire().await?;
    let seat = db::memberships::seat(&mut conn, game_id, user_id).await?.ok_or_else(game_not_found)?;
    let Some(race_name) = seat.race_name.clone() else {
        visible(&mut conn, game_id, user_id).await?;
        return Err(Problem::new(ErrorCode::NotAMember, "The caller is no active member of this game."));
    };
    let engine = db::runtime::target(&mut conn, game_id).await?;
    Ok(Place { seat, race_name, engine })
}

/// The rules for commands and orders: the game runs, and its turn is open.
fn open_turn(seat: &Seat, turn: Option<i32>) -> Result<(), Problem> {
    match seat.status {
        GameStatus::Running => {}
        GameStatus::Paused => return Err(Problem::new(ErrorCode::GamePaused, "The game is paused.")),
        other => return Err(Problem::new(ErrorCode::GameNotRunning, format!("The game is {other}."))),
    }
    match seat.runtime_status {
        Some(RuntimeStatus::GenerationInProgress) => return Err(turn_closed()),
        // It is being replaced, and may answer already: what it took now could be lost with it.
        Some(RuntimeStatus::Starting) => return Err(away()),
        _ => {}
    }
    if turn.is_some_and(|turn| turn != seat.current_turn) {
        return Err(Problem::new(ErrorCode::TurnAlreadyClosed, format!("The current turn is {}.", seat.current_turn)));
    }
    Ok(())
}

fn turn_closed() -> Problem {
    Problem::new(ErrorCode::TurnAlreadyClosed, "The turn is being generated.")
}

fn away() -> Problem {
    Problem::new(ErrorCode::EngineUnreachable, "The game's engine does not answer; try again.")
        .retry_after(std::time::Duration::from_secs(2))
}

/// Sends commands, under the caller's race. `commands` passes unchanged, as does the answer.
///
/// # Errors
/// `game_not_found`, `not_a_member`, `game_not_running`, `game_paused`, `turn_already_closed`, `engine_unreachable`,
/// `engine_failed`, `engine_rejected`, `rate_limited` where the game or the caller has too many calls under way.
pub async fn commands(
    app: &App,
    game_id: GameId,
    user_id: UserId,
    commands: &RawValue,
) -> Result<Box<RawValue>, Problem> {
    let place = place(app, game_id, user_id).await?;
    open_turn(&place.seat, None)?;
    let engine = place.engine.ok_or_else(away)?;
    let _place = app.engine_places.take(game_id, user_id)?;
    let answer = app.engines.command(&engine, &place.race_name, commands).await;
    own(app, game_id, &engine, answer).await?.map_err(|error| refused(game_id, error))
}

/// Replaces the orders of the caller's race for the open turn. `orders` passes unchanged, as does the answer.
///
/// # Errors
/// As [`commands`].
pub async fn orders(
    app: &App,
    game_id: GameId,
    user_id: UserId,
    turn: i32,
    orders: &RawValue,
) -> Result<Box<RawValue>, Problem> {
    let place = place(app, game_id, user_id).await?;
    open_turn(&place.seat, Some(turn))?;
    let engine = place.engine.ok_or_else(away)?;
    let _place = app.engine_places.take(game_id, user_id)?;
    let answer = app.engines.order(&engine, &place.race_name, turn, orders).await;
    own(app, game_id, &engine, answer).await?.map_err(|error| refused(game_id, error))
}

/// The report of the caller's race on a turn: from the engine while it is up, from what was kept of a finished game.
///
/// # Errors
/// `game_not_found`, `not_a_member`, `game_not_running` before the first start, `report_not_found`, `engine_unreachable`,
/// `engine_failed`, `rate_limited`.
pub async fn report(app: &App, game_id: GameId, user_id: UserId, turn: i32) -> Result<Box<RawValue>, Problem> {
    let place = place(app, game_id, user_id).await?;
    let finished = place.seat.status == GameStatus::Finished;
    if place.seat.runtime_status.is_none() {
        return Err(Problem::new(ErrorCode::GameNotRunning, format!("The game is {}.", place.seat.status)));
    }
    if finished && let Some(report) = kept(app, game_id, &place.race_name, turn).await? {
        return Ok(report);
    }
    let asked = match &place.engine {
        Some(engine) => {
            let _place = app.engine_places.take(game_id, user_id)?;
            let answer = app.engines.report(engine, &place.race_name, turn).await;
            match own(app, game_id, engine, answer).await {
                Ok(answer) => answer,
                // Its game may have finished, and its container gone, while it answered.
                Err(gone) => return kept(app, game_id, &place.race_name, turn).await?.ok_or(gone),
            }
        }
        None if finished => return Err(no_report()),
        None => return Err(away()),
    };
    match asked {
        Ok(report) => Ok(report),
        Err(error) => {
            // A game may finish, and its container go, between the two looks: what was kept is there before it goes.
            // Whatever its code, but for those that say something else: it has no game, or no such race.
            let none = matches!(&error, EngineError::Problem { status: 404, code, .. }
                if !matches!(code.as_str(), "game_not_initialised" | "race_not_found"));
            if !none && let Some(report) = kept(app, game_id, &place.race_name, turn).await? {
                return Ok(report);
            }
            Err(if none { no_report() } else { refused(game_id, error) })
        }
    }
}

/// Throws an answer away that may be another engine's: the game's own was seen gone, or replaced, while it was asked (SPEC §8). Where
/// nobody answered, or not as the game's engine, there is nothing to throw away.
async fn own<T>(
    app: &App,
    game_id: GameId,
    asked: &EngineTarget,
    answer: Result<T, EngineError>,
) -> Result<Result<T, EngineError>, Problem> {
    if answer.as_ref().is_err_and(|error| error.is_absence() || error.is_elsewhere()) {
        return Ok(answer);
    }
    let now = db::runtime::target(&mut *app.db.acquire().await?, game_id).await?;
    if now.is_some_and(|now| now.is(asked)) {
        return Ok(answer);
    }
    tracing::warn!(%game_id, "the engine was replaced while it was asked: its answer is thrown away");
    Err(away())
}

async fn kept(app: &App, game_id: GameId, race_name: &str, turn: i32) -> Result<Option<Box<RawValue>>, Problem> {
    let mut conn = app.db.acquire().await?;
    Ok(db::runtime::kept_report(&mut conn, game_id, race_name, turn).await?)
}

fn no_report() -> Problem {
    Problem::new(ErrorCode::ReportNotFound, "There is no report for this turn.")
}

/// The engine's own errors, as far as our callers tell them apart. `docs/engine-answers.md` has the table.
fn refused(game_id: GameId, error: EngineError) -> Problem {
    let (status, code, detail, errors) = match error {
        EngineError::Problem { status: 429 | 503, retry_after, .. } => {
            tracing::warn!(%game_id, error = excerpt(&error.to_string(), SHORT), "an engine is busy");
            return retry_after.map_or_else(away, |after| away().retry_after(after));
        }
        // Somebody else has its address, or its token is new: the controller looks after it.
        EngineError::Problem { status: 401, .. } | EngineError::OtherGame(_) => {
            tracing::error!(%game_id, error = excerpt(&error.to_string(), SHORT), "not the game's engine answered");
            return away();
        }
        EngineError::Unreachable(_) | EngineError::Timeout => {
            tracing::warn!(%game_id, %error, "an engine did not answer");
            return away();
        }
        EngineError::NoRoom => {
            tracing::warn!(%game_id, %error, "an engine's answer was not read");
            return away();
        }
        EngineError::BadAnswer(_) => {
            tracing::error!(%game_id, error = excerpt(&error.to_string(), SHORT), "an engine answered badly");
            return failed("Its answer was not to its contract.");
        }
        EngineError::Problem { status, code, detail, errors, .. } => (status, code, detail, errors),
    };
    match (status, code.as_str()) {
        (409, "turn_already_closed" | "turn_mismatch") => turn_closed(),
        (409, "game_finished") => Problem::new(ErrorCode::GameNotRunning, "The game is finished."),
        (400 | 409 | 413 | 422, _) | (404, "race_not_found") => rejected(code, detail, errors),
        _ => {
            // It refuses its platform, does not know its game, or broke: nothing that the caller can mend.
            tracing::error!(%game_id, status, code, detail = excerpt(&detail, SHORT), "an engine failed");
            failed(&format!("It said {status} {code}."))
        }
    }
}

fn failed(what: &str) -> Problem {
    Problem::new(ErrorCode::EngineFailed, format!("The game's engine failed. {what}"))
}

/// The engine's validation errors under its own names (SPEC §9), cut to size at the door.
fn rejected(code: String, detail: String, errors: Vec<EngineFault>) -> Problem {
    let fault = |fault: EngineFault| FieldError { pointer: fault.pointer, code: fault.code, detail: fault.detail };
    let mut errors: Vec<FieldError> = errors.into_iter().map(fault).collect();
    if errors.is_empty() {
        errors.push(FieldError { pointer: String::new(), code, detail: detail.clone() });
    }
    let detail = if detail.is_empty() { "The engine refused the content.".to_owned() } else { detail };
    let mut problem = Problem::new(ErrorCode::EngineRejected, detail);
    problem.errors = errors;
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(status: GameStatus, runtime_status: Option<RuntimeStatus>) -> Seat {
        Seat { status, current_turn: 3, race_name: None, runtime_status }
    }

    fn code(result: Result<(), Problem>) -> Option<ErrorCode> {
        result.err().map(|p| p.code)
    }

    #[test]
    fn orders_are_for_the_open_turn_of_a_running_game() {
        use {GameStatus as G, RuntimeStatus as R};
        assert_eq!(code(open_turn(&seat(G::Running, Some(R::Running)), Some(3))), None);
        assert_eq!(code(open_turn(&seat(G::Running, Some(R::EngineUnreachable)), None)), None);
        assert_eq!(code(open_turn(&seat(G::Running, Some(R::Running)), Some(2))), Some(ErrorCode::TurnAlreadyClosed));
        assert_eq!(
            code(open_turn(&seat(G::Running, Some(R::GenerationInProgress)), None)),
            Some(ErrorCode::TurnAlreadyClosed)
        );
        assert_eq!(code(open_turn(&seat(G::Running, Some(R::Starting)), Some(3))), Some(ErrorCode::EngineUnreachable));
        assert_eq!(code(open_turn(&seat(G::Paused, Some(R::Running)), Some(3))), Some(ErrorCode::GamePaused));
        assert_eq!(code(open_turn(&seat(G::Starting, None), None)), Some(ErrorCode::GameNotRunning));
    }

    #[test]
    fn the_engines_words_pass_through() {
        let game = GameId::from(uuid::Uuid::from_u128(1));
        let problem = |status, code: &str, detail: &str| {
            let fault =
                EngineFault { pointer: "/orders/0/type".into(), code: "unknown_type".into(), detail: "d".into() };
            let errors = if code == "invalid_order" { vec![fault] } else { Vec::new() };
            let (code, detail) = (code.into(), detail.into());
            refused(game, EngineError::Problem { status, code, detail, errors, retry_after: None })
        };
        let refused_order = problem(422, "invalid_order", "no");
        assert_eq!((refused_order.code, refused_order.detail.as_str()), (ErrorCode::EngineRejected, "no"));
        assert_eq!(
            (refused_order.errors[0].pointer.as_str(), refused_order.errors[0].code.as_str()),
            ("/orders/0/type", "unknown_type")
        );
        assert_eq!(problem(409, "race_extinct", "gone").errors[0].code, "race_extinct");
        assert_eq!(problem(409, "turn_already_closed", "").code, ErrorCode::TurnAlreadyClosed);
    }

    #[test]
    fn an_engine_that_answers_badly_is_told_from_one_that_does_not_answer() {
        let game = GameId::from(uuid::Uuid::from_u128(1));
        let problem = |status| {
            let (code, detail, after) = ("c".to_owned(), "secret".to_owned(), Some(std::time::Duration::from_secs(70)));
            EngineError::Problem { status, code, detail, errors: Vec::new(), retry_after: after }
        };
        for status in [302, 403, 404, 405, 418, 500, 502, 504] {
            let told = refused(game, problem(status));
            assert_eq!(told.code, ErrorCode::EngineFailed, "{status}");
            assert!(!told.detail.contains("secret"), "what breaks is not for players: {}", told.detail);
        }
        assert_eq!(refused(game, EngineError::BadAnswer("x".into())).code, ErrorCode::EngineFailed);
        let unreachable = EngineError::Unreachable("x".into());
        for error in
            [EngineError::Timeout, EngineError::NoRoom, unreachable, EngineError::OtherGame(game), problem(401)]
        {
            assert_eq!(refused(game, error).code, ErrorCode::EngineUnreachable);
        }
        for status in [429, 503] {
            let told = refused(game, problem(status));
            let after = told.retry_after.map(|after| after.as_secs());
            assert_eq!((told.code, after), (ErrorCode::EngineUnreachable, Some(70)), "it says itself when it is back");
        }
    }
}

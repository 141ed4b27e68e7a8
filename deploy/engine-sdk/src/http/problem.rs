//! Errors as problem details (RFC 9457): every error that reaches routing, the framework's own included.

use poem::http::StatusCode;
use poem::{IntoResponse, Response};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object};
use serde_json::json;

use crate::engine::Failure;
use crate::log;
use crate::refusal::{Fault, Refusal};

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Characters of a `detail`. What is longer than this and the following, the platform would cut on its way.
const MAX_DETAIL: usize = 1_000;
/// Characters of a `pointer`.
const MAX_POINTER: usize = 512;
/// Characters of an item's `code`.
const MAX_CODE: usize = 64;
/// The items of one problem.
const MAX_ERRORS: usize = 100;
/// What the platform reads where a code is none.
const NO_CODE: &str = "engine_error";

/// Stable machine words for what went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Code {
    /// The body is not the JSON object that the call takes.
    MalformedRequest,
    /// A query parameter is missing or cannot be read.
    InvalidParameter,
    /// The bearer token is missing or wrong.
    Unauthorized,
    /// There is no such path.
    NotFound,
    /// `init` has not happened yet.
    GameNotInitialised,
    /// No race of that name plays.
    RaceNotFound,
    /// There is no report for that turn.
    ReportNotFound,
    /// The path takes another method.
    MethodNotAllowed,
    /// `init` came before, with other races or settings.
    AlreadyInitialised,
    /// The engine runs another game.
    WrongGame,
    /// `expected_turn` is neither the current turn nor the one before.
    TurnMismatch,
    /// The orders are for another turn than the current one.
    TurnAlreadyClosed,
    /// The game is over.
    GameFinished,
    /// The race is out of the game.
    RaceExtinct,
    /// The body is too large.
    PayloadTooLarge,
    /// The body is not declared as JSON.
    UnsupportedMediaType,
    /// `init` holds names or settings that cannot be used; `errors` says which.
    InvalidInit,
    /// Orders that the rules refuse; `errors` says which.
    InvalidOrder,
    /// Commands that the rules refuse; `errors` says which.
    InvalidCommand,
    /// The engine failed; asking again may help.
    InternalError,
}

/// One thing that is wrong with the request.
#[derive(Debug, Clone, Object)]
pub struct ProblemItem {
    /// Where, as a JSON pointer into the body.
    pub pointer: String,
    /// The name of the rule that is broken: the engine's own words.
    pub code: String,
    /// The same for people.
    pub detail: String,
}

/// An error (RFC 9457).
#[derive(Debug, Clone, Object)]
pub struct Problem {
    /// `about:blank`: the status and the code say it all.
    #[oai(rename = "type")]
    pub type_: String,
    /// The name of the status.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong, for people.
    pub detail: String,
    /// What went wrong, for machines.
    pub code: Code,
    /// What is wrong with the request, one by one.
    #[oai(default, skip_serializing_if_is_empty)]
    pub errors: Vec<ProblemItem>,
}

impl Problem {
    /// A problem without items.
    #[must_use]
    pub fn new(status: StatusCode, code: Code, detail: impl Into<String>) -> Self {
        Self {
            type_: "about:blank".into(),
            title: status.canonical_reason().unwrap_or("Error").into(),
            status: status.as_u16(),
            detail: line(&detail.into(), MAX_DETAIL),
            code,
            errors: Vec::new(),
        }
    }

    /// A problem of a request, with what is wrong in it.
    fn of(code: Code, detail: &str, faults: Vec<Fault>) -> Self {
        let errors = faults.into_iter().take(MAX_ERRORS).map(ProblemItem::from).collect();
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail) }
    }

    /// The problem as a response of its own, for errors outside the documented operations.
    #[must_use]
    pub fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Json(self).into_response();
        response.set_status(status);
        response.headers_mut().insert("content-type", poem::http::HeaderValue::from_static(PROBLEM_JSON));
        response
    }
}

/// The errors that an operation answers.
#[derive(Debug, ApiResponse)]
pub enum ErrorResponse {
    /// The request cannot be read.
    #[oai(status = 400, content_type = "application/problem+json")]
    BadRequest(Json<Problem>),
    /// The bearer token is missing or wrong.
    #[oai(status = 401, content_type = "application/problem+json")]
    Unauthorized(Json<Problem>),
    /// There is no such thing here.
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Problem>),
    /// The game is in another state than the request needs.
    #[oai(status = 409, content_type = "application/problem+json")]
    Conflict(Json<Problem>),
    /// The body is too large.
    #[oai(status = 413, content_type = "application/problem+json")]
    TooLarge(Json<Problem>),
    /// The body is not declared as JSON.
    #[oai(status = 415, content_type = "application/problem+json")]
    NotJson(Json<Problem>),
    /// The rules refuse the content of the request.
    #[oai(status = 422, content_type = "application/problem+json")]
    Unprocessable(Json<Problem>),
    /// The engine failed; asking again may help.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Problem>),
}

impl From<Failure> for ErrorResponse {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => refusal.into(),
            Failure::Storage(error) => {
                log::line("error", "a call failed", &json!({"error": error.to_string()}));
                internal()
            }
        }
    }
}

/// An answer that reveals nothing.
#[must_use]
pub fn internal() -> ErrorResponse {
    let detail = "the engine could not do this now";
    ErrorResponse::Internal(Json(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, Code::InternalError, detail)))
}

impl From<Refusal> for ErrorResponse {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        let not_found = |code| Self::NotFound(Json(Problem::new(StatusCode::NOT_FOUND, code, &detail)));
        let conflict = |code| Self::Conflict(Json(Problem::new(StatusCode::CONFLICT, code, &detail)));
        let invalid = |code, faults| Self::Unprocessable(Json(Problem::of(code, &detail, faults)));
        match refusal {
            Refusal::NotInitialised => not_found(Code::GameNotInitialised),
            Refusal::UnknownRace => not_found(Code::RaceNotFound),
            Refusal::NoReport(_) => not_found(Code::ReportNotFound),
            Refusal::Failed(_) => {
                let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, Code::InternalError, &detail);
                log::line("error", "the game failed", &json!({"error": &problem.detail}));
                Self::Internal(Json(problem))
            }
            Refusal::AlreadyInitialised => conflict(Code::AlreadyInitialised),
            Refusal::WrongGame(_) => conflict(Code::WrongGame),
            Refusal::TurnMismatch { .. } => conflict(Code::TurnMismatch),
            Refusal::TurnAlreadyClosed { .. } => conflict(Code::TurnAlreadyClosed),
            Refusal::GameFinished => conflict(Code::GameFinished),
            Refusal::RaceExtinct => conflict(Code::RaceExtinct),
            Refusal::InvalidInit(faults) => invalid(Code::InvalidInit, faults),
            Refusal::InvalidOrders(faults) => invalid(Code::InvalidOrder, faults),
            Refusal::InvalidCommands(faults) => invalid(Code::InvalidCommand, faults),
        }
    }
}

impl From<Fault> for ProblemItem {
    fn from(fault: Fault) -> Self {
        let is_code = (1..=MAX_CODE).contains(&fault.code.len())
            && fault.code.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        Self {
            pointer: line(&fault.pointer, MAX_POINTER),
            code: if is_code { fault.code } else { NO_CODE }.to_owned(),
            detail: line(&fault.detail, MAX_DETAIL),
        }
    }
}

/// A text as one line of at most `max` characters; `…` is the last one where something was left out.
fn line(text: &str, max: usize) -> String {
    let plain = |character: char| if character.is_control() { ' ' } else { character };
    let mut line: String = text.chars().map(plain).take(max).collect();
    if text.chars().nth(max).is_some() {
        line.pop();
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(text: &str) -> usize {
        text.chars().count()
    }

    #[test]
    fn a_problem_keeps_to_the_limits_whatever_the_game_says() {
        let long = "ü\u{0}\n".repeat(10_000);
        let fault = Fault::new("Not a code", long.clone()).at(format!("/orders/{long}"));
        let ErrorResponse::Unprocessable(Json(problem)) = Refusal::InvalidOrders(vec![fault; 300]).into() else {
            panic!("orders are refused with 422")
        };
        assert_eq!(problem.errors.len(), MAX_ERRORS);
        for item in &problem.errors {
            assert_eq!((length(&item.pointer), length(&item.detail)), (MAX_POINTER, MAX_DETAIL));
            assert_eq!(item.code, NO_CODE);
            assert!(!item.detail.chars().any(char::is_control) && item.detail.ends_with('…'), "{}", item.detail);
        }
        let ErrorResponse::Internal(Json(problem)) = Refusal::Failed(long).into() else { panic!("a failure is a 500") };
        assert_eq!(length(&problem.detail), MAX_DETAIL);
    }

    #[test]
    fn what_is_within_the_limits_is_said_as_it_is() {
        let longest = "ü".repeat(MAX_DETAIL);
        let code: &'static str = "a_code_of_64_characters_a_code_of_64_characters_a_code_of_64_ch_";
        let item = ProblemItem::from(Fault::new(code, longest.clone()).at("/orders/0"));
        assert_eq!((item.pointer.as_str(), item.code.as_str(), item.detail), ("/orders/0", code, longest));
        for odd in ["", "A", "a-b", "a_code_of_64_characters_a_code_of_64_characters_a_code_of_64_ch_1"] {
            assert_eq!(ProblemItem::from(Fault::new(odd, "")).code, NO_CODE);
        }
    }
}

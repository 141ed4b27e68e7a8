//! The operations of the engine API. This code is the source of `deploy/engine/openapi.json`.

use std::sync::Arc;

use poem::Request;
use poem::http::StatusCode;
use poem_openapi::auth::Bearer;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{OpenApi, SecurityScheme, Tags};
use serde_json::Value;

use super::dto::{BanishRequest, CommandRequest, GameStatus, Health, InitRequest, OrderRequest, Taken, TurnRequest};
use super::problem::{Code, ErrorResponse, Problem, internal};
use crate::engine::{Engine, Failure, Standing};
use crate::game::{Beginning, Game};
use crate::settings::Token;

/// The platform, known by `GALAXY_ENGINE_TOKEN`.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", rename = "engine_token", checker = "admit")]
pub(super) struct Platform(());

#[expect(clippy::unused_async, reason = "the signature that poem-openapi calls")]
async fn admit(request: &Request, bearer: Bearer) -> Option<()> {
    request.data::<Token>().is_some_and(|token| token.matches(&bearer.token)).then_some(())
}

/// Who calls.
#[derive(Tags)]
enum Caller {
    /// The platform, to run the game.
    Platform,
    /// The platform, on behalf of a player.
    Player,
}

/// The engine of any game, as the operations call it.
pub(super) trait Calls: Send + Sync + 'static {
    fn is_healthy(&self) -> bool;
    fn init(&self, begin: &Beginning) -> Result<Standing, Failure>;
    fn status(&self) -> Result<Standing, Failure>;
    fn close_turn(&self, expected: u32) -> Result<Standing, Failure>;
    fn banish(&self, race_name: &str) -> Result<Standing, Failure>;
    fn command(&self, race_name: &str, commands: &[Value]) -> Result<u32, Failure>;
    fn order(&self, race_name: &str, turn: u32, orders: &[Value]) -> Result<u32, Failure>;
    fn report(&self, race_name: &str, turn: u32) -> Result<Value, Failure>;
}

impl<G: Game> Calls for Engine<G> {
    fn is_healthy(&self) -> bool {
        Self::is_healthy(self)
    }
    fn init(&self, begin: &Beginning) -> Result<Standing, Failure> {
        Self::init(self, begin)
    }
    fn status(&self) -> Result<Standing, Failure> {
        Self::status(self)
    }
    fn close_turn(&self, expected: u32) -> Result<Standing, Failure> {
        Self::close_turn(self, expected)
    }
    fn banish(&self, race_name: &str) -> Result<Standing, Failure> {
        Self::banish(self, race_name)
    }
    fn command(&self, race_name: &str, commands: &[Value]) -> Result<u32, Failure> {
        Self::command(self, race_name, commands)
    }
    fn order(&self, race_name: &str, turn: u32, orders: &[Value]) -> Result<u32, Failure> {
        Self::order(self, race_name, turn, orders)
    }
    fn report(&self, race_name: &str, turn: u32) -> Result<Value, Failure> {
        Self::report(self, race_name, turn)
    }
}

/// The engine API.
pub(super) struct EngineApi {
    /// The one game.
    pub(super) engine: Option<Arc<dyn Calls>>,
}

type Answer<T> = Result<Json<T>, ErrorResponse>;

impl EngineApi {
    /// Runs a call where it may block. It runs to its end even if the caller hangs up meanwhile, so that memory never
    /// falls behind the disk.
    async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Calls) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, ErrorResponse> {
        let engine = self.engine.clone().ok_or_else(internal)?;
        let done = tokio::task::spawn_blocking(move || call(&*engine)).await;
        Ok(done.map_err(|_| internal())??)
    }
}

#[OpenApi]
impl EngineApi {
    /// Whether the engine is alive.
    ///
    /// The only call that needs no token. Answers as soon as the engine can take calls.
    #[oai(path = "/healthz", method = "get", operation_id = "healthz", tag = "Caller::Platform")]
    async fn healthz(&self) -> Answer<Health> {
        match &self.engine {
            Some(engine) if engine.is_healthy() => Ok(Json(Health { status: "ok".into() })),
            _ => Err(internal()),
        }
    }

    /// Begin the game.
    ///
    /// Sets turn 0. The same request again answers the status; one with other races or settings is refused with 409.
    #[oai(path = "/api/v1/admin/init", method = "post", operation_id = "init", tag = "Caller::Platform")]
    async fn init(&self, _platform: Platform, body: Json<InitRequest>) -> Answer<GameStatus> {
        let InitRequest { game_id, races, settings } = body.0;
        let races = races.into_iter().map(|race| race.race_name).collect();
        let begin = Beginning { game_id, races, settings: settings.into_iter().collect() };
        Ok(Json(self.run(move |engine| engine.init(&begin)).await?.into()))
    }

    /// Where the game stands.
    ///
    /// 404 `game_not_initialised` before `init`.
    #[oai(path = "/api/v1/admin/status", method = "get", operation_id = "status", tag = "Caller::Platform")]
    async fn status(&self, _platform: Platform) -> Answer<GameStatus> {
        Ok(Json(self.run(|engine| engine.status()).await?.into()))
    }

    /// Close a turn and make the next one.
    ///
    /// An engine at `expected_turn` generates and answers with the next turn. One that is past it by one answers its
    /// status and generates nothing: the caller missed the answer. Anything else is 409 `turn_mismatch`. The answer
    /// comes when the new state is on disk.
    #[oai(path = "/api/v1/admin/turn", method = "put", operation_id = "turn", tag = "Caller::Platform")]
    async fn turn(&self, _platform: Platform, body: Json<TurnRequest>) -> Answer<GameStatus> {
        Ok(Json(self.run(move |engine| engine.close_turn(body.0.expected_turn)).await?.into()))
    }

    /// Remove a race from the game.
    ///
    /// Its race is extinct at once. Banishing it again answers the status.
    #[oai(path = "/api/v1/admin/race/banish", method = "post", operation_id = "banish", tag = "Caller::Platform")]
    async fn banish(&self, _platform: Platform, body: Json<BanishRequest>) -> Answer<GameStatus> {
        Ok(Json(self.run(move |engine| engine.banish(&body.0.race_name)).await?.into()))
    }

    /// Carry out a race's commands at once.
    ///
    /// All or none.
    #[oai(path = "/api/v1/command", method = "put", operation_id = "command", tag = "Caller::Player")]
    async fn command(&self, _platform: Platform, body: Json<CommandRequest>) -> Answer<Taken> {
        let CommandRequest { race_name, commands } = body.0;
        let accepted = u32::try_from(commands.len()).unwrap_or(u32::MAX);
        let turn = self.run(move |engine| engine.command(&race_name, &commands)).await?;
        Ok(Json(Taken { turn, accepted }))
    }

    /// Take a race's orders for the current turn, in place of its earlier ones, all or none.
    ///
    /// Orders for another turn are refused with 409 `turn_already_closed`, for a finished game with `game_finished`.
    #[oai(path = "/api/v1/order", method = "put", operation_id = "order", tag = "Caller::Player")]
    async fn order(&self, _platform: Platform, body: Json<OrderRequest>) -> Answer<Taken> {
        let OrderRequest { race_name, turn, orders } = body.0;
        let accepted = u32::try_from(orders.len()).unwrap_or(u32::MAX);
        let turn = self.run(move |engine| engine.order(&race_name, turn, &orders)).await?;
        Ok(Json(Taken { turn, accepted }))
    }

    /// A race's report on a turn.
    ///
    /// On the current turn or any earlier one: JSON that only the engine and its clients understand.
    #[oai(path = "/api/v1/report", method = "get", operation_id = "report", tag = "Caller::Player")]
    async fn report(
        &self,
        _platform: Platform,
        /// The race's name.
        race_name: Query<String>,
        /// The turn.
        turn: Query<u32>,
    ) -> Answer<Value> {
        Ok(Json(self.run(move |engine| engine.report(&race_name.0, turn.0)).await?))
    }
}

/// A problem for an error of the framework's own.
pub(super) fn framework_problem(error: &poem::Error) -> Problem {
    use poem_openapi::error::{AuthorizationError, ContentTypeError, ParseParamError, ParseRequestPayloadError};
    let status = error.status();
    if error.is::<AuthorizationError>() {
        Problem::new(status, Code::Unauthorized, "a bearer token is needed, the one in GALAXY_ENGINE_TOKEN")
    } else if error.is::<ParseRequestPayloadError>() {
        Problem::new(status, Code::MalformedRequest, error.to_string())
    } else if error.is::<ParseParamError>() {
        Problem::new(status, Code::InvalidParameter, error.to_string())
    } else if error.is::<ContentTypeError>() {
        Problem::new(status, Code::UnsupportedMediaType, error.to_string())
    } else {
        match status {
            StatusCode::NOT_FOUND => Problem::new(status, Code::NotFound, "there is no such path"),
            StatusCode::METHOD_NOT_ALLOWED => {
                Problem::new(status, Code::MethodNotAllowed, "the path takes another method")
            }
            StatusCode::PAYLOAD_TOO_LARGE => Problem::new(status, Code::PayloadTooLarge, "the body is too large"),
            _ if status.is_client_error() => Problem::new(status, Code::MalformedRequest, error.to_string()),
            _ => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, Code::InternalError, "the engine failed"),
        }
    }
}

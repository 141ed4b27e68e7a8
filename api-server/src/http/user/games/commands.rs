//! `POST /user/games/{game_id}/commands`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, types::Any};
use serde_json::Value;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::opaque::OpaqueJson;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::request::raw::{RawArray, RawBody};
use crate::use_cases::caller::User;
use crate::use_cases::play;

/// Commands, in the engine's own language.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct Commands {
    /// JSON that only the engine understands.
    pub commands: Vec<Any<Value>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent<'a> {
    #[serde(borrow)]
    commands: RawArray<'a>,
}

codes!(SendCommandsCodes:
    GameNotFound, NotAMember, GameNotRunning, GamePaused, TurnAlreadyClosed, EngineRejected, EngineFailed,
    EngineUnreachable, RateLimited
);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Send commands to the engine
    ///
    /// Carried out at once, under the race of the caller's membership. Commands and the answer are the engine's own JSON and pass
    /// unchanged.
    #[oai(path = "/user/games/:game_id/commands", method = "post", operation_id = "send_commands")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user: User,
        game_id: Path<Uuid>,
        body: RawBody<Commands>,
    ) -> Result<OpaqueJson, Fail<SendCommandsCodes>> {
        let sent: Sent<'_> = body.read()?;
        Ok(OpaqueJson(play::commands(&app, game_id.0.into(), user.id, sent.commands.0).await?))
    }
}

//! `POST /admin/runtimes/{game_id}/accept-turn`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::runtimes::{AcceptTurn, Runtime};
use crate::http::request::body::Body;
use crate::use_cases::amends;
use crate::use_cases::caller::{Admin, Caller, Context};

codes!(AdminAcceptTurnCodes: RuntimeNotFound, GameStateConflict, RuntimeBusy, EngineFailed, EngineUnreachable);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Accept the engine's turn
    ///
    /// For a game whose record and engine stand at different turns, as after the database was restored from a backup behind the engines:
    /// `turn` is the game's turn from now on, whichever way it differs. The game must be paused, or its start have failed. Where the
    /// engine is up it is asked, and must stand at `turn`; where it is not, the next start refuses an engine that stands elsewhere. The
    /// members are told of the turn. The game stays paused: resume it then.
    #[oai(path = "/admin/runtimes/:game_id/accept-turn", method = "post", operation_id = "admin_accept_turn")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        game_id: Path<Uuid>,
        body: Body<AcceptTurn>,
    ) -> Result<Json<Runtime>, Fail<AdminAcceptTurnCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(amends::accept_turn(&app, &caller, game_id.0.into(), body.turn).await?.into()))
    }
}

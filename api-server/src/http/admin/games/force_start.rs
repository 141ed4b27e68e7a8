//! `POST /admin/games/{game_id}/force-start`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use shared::domain::game::GameAction;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::games::Game;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::transitions::transition;

codes!(AdminForceStartGameCodes: GameNotFound, GameStateConflict, EngineVersionDisabled, RuntimeBusy);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Start a game by force
    ///
    /// From `ready_to_start`, `start_failed` and `paused`, whoever runs the game and however few members it has. A game that ran goes on
    /// on its kept state: the container is made anew, with the game's present `target_engine_version`.
    #[oai(path = "/admin/games/:game_id/force-start", method = "post", operation_id = "admin_force_start_game")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        game_id: Path<Uuid>,
    ) -> Result<Json<Game>, Fail<AdminForceStartGameCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(transition(&app, &caller, game_id.0.into(), GameAction::ForceStart).await?.into()))
    }
}

//! `POST /admin/games/{game_id}/start`

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

codes!(AdminStartGameCodes:
    GameNotFound, NotGameOwner, GameStateConflict, NotEnoughPlayers, EngineVersionDisabled, RuntimeBusy
);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Start a game
    ///
    /// The game is `starting` until its engine is up, then `running`, or `start_failed`.
    #[oai(path = "/admin/games/:game_id/start", method = "post", operation_id = "admin_start_game")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        game_id: Path<Uuid>,
    ) -> Result<Json<Game>, Fail<AdminStartGameCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(transition(&app, &caller, game_id.0.into(), GameAction::Start).await?.into()))
    }
}

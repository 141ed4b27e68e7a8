//! `POST /admin/games/{game_id}/force-stop`

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

codes!(AdminForceStopGameCodes: GameNotFound, GameStateConflict, RuntimeBusy);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Stop a game's engine by force
    ///
    /// The game is `paused` with the reason `stopped`. A turn that is being generated is let end; then the container goes, and its state
    /// is kept. Now `target_engine_version` may be changed, and `force-start` brings the game back.
    #[oai(path = "/admin/games/:game_id/force-stop", method = "post", operation_id = "admin_force_stop_game")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        game_id: Path<Uuid>,
    ) -> Result<Json<Game>, Fail<AdminForceStopGameCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(transition(&app, &caller, game_id.0.into(), GameAction::ForceStop).await?.into()))
    }
}

//! `POST /admin/games/{game_id}/ready-to-start`

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

codes!(AdminReadyToStartGameCodes: GameNotFound, NotGameOwner, GameStateConflict, NotEnoughPlayers);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// End enrolment
    ///
    /// The game needs `min_players` members. Open applications and invites are closed.
    #[oai(path = "/admin/games/:game_id/ready-to-start", method = "post", operation_id = "admin_ready_to_start_game")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        game_id: Path<Uuid>,
    ) -> Result<Json<Game>, Fail<AdminReadyToStartGameCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(transition(&app, &caller, game_id.0.into(), GameAction::ReadyToStart).await?.into()))
    }
}

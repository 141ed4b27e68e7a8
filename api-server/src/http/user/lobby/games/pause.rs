//! `POST /user/lobby/games/{game_id}/pause`

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
use crate::use_cases::caller::{Caller, Context, User};
use crate::use_cases::transitions::transition;

codes!(PauseLobbyGameCodes: GameNotFound, NotGameOwner, Sanctioned, GameStateConflict);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Pause a game
    ///
    /// No turn is generated until it is resumed; a generation under way is finished.
    #[oai(path = "/user/lobby/games/:game_id/pause", method = "post", operation_id = "pause_lobby_game")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        user: User,
        game_id: Path<Uuid>,
    ) -> Result<Json<Game>, Fail<PauseLobbyGameCodes>> {
        let caller = Caller::user(&user, &context);
        Ok(Json(transition(&app, &caller, game_id.0.into(), GameAction::Pause).await?.into()))
    }
}

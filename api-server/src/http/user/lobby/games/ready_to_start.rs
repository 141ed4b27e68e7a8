//! `POST /user/lobby/games/{game_id}/ready-to-start`

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

codes!(ReadyToStartLobbyGameCodes: GameNotFound, NotGameOwner, Sanctioned, GameStateConflict, NotEnoughPlayers);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// End enrolment
    ///
    /// The game needs `min_players` members. Open applications and invites are closed.
    #[oai(
        path = "/user/lobby/games/:game_id/ready-to-start",
        method = "post",
        operation_id = "ready_to_start_lobby_game"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        user: User,
        game_id: Path<Uuid>,
    ) -> Result<Json<Game>, Fail<ReadyToStartLobbyGameCodes>> {
        let caller = Caller::user(&user, &context);
        Ok(Json(transition(&app, &caller, game_id.0.into(), GameAction::ReadyToStart).await?.into()))
    }
}

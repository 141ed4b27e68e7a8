//! `GET /user/lobby/games/{game_id}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::games::Game;
use crate::use_cases::caller::User;
use crate::use_cases::games;

codes!(GetLobbyGameCodes: GameNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Get a game
    ///
    /// A game that the caller may not see does not exist for them.
    #[oai(path = "/user/lobby/games/:game_id", method = "get", operation_id = "get_lobby_game")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user: User,
        game_id: Path<Uuid>,
    ) -> Result<Json<Game>, Fail<GetLobbyGameCodes>> {
        let mut conn = app.db.acquire().await?;
        Ok(Json(games::visible(&mut conn, game_id.0.into(), user.id).await?.into()))
    }
}

//! `GET /admin/games/{game_id}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use shared::db;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::games::Game;
use crate::use_cases::games;

codes!(AdminGetGameCodes: GameNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Get a game
    ///
    /// Any game, private ones too.
    #[oai(path = "/admin/games/:game_id", method = "get", operation_id = "admin_get_game")]
    async fn call(&self, app: Data<&Arc<App>>, game_id: Path<Uuid>) -> Result<Json<Game>, Fail<AdminGetGameCodes>> {
        let mut conn = app.db.acquire().await?;
        let game = db::games::get(&mut conn, game_id.0.into()).await?;
        Ok(Json(game.ok_or_else(games::game_not_found)?.into()))
    }
}

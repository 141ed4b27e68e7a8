//! `GET /admin/games/{game_id}/applications/{application_id}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use shared::db;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::applications::Application;
use crate::use_cases::{applications, games};

codes!(AdminGetApplicationCodes: GameNotFound, ApplicationNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Get an application
    ///
    /// As it is now, whatever became of it.
    #[oai(
        path = "/admin/games/:game_id/applications/:application_id",
        method = "get",
        operation_id = "admin_get_application"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        game_id: Path<Uuid>,
        application_id: Path<Uuid>,
    ) -> Result<Json<Application>, Fail<AdminGetApplicationCodes>> {
        let mut conn = app.db.acquire().await?;
        let game = db::games::get(&mut conn, game_id.0.into()).await?.ok_or_else(games::game_not_found)?;
        Ok(Json(applications::get(&mut conn, game.game_id, application_id.0.into()).await?.into()))
    }
}

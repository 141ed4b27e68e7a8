//! `GET /user/lobby/games/{game_id}/applications/{application_id}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::applications::Application;
use crate::use_cases::applications;
use crate::use_cases::caller::User;

codes!(GetApplicationCodes: GameNotFound, ApplicationNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Get an application
    ///
    /// For its applicant and for the owner of the game.
    #[oai(
        path = "/user/lobby/games/:game_id/applications/:application_id",
        method = "get",
        operation_id = "get_application"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user: User,
        game_id: Path<Uuid>,
        application_id: Path<Uuid>,
    ) -> Result<Json<Application>, Fail<GetApplicationCodes>> {
        let mut conn = app.db.acquire().await?;
        Ok(Json(applications::see(&mut conn, user.id, game_id.0.into(), application_id.0.into()).await?.into()))
    }
}

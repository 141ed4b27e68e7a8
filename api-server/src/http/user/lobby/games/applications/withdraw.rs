//! `POST /user/lobby/games/{game_id}/applications/{application_id}/withdraw`

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

codes!(WithdrawApplicationCodes: GameNotFound, ApplicationNotFound, ApplicationDecided);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Withdraw the own application
    ///
    /// The caller must be the applicant, and may apply anew, with another race name too.
    #[oai(
        path = "/user/lobby/games/:game_id/applications/:application_id/withdraw",
        method = "post",
        operation_id = "withdraw_application"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user: User,
        game_id: Path<Uuid>,
        application_id: Path<Uuid>,
    ) -> Result<Json<Application>, Fail<WithdrawApplicationCodes>> {
        Ok(Json(applications::withdraw(&app, user.id, game_id.0.into(), application_id.0.into()).await?.into()))
    }
}

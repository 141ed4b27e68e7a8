//! `POST /user/lobby/games/{game_id}/applications/{application_id}/reject`

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
use crate::use_cases::caller::{Caller, Context, User};

codes!(RejectApplicationCodes: GameNotFound, NotGameOwner, ApplicationNotFound, ApplicationDecided, Sanctioned);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Reject an application
    ///
    /// The applicant is told, and may apply anew.
    #[oai(
        path = "/user/lobby/games/:game_id/applications/:application_id/reject",
        method = "post",
        operation_id = "reject_application"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        user: User,
        game_id: Path<Uuid>,
        application_id: Path<Uuid>,
    ) -> Result<Json<Application>, Fail<RejectApplicationCodes>> {
        let caller = Caller::user(&user, &context);
        Ok(Json(applications::reject(&app, &caller, game_id.0.into(), application_id.0.into()).await?.into()))
    }
}

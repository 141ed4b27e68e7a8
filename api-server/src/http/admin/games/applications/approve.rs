//! `POST /admin/games/{game_id}/applications/{application_id}/approve`

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
use crate::use_cases::caller::{Admin, Caller, Context};

codes!(AdminApproveApplicationCodes:
    GameNotFound, NotGameOwner, ApplicationNotFound, ApplicationDecided, Sanctioned, EnrollmentClosed, LimitReached,
    GameFull, AlreadyMember, RaceNameTaken
);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Approve an application
    ///
    /// The applicant is a member from now on, and the race name is theirs for this game.
    #[oai(
        path = "/admin/games/:game_id/applications/:application_id/approve",
        method = "post",
        operation_id = "admin_approve_application"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        game_id: Path<Uuid>,
        application_id: Path<Uuid>,
    ) -> Result<Json<Application>, Fail<AdminApproveApplicationCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(applications::approve(&app, &caller, game_id.0.into(), application_id.0.into()).await?.into()))
    }
}

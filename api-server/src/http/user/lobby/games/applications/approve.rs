//! `POST /user/lobby/games/{game_id}/applications/{application_id}/approve`

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

codes!(ApproveApplicationCodes:
    GameNotFound, NotGameOwner, ApplicationNotFound, ApplicationDecided, Sanctioned, EnrollmentClosed, LimitReached,
    GameFull, AlreadyMember, RaceNameTaken
);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Approve an application
    ///
    /// The applicant is a member from now on, and the race name is theirs for this game. Where somebody else got the name first
    /// (409 `race_name_taken`) the application stays: its `race_name_available` tells the applicant to wait or to withdraw.
    #[oai(
        path = "/user/lobby/games/:game_id/applications/:application_id/approve",
        method = "post",
        operation_id = "approve_application"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        user: User,
        game_id: Path<Uuid>,
        application_id: Path<Uuid>,
    ) -> Result<Json<Application>, Fail<ApproveApplicationCodes>> {
        let caller = Caller::user(&user, &context);
        Ok(Json(applications::approve(&app, &caller, game_id.0.into(), application_id.0.into()).await?.into()))
    }
}

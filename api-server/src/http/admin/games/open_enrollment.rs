//! `POST /admin/games/{game_id}/open-enrollment`

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
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::transitions::transition;

codes!(AdminOpenEnrollmentGameCodes: GameNotFound, NotGameOwner, GameStateConflict, EnrollmentClosed);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Open enrolment
    ///
    /// Takes applications (public) or invites (private) from now until `enrollment_ends_at`.
    #[oai(path = "/admin/games/:game_id/open-enrollment", method = "post", operation_id = "admin_open_enrollment_game")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        game_id: Path<Uuid>,
    ) -> Result<Json<Game>, Fail<AdminOpenEnrollmentGameCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(transition(&app, &caller, game_id.0.into(), GameAction::OpenEnrollment).await?.into()))
    }
}

//! `POST /user/lobby/games/{game_id}/open-enrollment`

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

codes!(OpenEnrollmentLobbyGameCodes: GameNotFound, NotGameOwner, Sanctioned, GameStateConflict, EnrollmentClosed);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Open enrolment
    ///
    /// Takes applications (public) or invites (private) from now until `enrollment_ends_at`.
    #[oai(
        path = "/user/lobby/games/:game_id/open-enrollment",
        method = "post",
        operation_id = "open_enrollment_lobby_game"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        user: User,
        game_id: Path<Uuid>,
    ) -> Result<Json<Game>, Fail<OpenEnrollmentLobbyGameCodes>> {
        let caller = Caller::user(&user, &context);
        Ok(Json(transition(&app, &caller, game_id.0.into(), GameAction::OpenEnrollment).await?.into()))
    }
}

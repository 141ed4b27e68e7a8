//! `POST /user/lobby/games/{game_id}/invites/{invite_id}/decline`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::invites::Invite;
use crate::use_cases::caller::User;
use crate::use_cases::invites;

codes!(DeclineInviteCodes: InviteNotFound, InviteClosed);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Decline an invite
    ///
    /// The caller must be the one who was invited.
    #[oai(
        path = "/user/lobby/games/:game_id/invites/:invite_id/decline",
        method = "post",
        operation_id = "decline_invite"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user: User,
        game_id: Path<Uuid>,
        invite_id: Path<Uuid>,
    ) -> Result<Json<Invite>, Fail<DeclineInviteCodes>> {
        Ok(Json(invites::decline(&app, user.id, game_id.0.into(), invite_id.0.into()).await?.into()))
    }
}

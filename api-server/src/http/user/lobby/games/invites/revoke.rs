//! `POST /user/lobby/games/{game_id}/invites/{invite_id}/revoke`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::invites::Invite;
use crate::use_cases::caller::{Caller, Context, User};
use crate::use_cases::invites;

codes!(RevokeInviteCodes: GameNotFound, NotGameOwner, Sanctioned, InviteNotFound, InviteClosed);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Take an invite back
    ///
    /// Nobody can redeem it any more; an invited user is told.
    #[oai(
        path = "/user/lobby/games/:game_id/invites/:invite_id/revoke",
        method = "post",
        operation_id = "revoke_invite"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        user: User,
        game_id: Path<Uuid>,
        invite_id: Path<Uuid>,
    ) -> Result<Json<Invite>, Fail<RevokeInviteCodes>> {
        let caller = Caller::user(&user, &context);
        Ok(Json(invites::revoke(&app, &caller, game_id.0.into(), invite_id.0.into()).await?.into()))
    }
}

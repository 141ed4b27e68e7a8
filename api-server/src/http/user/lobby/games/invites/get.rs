//! `GET /user/lobby/games/{game_id}/invites/{invite_id}`

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

codes!(GetInviteCodes: GameNotFound, InviteNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Get an invite
    ///
    /// For the owner of the game, and for the invited user.
    #[oai(path = "/user/lobby/games/:game_id/invites/:invite_id", method = "get", operation_id = "get_invite")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user: User,
        game_id: Path<Uuid>,
        invite_id: Path<Uuid>,
    ) -> Result<Json<Invite>, Fail<GetInviteCodes>> {
        let mut conn = app.db.acquire().await?;
        Ok(Json(invites::see(&mut conn, user.id, game_id.0.into(), invite_id.0.into()).await?.into()))
    }
}

//! `POST /admin/games/{game_id}/memberships/{membership_id}/block`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::memberships::Membership;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::memberships;

codes!(AdminBlockMembershipCodes: GameNotFound, NotGameOwner, MembershipNotFound, MembershipEnded, GameStateConflict);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Block a member
    ///
    /// As removing them, but they cannot come back. Members who left or were removed before can be blocked too.
    #[oai(
        path = "/admin/games/:game_id/memberships/:membership_id/block",
        method = "post",
        operation_id = "admin_block_membership"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        game_id: Path<Uuid>,
        membership_id: Path<Uuid>,
    ) -> Result<Json<Membership>, Fail<AdminBlockMembershipCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(memberships::block(&app, &caller, game_id.0.into(), membership_id.0.into()).await?.into()))
    }
}

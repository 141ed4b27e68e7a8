//! `POST /user/lobby/games/{game_id}/memberships/{membership_id}/block`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::memberships::Membership;
use crate::use_cases::caller::{Caller, Context, User};
use crate::use_cases::memberships;

codes!(BlockMembershipCodes:
    Sanctioned, GameNotFound, NotGameOwner, MembershipNotFound, MembershipEnded, GameStateConflict
);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Block a member
    ///
    /// As removing them, but they cannot come back. Members who left or were removed before can be blocked too.
    #[oai(
        path = "/user/lobby/games/:game_id/memberships/:membership_id/block",
        method = "post",
        operation_id = "block_membership"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        user: User,
        game_id: Path<Uuid>,
        membership_id: Path<Uuid>,
    ) -> Result<Json<Membership>, Fail<BlockMembershipCodes>> {
        let caller = Caller::user(&user, &context);
        Ok(Json(memberships::block(&app, &caller, game_id.0.into(), membership_id.0.into()).await?.into()))
    }
}

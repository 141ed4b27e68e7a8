//! `POST /admin/games/{game_id}/memberships/{membership_id}/remove`

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

codes!(AdminRemoveMembershipCodes: GameNotFound, NotGameOwner, MembershipNotFound, MembershipEnded, GameStateConflict);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Remove a member
    ///
    /// The membership ends, the race name is free again, and the member is told; in a game that has started the race is banished. They may
    /// apply or be invited again.
    #[oai(
        path = "/admin/games/:game_id/memberships/:membership_id/remove",
        method = "post",
        operation_id = "admin_remove_membership"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        game_id: Path<Uuid>,
        membership_id: Path<Uuid>,
    ) -> Result<Json<Membership>, Fail<AdminRemoveMembershipCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(memberships::remove(&app, &caller, game_id.0.into(), membership_id.0.into()).await?.into()))
    }
}

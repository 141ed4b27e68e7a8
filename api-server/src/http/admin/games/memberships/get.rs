//! `GET /admin/games/{game_id}/memberships/{membership_id}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use shared::db;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::memberships::Membership;
use crate::use_cases::{games, memberships};

codes!(AdminGetMembershipCodes: GameNotFound, MembershipNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Get a membership
    ///
    /// As it is now, whatever became of it.
    #[oai(
        path = "/admin/games/:game_id/memberships/:membership_id",
        method = "get",
        operation_id = "admin_get_membership"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        game_id: Path<Uuid>,
        membership_id: Path<Uuid>,
    ) -> Result<Json<Membership>, Fail<AdminGetMembershipCodes>> {
        let mut conn = app.db.acquire().await?;
        let game = db::games::get(&mut conn, game_id.0.into()).await?.ok_or_else(games::game_not_found)?;
        Ok(Json(memberships::get(&mut conn, game.game_id, membership_id.0.into()).await?.into()))
    }
}

//! `GET /user/lobby/games/{game_id}/memberships/{membership_id}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::memberships::Membership;
use crate::use_cases::caller::User;
use crate::use_cases::{games, memberships};

codes!(GetMembershipCodes: GameNotFound, MembershipNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Get a membership
    ///
    /// For everybody who sees the game.
    #[oai(
        path = "/user/lobby/games/:game_id/memberships/:membership_id",
        method = "get",
        operation_id = "get_membership"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user: User,
        game_id: Path<Uuid>,
        membership_id: Path<Uuid>,
    ) -> Result<Json<Membership>, Fail<GetMembershipCodes>> {
        let mut conn = app.db.acquire().await?;
        let game = games::visible(&mut conn, game_id.0.into(), user.id).await?;
        Ok(Json(memberships::get(&mut conn, game.game_id, membership_id.0.into()).await?.into()))
    }
}

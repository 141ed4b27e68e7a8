//! `POST /admin/games/{game_id}/members/{user_id}/ban`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::memberships::Membership;
use crate::http::request::body::Body;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::memberships;
use crate::use_cases::texts::remark;

/// Why a member is banned.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct Ban {
    /// For the audit log.
    #[oai(validator(min_length = 1, max_length = 500))]
    pub reason: String,
}

codes!(AdminBanMemberCodes: GameNotFound, MembershipNotFound, MembershipEnded, GameStateConflict);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Ban a member from a game
    ///
    /// In any game, private ones too: their newest membership is `blocked`, whether it had ended or not, and they cannot come back;
    /// in a game that has started their race is banished.
    #[oai(path = "/admin/games/:game_id/members/:user_id/ban", method = "post", operation_id = "admin_ban_member")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        game_id: Path<Uuid>,
        user_id: Path<Uuid>,
        body: Body<Ban>,
    ) -> Result<Json<Membership>, Fail<AdminBanMemberCodes>> {
        let caller = Caller::admin(&admin, &context);
        let reason = remark("reason", "a reason", &body.reason, 500)?;
        let banned = memberships::ban(&app, &caller, game_id.0.into(), user_id.0.into(), &reason).await?;
        Ok(Json(banned.into()))
    }
}

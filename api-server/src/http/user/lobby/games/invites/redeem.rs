//! `POST /user/lobby/games/{game_id}/invites/{invite_id}/redeem`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::invites::RedeemedInvite;
use crate::http::objects::race_names::WantedRaceName;
use crate::http::request::body::Body;
use crate::use_cases::caller::{Caller, Context, User};
use crate::use_cases::invites;

codes!(RedeemInviteCodes:
    Sanctioned, RaceNameInvalid, GameNotFound, InviteNotFound, InviteClosed, EnrollmentClosed, LimitReached, GameFull,
    AlreadyMember, RaceNameTaken
);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Join with an invite
    ///
    /// The caller is a member from now on, and the race name is theirs for this game. Whoever joined with it before, and still is
    /// a member by it, is answered the same membership again.
    #[oai(
        path = "/user/lobby/games/:game_id/invites/:invite_id/redeem",
        method = "post",
        operation_id = "redeem_invite"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        user: User,
        game_id: Path<Uuid>,
        invite_id: Path<Uuid>,
        body: Body<WantedRaceName>,
    ) -> Result<Json<RedeemedInvite>, Fail<RedeemInviteCodes>> {
        let caller = Caller::user(&user, &context);
        let redeemed =
            invites::redeem(&app, &caller, user.id, game_id.0.into(), invite_id.0.into(), &body.race_name).await?;
        Ok(Json(RedeemedInvite { invite: redeemed.0.into(), membership: redeemed.1.into() }))
    }
}

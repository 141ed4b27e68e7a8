//! `POST /user/lobby/invites/redeem`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::invites::RedeemedInvite;
use crate::http::request::body::Body;
use crate::use_cases::caller::{Caller, Context, User};
use crate::use_cases::invites;

/// A shareable code, and the name under which the caller wants to play.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct RedeemCode {
    /// As the owner of the game shared it: in any case, with or without its hyphens; O is read as 0, I and L as 1.
    #[oai(validator(min_length = 1, max_length = 64))]
    pub code: String,
    /// 1 to 32 characters of one script.
    pub race_name: String,
}

codes!(RedeemInviteCodeCodes:
    Sanctioned, RaceNameInvalid, InviteNotFound, InviteClosed, EnrollmentClosed, LimitReached, GameFull, AlreadyMember,
    RaceNameTaken
);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Join with a shareable code
    ///
    /// The caller is a member from now on, and the race name is theirs for this game. Whoever joined with it before, and still is
    /// a member by it, is answered the same membership again.
    #[oai(path = "/user/lobby/invites/redeem", method = "post", operation_id = "redeem_invite_code")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        user: User,
        body: Body<RedeemCode>,
    ) -> Result<Json<RedeemedInvite>, Fail<RedeemInviteCodeCodes>> {
        let caller = Caller::user(&user, &context);
        let redeemed = invites::redeem_code(&app, &caller, user.id, &body.code, &body.race_name).await?;
        Ok(Json(RedeemedInvite { invite: redeemed.0.into(), membership: redeemed.1.into() }))
    }
}

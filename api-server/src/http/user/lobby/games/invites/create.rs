//! `POST /user/lobby/games/{game_id}/invites`

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Header, param::Path};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::created::Created;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::invites::Invite;
use crate::http::request::body::Body;
use crate::http::request::idempotency;
use crate::refusal::Problem;
use crate::use_cases::caller::{Caller, Context, User};
use crate::use_cases::invites::{self, Target};

/// An invite to be made: exactly one of `invited_user_id`, `invited_user_name` and `max_uses`.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewInvite {
    /// Whom, by id.
    pub invited_user_id: Option<Uuid>,
    /// Whom, by handle.
    #[oai(validator(min_length = 1, max_length = 64))]
    pub invited_user_name: Option<String>,
    /// Makes a shareable code that may be used so often.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    pub max_uses: Option<i32>,
    /// Until when it may be redeemed; the installation's default if absent.
    pub expires_at: Option<DateTime<Utc>>,
}

codes!(CreateInviteCodes:
    Sanctioned, GameNotFound, NotGameOwner, GameStateConflict, EnrollmentClosed, RateLimited, AccountNotFound,
    AlreadyMember, InviteExists, IdempotencyKeyReused
);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Invite into a private game
    ///
    /// One user, by id or by name, or whoever has the code, `max_uses` times. Twenty invites an hour at most. The invited user
    /// is told by push, and by mail unless a mail of an invite to this game went to them within a day.
    #[oai(path = "/user/lobby/games/:game_id/invites", method = "post", operation_id = "create_invite")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        user: User,
        game_id: Path<Uuid>,
        /// Makes a repetition of this request answer the first one's object: 1 to 128 visible ASCII characters.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Body<NewInvite>,
    ) -> Result<Created<Invite>, Fail<CreateInviteCodes>> {
        let caller = Caller::user(&user, &context);
        let operation = format!("create_invite {}", game_id.0);
        let key = idempotency::read(idempotency_key.0.as_deref(), caller.idempotency_owner(), &operation, &body.0)?;
        let target = match (body.invited_user_id, body.invited_user_name.as_deref(), body.max_uses) {
            (Some(id), None, None) => Target::User(id.into()),
            (None, Some(name), None) => Target::Named(name),
            (None, None, Some(max_uses)) => Target::Code { max_uses },
            _ => {
                return Err(
                    Problem::field("", "value", "give one of invited_user_id, invited_user_name and max_uses").into()
                );
            }
        };
        let made =
            invites::create(&app, &caller, user.id, game_id.0.into(), target, body.expires_at, key.as_ref()).await?;
        let invite: Invite = made.into();
        Ok(Created::at(&format!("/user/lobby/games/{}/invites/{}", game_id.0, invite.invite_id), invite))
    }
}

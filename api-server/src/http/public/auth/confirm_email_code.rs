//! `POST /public/auth/confirm-email-code`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};
use shared::domain::account;
use shared::domain::login_code::Code;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::request::body::Body;
use crate::refusal::Problem;
use crate::use_cases::caller::Context;
use crate::use_cases::challenges::Confirmation;
use crate::use_cases::sign_in;

/// The code, and what the device brings along.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct ConfirmEmailCode {
    /// From `send-email-code`.
    pub challenge_id: Uuid,
    /// The code from the mail: six digits, or a long one in groups. Blanks, dashes and the case of letters do not matter.
    #[oai(validator(min_length = 6, max_length = 64))]
    pub code: String,
    /// Ed25519 public key of the device: 32 bytes, base64.
    #[oai(validator(max_length = 64))]
    pub client_public_key: Option<String>,
    /// IANA time zone for an account that is made by this sign-in.
    #[oai(validator(max_length = 64))]
    pub time_zone: Option<String>,
}

/// A new session.
#[derive(Debug, Object)]
pub struct SignedIn {
    /// Who signed in.
    pub user_id: Uuid,
    /// The session.
    pub device_session_id: Uuid,
    /// The session's opaque token. Answered once; only its hash is kept.
    pub session_token: String,
    /// Whether this sign-in made the account.
    pub account_created: bool,
}

codes!(ConfirmEmailCodeCodes: ChallengeExpired, CodeIncorrect, AccountBlocked);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Public")]
impl Operation {
    /// Confirm a sign-in code
    ///
    /// A right code opens a session, and makes the account at the first time. A challenge with six digits takes a limited number
    /// of tries, counted before the code is compared; one with a long code takes any. Either takes one right one.
    /// `Idempotency-Key` is ignored.
    #[oai(path = "/public/auth/confirm-email-code", method = "post", operation_id = "confirm_email_code")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        body: Body<ConfirmEmailCode>,
    ) -> Result<Json<SignedIn>, Fail<ConfirmEmailCodeCodes>> {
        let key = body.client_public_key.as_deref().map(account::client_public_key).transpose();
        let key = key.map_err(|why| Problem::field("/client_public_key", "format", why))?;
        let time_zone = body.time_zone.as_deref().map(account::time_zone).transpose();
        let time_zone = time_zone.map_err(|why| Problem::field("/time_zone", "value", why))?;
        let code = Code::read(&body.code).ok_or_else(|| {
            Problem::field("/code", "format", "a code is the six digits, or the three groups, of the mail")
        })?;
        let confirmation = Confirmation {
            challenge_id: body.challenge_id.into(),
            code: &code,
            client_public_key: key,
            time_zone: time_zone.as_deref(),
            ip: context.ip,
        };
        let signed_in = sign_in::confirm_code(&app, &confirmation).await?;
        Ok(Json(SignedIn {
            user_id: signed_in.user_id.uuid(),
            device_session_id: signed_in.device_session_id.uuid(),
            session_token: signed_in.session_token.expose().clone(),
            account_created: signed_in.account_created,
        }))
    }
}

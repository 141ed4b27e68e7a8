//! `POST /public/auth/send-email-code`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, payload::Json};
use shared::domain::{account, email};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::request::body::Body;
use crate::refusal::Problem;
use crate::use_cases::caller::Context;
use crate::use_cases::challenges;

/// Who wants to sign in.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct SendEmailCode {
    /// The address that the code is mailed to. Case, full-width forms, needless quotes and the spelling of the domain (U-labels
    /// or A-labels) do not matter. A local part that needs quotes and a literal network address are refused.
    #[oai(validator(max_length = 320))]
    pub email: String,
    /// BCP 47 tag for an account that is made by this sign-in.
    #[oai(validator(max_length = 35))]
    pub preferred_language: Option<String>,
}

/// A challenge to be confirmed with the mailed code.
#[derive(Debug, Object)]
pub struct Challenge {
    /// Pass it on with the code.
    pub challenge_id: Uuid,
}

/// The code is on its way.
#[derive(ApiResponse)]
pub enum Accepted {
    /// The same answer, in the same time, whether or not the address has an account.
    #[oai(status = 202)]
    Accepted(Json<Challenge>),
}

codes!(SendEmailCodeCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Public")]
impl Operation {
    /// Mail a sign-in code
    ///
    /// Mails a code to the address: six digits, or where somebody keeps trying codes of this address, or asking for them, a
    /// long one in groups, such as `7KQ4-9XNM-2RTD`. While too many codes of the address are alive the newest challenge is
    /// answered again and no mail goes out. `Idempotency-Key` is ignored.
    #[oai(path = "/public/auth/send-email-code", method = "post", operation_id = "send_email_code")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        body: Body<SendEmailCode>,
    ) -> Result<Accepted, Fail<SendEmailCodeCodes>> {
        let address = email::Address::parse(&body.email).map_err(|why| Problem::field("/email", "format", why))?;
        let language = body.preferred_language.as_deref().map(account::language).transpose();
        let language = language.map_err(|why| Problem::field("/preferred_language", "format", why))?;
        let challenge_id = challenges::send(&app, &context, &address, language.as_deref()).await?;
        Ok(Accepted::Accepted(Json(Challenge { challenge_id: challenge_id.uuid() })))
    }
}

//! `POST /admin/auth/totp/confirm`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi};

use crate::app::App;
use crate::codes;
use crate::http::admin::auth::confirm::AdminCode;
use crate::http::answer::cookie::WithCookie;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::request::body::Body;
use crate::http::request::headers::UserAgent;
use crate::use_cases::admin_sign_in;
use crate::use_cases::caller::{Admin, Context};

/// Codes that stand in for the second factor.
#[derive(Object)]
pub struct AdminRecoveryCodes {
    /// Each counts once. They are shown this once.
    pub recovery_codes: Vec<String>,
}

codes!(AdminConfirmTotpCodes: NoSecondFactor, SecondFactorUnavailable, CodeIncorrect);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// End the set-up of a second factor
    ///
    /// By its first code, which counts as used. Every session of the account ends; whoever came by one goes on in a new one, whose
    /// cookie comes along.
    #[oai(path = "/admin/auth/totp/confirm", method = "post", operation_id = "admin_confirm_totp")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        user_agent: UserAgent,
        admin: Admin,
        body: Body<AdminCode>,
    ) -> Result<WithCookie<AdminRecoveryCodes>, Fail<AdminConfirmTotpCodes>> {
        let done = admin_sign_in::set_up_second_factor(&app, &admin, &context, &user_agent.0, &body.code).await?;
        let max = app.config.admin.session_max.as_secs();
        let codes = AdminRecoveryCodes { recovery_codes: done.recovery_codes };
        Ok(WithCookie::session(codes, done.signed_in.as_ref(), max))
    }
}

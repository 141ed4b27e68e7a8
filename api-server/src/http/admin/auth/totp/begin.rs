//! `POST /admin/auth/totp`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::use_cases::admin_factors;
use crate::use_cases::caller::{Admin, Context};

/// A set-up that waits for its first code, for a quarter of an hour.
#[derive(Object)]
pub struct AdminTotp {
    /// The secret, in base32. It is shown this once.
    pub secret: String,
    /// The same, as a picture for the device holds it.
    pub otpauth_uri: String,
}

codes!(AdminBeginTotpCodes: SecondFactorUnavailable);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Begin the set-up of a second factor
    ///
    /// Nothing changes before `totp/confirm`. Whoever has a second factor gives a code of it first, and replaces it.
    #[oai(path = "/admin/auth/totp", method = "post", operation_id = "admin_begin_totp")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
    ) -> Result<Json<AdminTotp>, Fail<AdminBeginTotpCodes>> {
        let begun = admin_factors::begin(&app, &admin, &context).await?;
        Ok(Json(AdminTotp { secret: begun.secret, otpauth_uri: begun.otpauth_uri }))
    }
}

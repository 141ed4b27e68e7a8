//! `POST /admin/auth/sign-out`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;

use crate::app::App;
use crate::codes;
use crate::http::answer::cookie::WithCookie;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::admin_access::AdminSession;
use crate::use_cases::admin_sessions;
use crate::use_cases::caller::{Admin, Context};

codes!(AdminSignOutCodes: NoSession);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Sign out
    ///
    /// Ends the session that asks.
    #[oai(path = "/admin/auth/sign-out", method = "post", operation_id = "admin_sign_out")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
    ) -> Result<WithCookie<AdminSession>, Fail<AdminSignOutCodes>> {
        let ended = admin_sessions::sign_out(&app, &admin, &context).await?;
        Ok(WithCookie::gone(AdminSession::seen(ended, admin.session)))
    }
}

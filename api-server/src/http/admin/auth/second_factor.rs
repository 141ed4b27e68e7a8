//! `POST /admin/auth/second-factor`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi};

use crate::app::App;
use crate::codes;
use crate::http::answer::cookie::WithCookie;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::admin_access::AdminSession;
use crate::http::request::body::Body;
use crate::http::request::headers::UserAgent;
use crate::use_cases::admin_sign_in;
use crate::use_cases::caller::Context;

/// The second step of a sign-in.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct AdminSecondFactor {
    /// What `sign-in` answered.
    #[oai(validator(min_length = 1, max_length = 64))]
    pub ticket: String,
    /// Six digits from the device, or a recovery code.
    #[oai(validator(min_length = 1, max_length = 64))]
    pub code: String,
}

codes!(AdminSecondFactorCodes: InsecureTransport, SecondFactorUnavailable, SignInTicketExpired, CodeIncorrect);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Give the second factor
    ///
    /// A ticket takes five codes. A code is taken once: neither it nor an earlier one is taken again.
    #[oai(path = "/admin/auth/second-factor", method = "post", operation_id = "admin_second_factor")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        user_agent: UserAgent,
        body: Body<AdminSecondFactor>,
    ) -> Result<WithCookie<AdminSession>, Fail<AdminSecondFactorCodes>> {
        let made = admin_sign_in::second_factor(&app, &context, &user_agent.0, &body.ticket, &body.code).await?;
        let session = AdminSession::seen(made.session.clone(), Some(made.session.session_id));
        Ok(WithCookie::session(session, Some(&made), app.config.admin.session_max.as_secs()))
    }
}

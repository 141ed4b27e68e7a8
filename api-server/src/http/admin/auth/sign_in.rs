//! `POST /admin/auth/sign-in`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use shared::domain::administrator;

use crate::app::App;
use crate::codes;
use crate::http::answer::cookie::WithCookie;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::admin_access::AdminSession;
use crate::http::request::body::Body;
use crate::http::request::headers::UserAgent;
use crate::refusal::Problem;
use crate::use_cases::admin_sign_in::{self, Entered};
use crate::use_cases::caller::Context;

/// Who signs in.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct AdminSignIn {
    /// The administrator's name.
    #[oai(validator(min_length = 1, max_length = 64))]
    pub user_name: String,
    /// Their password.
    #[oai(validator(min_length = 1, max_length = 71))]
    pub password: String,
}

/// A session, or what the second step wants.
#[derive(Debug, Object)]
pub struct AdminSignedIn {
    /// The session, whose cookie comes along; null where the account has a second factor.
    pub session: Option<AdminSession>,
    /// What `second-factor` wants beside the code, once, within five minutes; null where there is no second step.
    pub ticket: Option<String>,
    /// The kind of the second factor, `totp`; null where there is no second step.
    pub second_factor: Option<String>,
}

codes!(AdminSignInCodes: InsecureTransport, SignInRefused);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Sign in
    ///
    /// By name and password. An account with a second factor gets a ticket for it; another one gets its session, by cookie. Failures
    /// are counted as those of HTTP Basic are, and an unknown name takes as long as a known one.
    #[oai(path = "/admin/auth/sign-in", method = "post", operation_id = "admin_sign_in")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        user_agent: UserAgent,
        body: Body<AdminSignIn>,
    ) -> Result<WithCookie<AdminSignedIn>, Fail<AdminSignInCodes>> {
        administrator::name(&body.user_name).map_err(|why| Problem::field("/user_name", "format", why))?;
        if body.password.len() > administrator::PASSWORD_MAX {
            return Err(Problem::field("/password", "length", "no password has more than 71 bytes").into());
        }
        let max = app.config.admin.session_max.as_secs();
        match admin_sign_in::enter(&app, &context, &user_agent.0, &body.user_name, &body.password).await? {
            Entered::In(signed_in) => {
                let session = AdminSession::seen(signed_in.session.clone(), Some(signed_in.session.session_id));
                let answer = AdminSignedIn { session: Some(session), ticket: None, second_factor: None };
                Ok(WithCookie::session(answer, Some(&*signed_in), max))
            }
            Entered::HalfWay { ticket } => {
                let ticket = Some(ticket.expose().clone());
                let answer = AdminSignedIn { session: None, ticket, second_factor: Some("totp".to_owned()) };
                Ok(WithCookie::session(answer, None, max))
            }
        }
    }
}

//! `POST /admin/auth/password`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use shared::domain::administrator;

use crate::app::App;
use crate::codes;
use crate::http::answer::cookie::WithCookie;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::admin_accounts::AdminAccount;
use crate::http::request::body::Body;
use crate::refusal::Problem;
use crate::use_cases::admin_sessions;
use crate::use_cases::caller::{Admin, Context};

/// A change of one's own password.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct ChangeAdminPassword {
    /// The present password.
    #[oai(validator(min_length = 1, max_length = 71))]
    pub password: String,
    /// 15 to 71 bytes in UTF-8, no control characters, none of the commonest passwords.
    #[oai(validator(min_length = 8, max_length = 71))]
    pub new_password: String,
}

codes!(AdminChangePasswordCodes: PasswordIncorrect);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Change one's own password
    ///
    /// Every session of the account ends, this one too: sign in again.
    #[oai(path = "/admin/auth/password", method = "post", operation_id = "admin_change_password")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        body: Body<ChangeAdminPassword>,
    ) -> Result<WithCookie<AdminAccount>, Fail<AdminChangePasswordCodes>> {
        if body.password.len() > administrator::PASSWORD_MAX {
            return Err(Problem::field("/password", "length", "no password has more than 71 bytes").into());
        }
        let row = admin_sessions::change_password(&app, &admin, &context, &body.password, &body.new_password).await?;
        Ok(WithCookie::gone(row.into()))
    }
}

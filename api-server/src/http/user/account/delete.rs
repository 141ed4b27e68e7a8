//! `DELETE /user/account`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;

use crate::app::App;
use crate::codes;
use crate::http::answer::deleted::Deleted;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::refusal::{ErrorCode, Problem};
use crate::use_cases::accounts;
use crate::use_cases::caller::{Caller, Context, User};

codes!(DeleteAccountCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Delete the own account
    ///
    /// Sessions are revoked, memberships, applications and invites end, race names are released, own private games that
    /// did not start are cancelled, and what tells who the person was is erased, at once. The address is free for a new
    /// account, which has nothing of the old one.
    #[oai(path = "/user/account", method = "delete", operation_id = "delete_account")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        user: User,
    ) -> Result<Deleted, Fail<DeleteAccountCodes>> {
        let deleted = accounts::delete(&app, &Caller::user(&user, &context), user.id).await;
        deleted.map_err(|problem| match problem.code {
            ErrorCode::AccountNotFound => Problem::new(ErrorCode::UserUnknown, "No such account."),
            _ => problem,
        })?;
        Ok(Deleted::Deleted)
    }
}

//! `GET /user/account`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, payload::Json};
use shared::db;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::accounts::Account;
use crate::refusal::{ErrorCode, Problem};
use crate::use_cases::caller::User;

codes!(GetAccountCodes: CredentialsRequired, UserUnknown);

/// The operation.
pub struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Get the own account
    ///
    /// With the plan and the sanctions that are in force now.
    #[oai(path = "/user/account", method = "get", operation_id = "get_account")]
    async fn call(&self, app: Data<&Arc<App>>, user: User) -> Result<Json<Account>, Fail<GetAccountCodes>> {
        let mut conn = app.db.acquire().await?;
        let account = db::accounts::get(&mut conn, user.id).await?;
        Ok(Json(account.ok_or_else(|| Problem::new(ErrorCode::UserUnknown, "No such account."))?.into()))
    }
}

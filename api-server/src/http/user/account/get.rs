//! `GET /user/account`

use poem_openapi::{OpenApi, payload::Json};

use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::accounts::Account;
use crate::http::request::guard::OwnAccount;

codes!(GetAccountCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Get the own account
    ///
    /// With the plan and the sanctions that are in force now.
    #[oai(path = "/user/account", method = "get", operation_id = "get_account")]
    async fn call(&self, OwnAccount(account): OwnAccount) -> Result<Json<Account>, Fail<GetAccountCodes>> {
        Ok(Json(account.into()))
    }
}

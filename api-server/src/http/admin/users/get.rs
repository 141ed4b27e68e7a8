//! `GET /admin/users/{user_id}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::accounts::Account;
use crate::use_cases::accounts;

codes!(AdminGetUserCodes: AccountNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Get an account
    ///
    /// A deleted one too, with nothing that tells who it was.
    #[oai(path = "/admin/users/:user_id", method = "get", operation_id = "admin_get_user")]
    async fn call(&self, app: Data<&Arc<App>>, user_id: Path<Uuid>) -> Result<Json<Account>, Fail<AdminGetUserCodes>> {
        let mut conn = app.db.acquire().await?;
        Ok(Json(accounts::present(&mut conn, user_id.0.into()).await?.into()))
    }
}

//! `GET /internal/users/{user_id}`

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

codes!(GetUserCodes: AccountNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Internal")]
impl Operation {
    /// Get a user's account
    ///
    /// With the plan and the sanctions in force at this moment. A deleted account is answered with `deleted_at`, and with
    /// nothing that tells who it was.
    #[oai(path = "/internal/users/:user_id", method = "get", operation_id = "get_user")]
    async fn call(&self, app: Data<&Arc<App>>, user_id: Path<Uuid>) -> Result<Json<Account>, Fail<GetUserCodes>> {
        let mut conn = app.db.acquire().await?;
        Ok(Json(accounts::present(&mut conn, user_id.0.into()).await?.into()))
    }
}

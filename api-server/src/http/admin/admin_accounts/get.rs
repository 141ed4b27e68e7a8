//! `GET /admin/admin-accounts/{user_name}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use shared::db;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::admin_accounts::AdminAccount;
use crate::use_cases::admin_accounts;

codes!(AdminGetAdminAccountCodes: AdminAccountNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Get an administrator
    ///
    /// Whether they may log in, and when they last did.
    #[oai(path = "/admin/admin-accounts/:user_name", method = "get", operation_id = "admin_get_admin_account")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        /// The name to log in with.
        user_name: Path<String>,
    ) -> Result<Json<AdminAccount>, Fail<AdminGetAdminAccountCodes>> {
        let mut conn = app.db.acquire().await?;
        let row = db::admin_accounts::get(&mut conn, &user_name).await?;
        Ok(Json(row.ok_or_else(admin_accounts::not_found)?.into()))
    }
}

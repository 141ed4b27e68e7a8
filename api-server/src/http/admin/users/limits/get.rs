//! `GET /admin/users/{user_id}/limits`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use shared::db;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::limits::AccountLimits;
use crate::use_cases::accounts;

codes!(AdminGetLimitsCodes: AccountNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Get the limits of an account
    ///
    /// Those that were set for it alone; null: its plan's.
    #[oai(path = "/admin/users/:user_id/limits", method = "get", operation_id = "admin_get_limits")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user_id: Path<Uuid>,
    ) -> Result<Json<AccountLimits>, Fail<AdminGetLimitsCodes>> {
        let mut conn = app.db.acquire().await?;
        let overrides = db::limits::overrides(&mut conn, user_id.0.into()).await?;
        Ok(Json(overrides.ok_or_else(accounts::not_found)?.into()))
    }
}

//! `GET /admin/users/{user_id}/sanctions/{sanction_id}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use shared::db;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::sanctions::Sanction;
use crate::refusal::{ErrorCode, Problem};
use crate::use_cases::accounts;

codes!(AdminGetSanctionCodes: AccountNotFound, SanctionNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Get a sanction on an account
    ///
    /// In force, ended or lifted.
    #[oai(path = "/admin/users/:user_id/sanctions/:sanction_id", method = "get", operation_id = "admin_get_sanction")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user_id: Path<Uuid>,
        sanction_id: Path<Uuid>,
    ) -> Result<Json<Sanction>, Fail<AdminGetSanctionCodes>> {
        let user_id = user_id.0.into();
        let mut conn = app.db.acquire().await?;
        let Some(row) = db::sanctions::get(&mut conn, user_id, sanction_id.0.into()).await? else {
            accounts::present(&mut conn, user_id).await?;
            return Err(Problem::new(ErrorCode::SanctionNotFound, "The account has no such sanction.").into());
        };
        Ok(Json(row.into()))
    }
}

//! `GET /admin/auth/tokens/{token_id}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use shared::db;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::admin_access::AdminToken;
use crate::use_cases::admin_tokens;
use crate::use_cases::caller::Admin;

codes!(AdminGetTokenCodes: AdminTokenNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Read one of one's own tokens
    ///
    /// Not the token itself: only its hash is kept.
    #[oai(path = "/admin/auth/tokens/:token_id", method = "get", operation_id = "admin_get_token")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        admin: Admin,
        token_id: Path<Uuid>,
    ) -> Result<Json<AdminToken>, Fail<AdminGetTokenCodes>> {
        let mut conn = app.db.acquire().await?;
        let found = db::admin_tokens::get(&mut conn, &admin.name, token_id.0.into()).await?;
        Ok(Json(found.ok_or_else(admin_tokens::not_found)?.into()))
    }
}

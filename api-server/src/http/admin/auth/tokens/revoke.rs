//! `POST /admin/auth/tokens/{token_id}/revoke`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::admin_access::AdminToken;
use crate::use_cases::admin_tokens;
use crate::use_cases::caller::{Admin, Context};

codes!(AdminRevokeTokenCodes: AdminTokenNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Revoke one of one's own tokens
    ///
    /// From its next request on, on every replica. One that is revoked stays as it is.
    #[oai(path = "/admin/auth/tokens/:token_id/revoke", method = "post", operation_id = "admin_revoke_token")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        token_id: Path<Uuid>,
    ) -> Result<Json<AdminToken>, Fail<AdminRevokeTokenCodes>> {
        Ok(Json(admin_tokens::revoke(&app, &admin, &context, token_id.0.into()).await?.into()))
    }
}

//! `GET /admin/users/{user_id}/entitlements/{entitlement_id}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use shared::db;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::entitlements::Grant;
use crate::refusal::{ErrorCode, Problem};
use crate::use_cases::accounts;

codes!(AdminGetEntitlementCodes: AccountNotFound, EntitlementNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Get a plan that an account was granted
    ///
    /// The one that it has, or one of its history.
    #[oai(
        path = "/admin/users/:user_id/entitlements/:entitlement_id",
        method = "get",
        operation_id = "admin_get_entitlement"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user_id: Path<Uuid>,
        entitlement_id: Path<Uuid>,
    ) -> Result<Json<Grant>, Fail<AdminGetEntitlementCodes>> {
        let user_id = user_id.0.into();
        let mut conn = app.db.acquire().await?;
        let Some(row) = db::entitlements::get(&mut conn, user_id, entitlement_id.0.into()).await? else {
            accounts::present(&mut conn, user_id).await?;
            return Err(Problem::new(ErrorCode::EntitlementNotFound, "The account has no such entitlement.").into());
        };
        Ok(Json(row.into()))
    }
}

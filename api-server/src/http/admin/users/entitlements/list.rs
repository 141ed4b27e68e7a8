//! `GET /admin/users/{user_id}/entitlements`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, param::Query, payload::Json};
use shared::db;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::entitlements::GrantPage;
use crate::http::request::page::Page;
use crate::use_cases::accounts;

codes!(AdminListEntitlementsCodes: AccountNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List the plans that an account was granted
    ///
    /// The whole history, newest first.
    #[oai(path = "/admin/users/:user_id/entitlements", method = "get", operation_id = "admin_list_entitlements")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user_id: Path<Uuid>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<GrantPage>, Fail<AdminListEntitlementsCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let user_id = user_id.0.into();
        let mut conn = app.db.acquire().await?;
        let rows = db::entitlements::list(&mut conn, user_id, page.before.map(Into::into), page.fetch()).await?;
        if rows.is_empty() {
            accounts::present(&mut conn, user_id).await?;
        }
        let (rows, next_cursor) = page.cut(rows, |row| row.entitlement_id.uuid());
        Ok(Json(GrantPage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}

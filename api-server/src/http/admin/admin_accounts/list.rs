//! `GET /admin/admin-accounts`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::admin_accounts::AdminAccountPage;
use crate::http::request::page::WordPage;

codes!(AdminListAdminAccountsCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List administrators
    ///
    /// In descending order of their names.
    #[oai(path = "/admin/admin-accounts", method = "get", operation_id = "admin_list_admin_accounts")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        /// `true`: only administrators who may log in; `false`: only those who may not.
        enabled: Query<Option<bool>>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<AdminAccountPage>, Fail<AdminListAdminAccountsCodes>> {
        let page = WordPage::read(limit.0, cursor.0.as_deref())?;
        let mut conn = app.db.acquire().await?;
        let rows = db::admin_accounts::list(&mut conn, enabled.0, page.before.as_deref(), page.fetch()).await?;
        let (rows, next_cursor) = page.cut(rows, |a| a.user_name.as_str());
        Ok(Json(AdminAccountPage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}

//! `GET /admin/auth/tokens`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::admin_access::AdminTokenPage;
use crate::http::request::page::Page;
use crate::use_cases::caller::Admin;

codes!(AdminListTokensCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List one's own tokens
    ///
    /// Those that admit nobody any more too, newest first.
    #[oai(path = "/admin/auth/tokens", method = "get", operation_id = "admin_list_tokens")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        admin: Admin,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<AdminTokenPage>, Fail<AdminListTokensCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let before = page.before.map(Into::into);
        let mut conn = app.db.acquire().await?;
        let rows = db::admin_tokens::list(&mut conn, &admin.name, before, page.fetch()).await?;
        let (rows, next_cursor) = page.cut(rows, |row| row.token_id.uuid());
        Ok(Json(AdminTokenPage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}

//! `GET /admin/auth/sessions`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::admin_access::{AdminSession, AdminSessionPage};
use crate::http::request::page::Page;
use crate::use_cases::caller::Admin;

codes!(AdminListOwnSessionsCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List one's own sessions
    ///
    /// Those that ended too, newest first, for 90 days.
    #[oai(path = "/admin/auth/sessions", method = "get", operation_id = "admin_list_own_sessions")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        admin: Admin,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<AdminSessionPage>, Fail<AdminListOwnSessionsCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let before = page.before.map(Into::into);
        let mut conn = app.db.acquire().await?;
        let rows = db::admin_sessions::list(&mut conn, &admin.name, before, page.fetch()).await?;
        let (rows, next_cursor) = page.cut(rows, |row| row.session_id.uuid());
        let items = rows.into_iter().map(|row| AdminSession::seen(row, admin.session)).collect();
        Ok(Json(AdminSessionPage { items, next_cursor }))
    }
}

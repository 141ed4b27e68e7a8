//! `GET /admin/users/{user_id}/sessions`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, param::Query, payload::Json};
use shared::db;
use shared::domain::account::SessionStatus;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::request::filters::among;
use crate::http::request::page::Page;
use crate::http::user::sessions::list::SessionPage;
use crate::use_cases::accounts;

codes!(AdminListSessionsCodes: AccountNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List the sessions of an account
    ///
    /// Revoked ones too, newest first.
    #[oai(path = "/admin/users/:user_id/sessions", method = "get", operation_id = "admin_list_sessions")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user_id: Path<Uuid>,
        /// Only sessions in this status.
        status: Query<Option<String>>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<SessionPage>, Fail<AdminListSessionsCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let status = among("/query/status", status.0.as_deref(), SessionStatus::ALL)?;
        let (user_id, before) = (user_id.0.into(), page.before.map(Into::into));
        let mut tx = app.db.begin().await?;
        let rows = match status {
            None => db::sessions::list(&mut tx, user_id, before, page.fetch()).await?,
            Some(status) => db::sessions::list_by_status(&mut tx, user_id, status, before, page.fetch()).await?,
        };
        if rows.is_empty() {
            accounts::present(&mut tx, user_id).await?;
        }
        tx.commit().await?;
        let (rows, next_cursor) = page.cut(rows, |row| row.device_session_id.uuid());
        Ok(Json(SessionPage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}

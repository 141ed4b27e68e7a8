//! `GET /admin/users/{user_id}/timeline`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, param::Query, payload::Json};
use shared::db;
use shared::db::notes::Subject;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::timeline::TimelinePage;
use crate::http::request::page::Page;
use crate::use_cases::notes;

codes!(AdminUserTimelineCodes: AccountNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List what happened to an account
    ///
    /// Newest first: what administrators did to it, sessions, applications, memberships, notes, and mails to the addresses that it
    /// has, in the order of their ids, which begin with their times.
    #[oai(path = "/admin/users/:user_id/timeline", method = "get", operation_id = "admin_user_timeline")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user_id: Path<Uuid>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<TimelinePage>, Fail<AdminUserTimelineCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let mut tx = app.db.begin().await?;
        let rows = db::timeline::of_user(&mut tx, user_id.0.into(), page.before, page.fetch()).await?;
        if rows.is_empty() {
            notes::present_subject(&mut tx, Subject::User(user_id.0.into())).await?;
        }
        tx.commit().await?;
        let (rows, next_cursor) = page.cut(rows, |row| row.entry_id);
        Ok(Json(TimelinePage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}

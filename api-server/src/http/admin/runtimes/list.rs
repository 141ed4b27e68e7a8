//! `GET /admin/runtimes`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;
use shared::domain::runtime::RuntimeStatus;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::runtimes::RuntimePage;
use crate::http::request::filters;
use crate::http::request::page::Page;
use crate::use_cases::runtimes;

/// Entries of the operations log that each runtime is shown with.
const OPERATIONS: i64 = 3;

codes!(AdminListRuntimesCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List runtimes
    ///
    /// Newest games first, each with its newest job and the newest three entries of its operations log.
    #[oai(path = "/admin/runtimes", method = "get", operation_id = "admin_list_runtimes")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        /// Only runtimes in this status.
        status: Query<Option<String>>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<RuntimePage>, Fail<AdminListRuntimesCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let status = filters::among("/query/status", status.0.as_deref(), RuntimeStatus::ALL)?;
        let mut conn = app.db.acquire().await?;
        let rows = db::runtime::records(&mut conn, status, page.before.map(Into::into), page.fetch()).await?;
        let (rows, next_cursor) = page.cut(rows, |r| r.game_id.uuid());
        let items = runtimes::shown(&mut conn, rows, OPERATIONS).await?;
        Ok(Json(RuntimePage { items: items.into_iter().map(Into::into).collect(), next_cursor }))
    }
}

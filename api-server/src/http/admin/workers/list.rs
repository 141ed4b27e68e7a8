//! `GET /admin/workers`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::workers::WorkerPage;
use crate::http::request::page::Page;

codes!(AdminListWorkersCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List workers
    ///
    /// Newest first: every process that works a queue, and for a while those that died. A process whose lease was lost
    /// is here again, as another worker.
    #[oai(path = "/admin/workers", method = "get", operation_id = "admin_list_workers")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<WorkerPage>, Fail<AdminListWorkersCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let mut conn = app.db.acquire().await?;
        let rows = db::workers::list(&mut conn, page.before.map(Into::into), page.fetch()).await?;
        let (rows, next_cursor) = page.cut(rows, |w| w.worker_id.uuid());
        Ok(Json(WorkerPage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}

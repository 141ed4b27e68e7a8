//! `GET /admin/engine-versions`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::engine_versions::EngineVersionPage;
use crate::http::request::page::WordPage;

codes!(AdminListEngineVersionsCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List engine versions
    ///
    /// In descending order of their labels.
    #[oai(path = "/admin/engine-versions", method = "get", operation_id = "admin_list_engine_versions")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        /// `true`: only versions that new starts may use; `false`: only the others.
        enabled: Query<Option<bool>>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<EngineVersionPage>, Fail<AdminListEngineVersionsCodes>> {
        let page = WordPage::read(limit.0, cursor.0.as_deref())?;
        let mut conn = app.db.acquire().await?;
        let rows = db::engine_versions::list(&mut conn, enabled.0, page.before.as_deref(), page.fetch()).await?;
        let (rows, next_cursor) = page.cut(rows, |v| v.version.as_str());
        Ok(Json(EngineVersionPage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}

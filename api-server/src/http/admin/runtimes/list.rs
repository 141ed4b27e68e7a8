//! `GET /admin/runtimes`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db::{self, Db};
use shared::domain::runtime::RuntimeStatus;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::runtimes::{Runtime, RuntimePage};
use crate::http::request::filters;
use crate::http::request::listed::Listed;
use crate::http::request::page::Page;
use crate::refusal::Problem;
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
        Ok(Json(Runtimes::read(status.0)?.shown(&app.db, &page).await?.into()))
    }
}

/// The runtimes that are looked for: all, or those in a status.
pub(super) struct Runtimes(Option<RuntimeStatus>);

impl Runtimes {
    pub(super) fn read(status: Option<String>) -> Result<Self, Problem> {
        Ok(Self(filters::among("/query/status", status.as_deref(), RuntimeStatus::ALL)?))
    }
}

impl Listed for Runtimes {
    type Item = Runtime;

    async fn rows(&self, db: &Db, before: Option<Uuid>, fetch: i64) -> Result<Vec<Runtime>, Problem> {
        let mut conn = db.acquire().await?;
        let rows = db::runtime::records(&mut conn, self.0, before.map(Into::into), fetch).await?;
        let rows = runtimes::shown(&mut conn, rows, OPERATIONS).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    fn id(runtime: &Runtime) -> Uuid {
        runtime.game_id
    }
}

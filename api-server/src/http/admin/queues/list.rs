//! `GET /admin/queues`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::queues::QueuePage;
use crate::http::request::page::WordPage;
use crate::use_cases::queues;

codes!(AdminListQueuesCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List queues
    ///
    /// In descending order of their names.
    #[oai(path = "/admin/queues", method = "get", operation_id = "admin_list_queues")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<QueuePage>, Fail<AdminListQueuesCodes>> {
        let page = WordPage::read(limit.0, cursor.0.as_deref())?;
        let after = db::queues::ALL.into_iter().filter(|spec| page.before.as_deref().is_none_or(|b| spec.name < b));
        let (specs, next_cursor) = page.cut(after.collect(), |spec| spec.name);
        let items = queues::look(&app, &specs).await?.into_iter().map(Into::into).collect();
        Ok(Json(QueuePage { items, next_cursor }))
    }
}

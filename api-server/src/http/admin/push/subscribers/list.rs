//! `GET /admin/push/subscribers`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db::push_log;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::push::SubscriberPage;
use crate::http::request::page::WordPage;

codes!(AdminListPushSubscribersCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List push subscribers
    ///
    /// In descending order of their names. Each gateway that subscribed within a week is here; one whose `seen_at` is older than
    /// some seconds has no stream any more.
    #[oai(path = "/admin/push/subscribers", method = "get", operation_id = "admin_list_push_subscribers")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<SubscriberPage>, Fail<AdminListPushSubscribersCodes>> {
        let page = WordPage::read(limit.0, cursor.0.as_deref())?;
        let mut conn = app.db.acquire().await?;
        let rows = push_log::subscribers(&mut conn, page.before.as_deref(), page.fetch()).await?;
        let (rows, next_cursor) = page.cut(rows, |row| row.gateway_client_id.as_str());
        Ok(Json(SubscriberPage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}

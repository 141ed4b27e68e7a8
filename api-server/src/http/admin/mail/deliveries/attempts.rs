//! `GET /admin/mail/deliveries/{delivery_id}/attempts`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, param::Query, payload::Json};
use shared::db;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::mail::AttemptPage;
use crate::http::request::page::NumberPage;
use crate::use_cases::mail;

codes!(AdminListMailDeliveryAttemptsCodes: DeliveryNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List the attempts to send a mail
    ///
    /// Newest first. Numbers that are missing belong to attempts that never spoke to the relay.
    #[oai(
        path = "/admin/mail/deliveries/:delivery_id/attempts",
        method = "get",
        operation_id = "admin_list_mail_delivery_attempts"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        /// The mail's id.
        delivery_id: Path<Uuid>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<AttemptPage>, Fail<AdminListMailDeliveryAttemptsCodes>> {
        let page = NumberPage::read(limit.0, cursor.0.as_deref())?;
        let id = delivery_id.0.into();
        let mut conn = app.db.acquire().await?;
        let rows = db::mail::past_attempts(&mut conn, id, page.before, page.fetch()).await?;
        if rows.is_empty() {
            db::mail::delivery(&mut conn, id).await?.ok_or_else(mail::not_found)?;
        }
        let (rows, next_cursor) = page.cut(rows, |a| a.attempt_no);
        Ok(Json(AttemptPage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}

//! `GET /admin/mail/deliveries/{delivery_id}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use shared::db;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::mail::Delivery;
use crate::use_cases::mail;

codes!(AdminGetMailDeliveryCodes: DeliveryNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Get a mail
    ///
    /// With its recipients and where each stands; what it says is not shown.
    #[oai(path = "/admin/mail/deliveries/:delivery_id", method = "get", operation_id = "admin_get_mail_delivery")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        /// The mail's id.
        delivery_id: Path<Uuid>,
    ) -> Result<Json<Delivery>, Fail<AdminGetMailDeliveryCodes>> {
        let mut conn = app.db.acquire().await?;
        let row = db::mail::delivery(&mut conn, delivery_id.0.into()).await?;
        Ok(Json(row.ok_or_else(mail::not_found)?.into()))
    }
}

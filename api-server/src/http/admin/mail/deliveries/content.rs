//! `GET /admin/mail/deliveries/{delivery_id}/content`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::mail::DeliveryContent;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::mail;

codes!(AdminGetMailDeliveryContentCodes: DeliveryNotFound, DeliverySecret, DeliveryWiped);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Read what a mail says
    ///
    /// As it was, or will be, sent. Never a mail with a code. That somebody read it leaves an entry in the trail.
    #[oai(
        path = "/admin/mail/deliveries/:delivery_id/content",
        method = "get",
        operation_id = "admin_get_mail_delivery_content"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        delivery_id: Path<Uuid>,
    ) -> Result<Json<DeliveryContent>, Fail<AdminGetMailDeliveryContentCodes>> {
        let caller = Caller::admin(&admin, &context);
        let content = mail::read(&app, &caller, delivery_id.0.into()).await?;
        let (subject, text, html) = (content.subject, content.text, content.html);
        Ok(Json(DeliveryContent { delivery_id: delivery_id.0, subject, text, html }))
    }
}

//! `POST /admin/mail/deliveries/{delivery_id}/resend`, which is also `POST /admin/mail/{delivery_id}/resend`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::mail::Delivery;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::mail;

codes!(AdminResendMailDeliveryCodes: DeliveryNotFound, DeliveryStateConflict, DeliveryWiped);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Send a mail again
    ///
    /// One that is `pending`, `retrying`, `dead_lettered`, `quarantined` or `dismissed` is due at once, with its whole budget of attempts,
    /// to everybody who has not accepted it.
    #[oai(
        path = "/admin/mail/deliveries/:delivery_id/resend",
        method = "post",
        operation_id = "admin_resend_mail_delivery"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        /// The mail's id.
        delivery_id: Path<Uuid>,
    ) -> Result<Json<Delivery>, Fail<AdminResendMailDeliveryCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(mail::one(&app, &caller, mail::Act::Resend, delivery_id.0.into()).await?.into()))
    }

    /// Send a mail again
    ///
    /// The same as `POST /admin/mail/deliveries/{delivery_id}/resend`.
    #[oai(path = "/admin/mail/:delivery_id/resend", method = "post", operation_id = "admin_resend_mail")]
    async fn short(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        /// The mail's id.
        delivery_id: Path<Uuid>,
    ) -> Result<Json<Delivery>, Fail<AdminResendMailDeliveryCodes>> {
        self.call(app, context, admin, delivery_id).await
    }
}

//! `POST /admin/mail/dead-letters/{delivery_id}/dismiss`

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

codes!(AdminDismissMailDeadLetterCodes: DeliveryNotFound, DeliveryStateConflict);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Put a dead mail away
    ///
    /// It is no dead letter any more. It stays among the deliveries as `dismissed` until it is removed by age, and can be sent
    /// again as long as its contents are there; those of a login code are gone.
    #[oai(
        path = "/admin/mail/dead-letters/:delivery_id/dismiss",
        method = "post",
        operation_id = "admin_dismiss_mail_dead_letter"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        /// The mail's id.
        delivery_id: Path<Uuid>,
    ) -> Result<Json<Delivery>, Fail<AdminDismissMailDeadLetterCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(mail::one(&app, &caller, mail::Act::Dismiss, delivery_id.0.into()).await?.into()))
    }
}

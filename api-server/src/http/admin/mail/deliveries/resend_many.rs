//! `POST /admin/mail/deliveries/resend`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::bulk::BulkResult;
use crate::http::objects::mail::DeliveryChoice;
use crate::http::request::body::Body;
use crate::http::request::filters::BULK_DEFAULT;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::mail;

/// Which mails to send again, and how many of them.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct ResendDeliveries {
    /// Which; `{}` is every dead letter but alarms about others.
    pub filter: DeliveryChoice,
    /// At most so many, 1 to 1 000; 200 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    pub limit: Option<u16>,
}

codes!(AdminResendMailDeliveriesCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Send many mails again
    ///
    /// The oldest `limit` of those that match, as if each were sent again by itself. Mails whose contents are gone never match,
    /// and alarms about dead mails only if `template_id` names them. For dead letters, call it until `changed` is 0.
    #[oai(path = "/admin/mail/deliveries/resend", method = "post", operation_id = "admin_resend_mail_deliveries")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        body: Body<ResendDeliveries>,
    ) -> Result<Json<BulkResult>, Fail<AdminResendMailDeliveriesCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(mail::many(&app, &caller, body.filter.chosen()?, body.limit.unwrap_or(BULK_DEFAULT)).await?.into()))
    }
}

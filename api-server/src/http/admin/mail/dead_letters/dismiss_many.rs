//! `POST /admin/mail/dead-letters/dismiss`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::bulk::BulkResult;
use crate::http::objects::mail::DeadMailChoice;
use crate::http::request::body::Body;
use crate::http::request::filters::BULK_DEFAULT;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::mail;

/// Which dead mails to put away, and how many of them.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct DismissMailDeadLetters {
    /// Which; `{}` is every dead letter.
    pub filter: DeadMailChoice,
    /// At most so many, 1 to 1 000; 200 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    pub limit: Option<u16>,
}

codes!(AdminDismissMailDeadLettersCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Put many dead mails away
    ///
    /// The oldest `limit` of those that match, as if each were put away by itself: mails whose contents are gone too. Call it
    /// until `changed` is 0.
    #[oai(path = "/admin/mail/dead-letters/dismiss", method = "post", operation_id = "admin_dismiss_mail_dead_letters")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        body: Body<DismissMailDeadLetters>,
    ) -> Result<Json<BulkResult>, Fail<AdminDismissMailDeadLettersCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(mail::many(&app, &caller, body.filter.chosen()?, body.limit.unwrap_or(BULK_DEFAULT)).await?.into()))
    }
}

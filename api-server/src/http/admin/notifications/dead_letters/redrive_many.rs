//! `POST /admin/notifications/dead-letters/redrive`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::bulk::BulkResult;
use crate::http::objects::notifications::DeadLetterChoice;
use crate::http::request::body::Body;
use crate::http::request::filters::BULK_DEFAULT;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::notifications::{self, Act};

/// Which dead letters to re-drive, and how many of them.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct RedriveDeadLetters {
    /// Which; `{}` is every one.
    pub filter: DeadLetterChoice,
    /// At most so many, 1 to 1 000; 200 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    pub limit: Option<u16>,
}

codes!(AdminRedriveNotificationDeadLettersCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Re-drive many dead letters
    ///
    /// The oldest `limit` of those that match, notifications before routes, as if each were re-driven by itself. Call it until
    /// `changed` is 0.
    #[oai(
        path = "/admin/notifications/dead-letters/redrive",
        method = "post",
        operation_id = "admin_redrive_notification_dead_letters"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        body: Body<RedriveDeadLetters>,
    ) -> Result<Json<BulkResult>, Fail<AdminRedriveNotificationDeadLettersCodes>> {
        let caller = Caller::admin(&admin, &context);
        let limit = body.limit.unwrap_or(BULK_DEFAULT);
        Ok(Json(notifications::many(&app, &caller, Act::Redrive, body.filter.chosen()?, limit).await?.into()))
    }
}

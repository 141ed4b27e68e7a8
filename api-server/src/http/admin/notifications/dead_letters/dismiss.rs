//! `POST /admin/notifications/dead-letters/{route_id}/dismiss`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::notifications::NotificationDeadLetter;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::notifications;

codes!(AdminDismissNotificationDeadLetterCodes: DeadLetterNotFound, NotDeadLettered);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Put a dead letter away
    ///
    /// It is no dead letter any more. The route, or the notification, is `dismissed` until it is removed by age, and can be
    /// re-driven as long as it is there.
    #[oai(
        path = "/admin/notifications/dead-letters/:route_id/dismiss",
        method = "post",
        operation_id = "admin_dismiss_notification_dead_letter"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        /// The route's id; of a notification that died before it had routes, the notification's: `dead_letter_id` in the list.
        route_id: Path<Uuid>,
    ) -> Result<Json<NotificationDeadLetter>, Fail<AdminDismissNotificationDeadLetterCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(notifications::one(&app, &caller, notifications::Act::Dismiss, route_id.0).await?.into()))
    }
}

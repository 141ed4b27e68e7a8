//! `POST /admin/notifications/dead-letters/{route_id}/redrive`

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

codes!(AdminRedriveNotificationDeadLetterCodes: DeadLetterNotFound, NotDeadLettered);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Re-drive a dead letter
    ///
    /// It is due at once, with its whole budget of attempts, and exempt from the order of its game: what came after it has
    /// gone on.
    #[oai(
        path = "/admin/notifications/dead-letters/:route_id/redrive",
        method = "post",
        operation_id = "admin_redrive_notification_dead_letter"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        /// The route's id; of a notification that died before it had routes, the notification's: `dead_letter_id` in the list.
        route_id: Path<Uuid>,
    ) -> Result<Json<NotificationDeadLetter>, Fail<AdminRedriveNotificationDeadLetterCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(notifications::one(&app, &caller, notifications::Act::Redrive, route_id.0).await?.into()))
    }
}

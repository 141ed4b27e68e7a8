//! `GET /admin/notifications/{notification_id}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use shared::db;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::notifications::Notification;
use crate::refusal::{ErrorCode, Problem};

/// Routes that are shown.
const ROUTES: u16 = 1000;

codes!(AdminGetNotificationCodes: NotificationNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Get a notification
    ///
    /// With its first 1 000 routes, by channel and recipient; the dead ones of a broadcast are in the list of dead letters.
    #[oai(path = "/admin/notifications/:notification_id", method = "get", operation_id = "admin_get_notification")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        /// The notification's id.
        notification_id: Path<Uuid>,
    ) -> Result<Json<Notification>, Fail<AdminGetNotificationCodes>> {
        let mut conn = app.db.acquire().await?;
        let row = db::notifications::notification(&mut conn, notification_id.0.into(), i64::from(ROUTES) + 1).await?;
        let row = row.ok_or_else(|| Problem::new(ErrorCode::NotificationNotFound, "No such notification."))?;
        Ok(Json(Notification::new(row, usize::from(ROUTES))))
    }
}

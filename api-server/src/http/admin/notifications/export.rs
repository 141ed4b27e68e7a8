//! `GET /admin/notifications/export`

use chrono::{DateTime, Utc};
use poem_openapi::{OpenApi, param::Query};
use uuid::Uuid;

use super::list::filter;
use crate::codes;
use crate::http::answer::export::{Call, Export};
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::notifications::Notification;

codes!(AdminExportNotificationsCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Export notifications
    ///
    /// As a file of CSV: what the list beside it shows, with the same filters. That it was taken stands in the trail.
    #[oai(path = "/admin/notifications/export", method = "get", operation_id = "admin_export_notifications")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn call(
        &self,
        call: Call,
        /// Only notifications whose expansion into routes is in this status.
        status: Query<Option<String>>,
        /// Only notifications of this kind.
        kind: Query<Option<String>>,
        /// Only notifications about this game.
        game_id: Query<Option<Uuid>>,
        /// Produced at this time or later.
        created_after: Query<Option<DateTime<Utc>>>,
        /// Produced before this time.
        created_before: Query<Option<DateTime<Utc>>>,
        /// That of the last line of a file that was cut: this one goes on there.
        cursor: Query<Option<String>>,
    ) -> Result<Export<Notification>, Fail<AdminExportNotificationsCodes>> {
        let filter = filter(status.0, kind.0, game_id.0, created_after.0, created_before.0)?;
        Ok(call.of("notifications", filter, cursor.0).await?)
    }
}

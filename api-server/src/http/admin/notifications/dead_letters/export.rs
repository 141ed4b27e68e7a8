//! `GET /admin/notifications/dead-letters/export`

use chrono::{DateTime, Utc};
use poem_openapi::{OpenApi, param::Query};
use uuid::Uuid;

use crate::codes;
use crate::http::answer::export::{Call, Export};
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::notifications::{DeadLetterChoice, NotificationDeadLetter};

codes!(AdminExportNotificationDeadLettersCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Export routes and notifications that died
    ///
    /// As a file of CSV: what the list beside it shows, with the same filters. That it was taken stands in the trail.
    #[oai(
        path = "/admin/notifications/dead-letters/export",
        method = "get",
        operation_id = "admin_export_notification_dead_letters"
    )]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn call(
        &self,
        call: Call,
        /// `notifications` or `notification_routes`; both if absent.
        queue: Query<Option<String>>,
        /// `dead_lettered` or `quarantined`; both if absent.
        status: Query<Option<String>>,
        /// Only those of this kind.
        kind: Query<Option<String>>,
        /// Only those of this notification.
        notification_id: Query<Option<Uuid>>,
        /// Only routes over this channel.
        channel: Query<Option<String>>,
        /// Only routes to this user.
        user_id: Query<Option<Uuid>>,
        /// Only those about this game.
        game_id: Query<Option<Uuid>>,
        /// Dead at this time or later.
        failed_after: Query<Option<DateTime<Utc>>>,
        /// Dead before this time.
        failed_before: Query<Option<DateTime<Utc>>>,
        /// That of the last line of a file that was cut: this one goes on there.
        cursor: Query<Option<String>>,
    ) -> Result<Export<NotificationDeadLetter>, Fail<AdminExportNotificationDeadLettersCodes>> {
        let choice = DeadLetterChoice {
            queue: queue.0,
            status: status.0,
            kind: kind.0,
            notification_id: notification_id.0,
            channel: channel.0,
            user_id: user_id.0,
            game_id: game_id.0,
            failed_after: failed_after.0,
            failed_before: failed_before.0,
        };
        Ok(call.of("notification_dead_letters", choice.filter("/query")?, cursor.0).await?)
    }
}

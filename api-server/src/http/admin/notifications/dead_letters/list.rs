//! `GET /admin/notifications/dead-letters`

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;
use shared::db::Db;
use shared::db::notifications::DeadLetterFilter;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::notifications::{DeadLetterChoice, NotificationDeadLetter, NotificationDeadLetterPage};
use crate::http::request::listed::Listed;
use crate::http::request::page::Page;
use crate::refusal::Problem;

codes!(AdminListNotificationDeadLettersCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List routes and notifications that died
    ///
    /// Those that were given up, and those in quarantine: newest first by when they were made.
    #[oai(
        path = "/admin/notifications/dead-letters",
        method = "get",
        operation_id = "admin_list_notification_dead_letters"
    )]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
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
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<NotificationDeadLetterPage>, Fail<AdminListNotificationDeadLettersCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
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
        let filter = choice.filter("/query")?;
        Ok(Json(filter.shown(&app.db, &page).await?.into()))
    }
}

impl Listed for DeadLetterFilter {
    type Item = NotificationDeadLetter;

    async fn rows(&self, db: &Db, before: Option<Uuid>, fetch: i64) -> Result<Vec<NotificationDeadLetter>, Problem> {
        let mut tx = db.begin().await?;
        let rows = db::notifications::dead_letters(&mut tx, self, before, fetch).await?;
        tx.commit().await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    fn id(letter: &NotificationDeadLetter) -> Uuid {
        letter.dead_letter_id
    }
}

//! `GET /admin/notifications`

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;
use shared::db::Db;
use shared::db::notifications::NotificationFilter;
use shared::domain::notification::NotificationStatus;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::notifications::{Notification, NotificationPage};
use crate::http::request::filters::{among, span};
use crate::http::request::listed::Listed;
use crate::http::request::page::Page;
use crate::refusal::Problem;

/// Routes that are shown of each notification.
const ROUTES: u16 = 20;

codes!(AdminListNotificationsCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List notifications
    ///
    /// Newest first, each with its first 20 routes.
    #[oai(path = "/admin/notifications", method = "get", operation_id = "admin_list_notifications")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
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
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<NotificationPage>, Fail<AdminListNotificationsCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let filter = filter(status.0, kind.0, game_id.0, created_after.0, created_before.0)?;
        Ok(Json(filter.shown(&app.db, &page).await?.into()))
    }
}

/// As the database takes it.
pub(super) fn filter(
    status: Option<String>,
    kind: Option<String>,
    game_id: Option<Uuid>,
    created_after: Option<DateTime<Utc>>,
    created_before: Option<DateTime<Utc>>,
) -> Result<NotificationFilter, Problem> {
    Ok(NotificationFilter {
        kind,
        status: among("/query/status", status.as_deref(), NotificationStatus::ALL)?,
        game_id: game_id.map(Into::into),
        created: span("/query/created", created_after, created_before)?,
    })
}

impl Listed for NotificationFilter {
    type Item = Notification;

    async fn rows(&self, db: &Db, before: Option<Uuid>, fetch: i64) -> Result<Vec<Notification>, Problem> {
        let mut tx = db.begin().await?;
        let (before, routes) = (before.map(Into::into), i64::from(ROUTES) + 1);
        let rows = db::notifications::notifications(&mut tx, self, before, fetch, routes).await?;
        tx.commit().await?;
        Ok(rows.into_iter().map(|row| Notification::new(row, usize::from(ROUTES))).collect())
    }

    fn id(notification: &Notification) -> Uuid {
        notification.notification_id
    }
}

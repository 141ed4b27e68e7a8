//! `GET /admin/mail/dead-letters`

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db::mail::DeliveryFilter;
use shared::domain::delivery::DeliveryStatus;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::mail::DeliveryPage;
use crate::http::request::filters::{among, span};
use crate::http::request::listed::Listed;
use crate::http::request::page::Page;
use crate::refusal::Problem;

codes!(AdminListMailDeadLettersCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List mails that died
    ///
    /// Those that were given up, and those in quarantine: newest first by when they were enqueued.
    #[oai(path = "/admin/mail/dead-letters", method = "get", operation_id = "admin_list_mail_dead_letters")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        /// `dead_lettered` or `quarantined`; both if absent.
        status: Query<Option<String>>,
        /// Only mails that this template wrote.
        template_id: Query<Option<String>>,
        /// Only mails to this address, in whatever case.
        recipient: Query<Option<String>>,
        /// Dead at this time or later.
        failed_after: Query<Option<DateTime<Utc>>>,
        /// Dead before this time.
        failed_before: Query<Option<DateTime<Utc>>>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<DeliveryPage>, Fail<AdminListMailDeadLettersCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let filter = filter(status.0, template_id.0, recipient.0, failed_after.0, failed_before.0)?;
        Ok(Json(filter.shown(&app.db, &page).await?.into()))
    }
}

/// As the database takes it.
pub(super) fn filter(
    status: Option<String>,
    template_id: Option<String>,
    recipient: Option<String>,
    failed_after: Option<DateTime<Utc>>,
    failed_before: Option<DateTime<Utc>>,
) -> Result<DeliveryFilter, Problem> {
    let status = among("/query/status", status.as_deref(), DeliveryStatus::DEAD)?;
    Ok(DeliveryFilter {
        statuses: Some(status.map_or_else(|| DeliveryStatus::DEAD.to_vec(), |status| vec![status])),
        template_id,
        recipient,
        failed: span("/query/failed", failed_after, failed_before)?,
        ..DeliveryFilter::default()
    })
}

//! `GET /admin/mail/deliveries`

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;
use shared::db::Db;
use shared::db::mail::DeliveryFilter;
use shared::domain::delivery::DeliveryStatus;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::mail::{Delivery, DeliveryPage};
use crate::http::request::filters::{among, span};
use crate::http::request::listed::Listed;
use crate::http::request::page::Page;
use crate::refusal::Problem;

codes!(AdminListMailDeliveriesCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List mails
    ///
    /// Newest first.
    #[oai(path = "/admin/mail/deliveries", method = "get", operation_id = "admin_list_mail_deliveries")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        /// Only mails in this status.
        status: Query<Option<String>>,
        /// Only mails that this template wrote.
        template_id: Query<Option<String>>,
        /// Only mails to this address, in whatever case.
        recipient: Query<Option<String>>,
        /// Enqueued at this time or later.
        created_after: Query<Option<DateTime<Utc>>>,
        /// Enqueued before this time.
        created_before: Query<Option<DateTime<Utc>>>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<DeliveryPage>, Fail<AdminListMailDeliveriesCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let filter = filter(status.0, template_id.0, recipient.0, created_after.0, created_before.0)?;
        Ok(Json(filter.shown(&app.db, &page).await?.into()))
    }
}

/// As the database takes it.
pub(super) fn filter(
    status: Option<String>,
    template_id: Option<String>,
    recipient: Option<String>,
    created_after: Option<DateTime<Utc>>,
    created_before: Option<DateTime<Utc>>,
) -> Result<DeliveryFilter, Problem> {
    Ok(DeliveryFilter {
        statuses: among("/query/status", status.as_deref(), DeliveryStatus::ALL)?.map(|status| vec![status]),
        template_id,
        recipient,
        created: span("/query/created", created_after, created_before)?,
        ..DeliveryFilter::default()
    })
}

impl Listed for DeliveryFilter {
    type Item = Delivery;

    async fn rows(&self, db: &Db, before: Option<Uuid>, fetch: i64) -> Result<Vec<Delivery>, Problem> {
        let mut tx = db.begin().await?;
        let rows = db::mail::deliveries(&mut tx, self, before.map(Into::into), fetch).await?;
        tx.commit().await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    fn id(delivery: &Delivery) -> Uuid {
        delivery.delivery_id
    }
}

//! `GET /admin/mail/deliveries/export`

use chrono::{DateTime, Utc};
use poem_openapi::{OpenApi, param::Query};

use super::list::filter;
use crate::codes;
use crate::http::answer::export::{Call, Export};
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::mail::Delivery;

codes!(AdminExportMailDeliveriesCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Export mails
    ///
    /// As a file of CSV: what the list beside it shows, with the same filters. That it was taken stands in the trail.
    #[oai(path = "/admin/mail/deliveries/export", method = "get", operation_id = "admin_export_mail_deliveries")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn call(
        &self,
        call: Call,
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
        /// That of the last line of a file that was cut: this one goes on there.
        cursor: Query<Option<String>>,
    ) -> Result<Export<Delivery>, Fail<AdminExportMailDeliveriesCodes>> {
        let filter = filter(status.0, template_id.0, recipient.0, created_after.0, created_before.0)?;
        Ok(call.of("mail_deliveries", filter, cursor.0).await?)
    }
}

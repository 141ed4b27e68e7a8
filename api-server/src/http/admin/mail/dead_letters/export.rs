//! `GET /admin/mail/dead-letters/export`

use chrono::{DateTime, Utc};
use poem_openapi::{OpenApi, param::Query};

use super::list::filter;
use crate::codes;
use crate::http::answer::export::{Call, Export};
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::mail::Delivery;

codes!(AdminExportMailDeadLettersCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Export mails that died
    ///
    /// As a file of CSV: what the list beside it shows, with the same filters. That it was taken stands in the trail.
    #[oai(path = "/admin/mail/dead-letters/export", method = "get", operation_id = "admin_export_mail_dead_letters")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn call(
        &self,
        call: Call,
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
        /// That of the last line of a file that was cut: this one goes on there.
        cursor: Query<Option<String>>,
    ) -> Result<Export<Delivery>, Fail<AdminExportMailDeadLettersCodes>> {
        let filter = filter(status.0, template_id.0, recipient.0, failed_after.0, failed_before.0)?;
        Ok(call.of("mail_dead_letters", filter, cursor.0).await?)
    }
}

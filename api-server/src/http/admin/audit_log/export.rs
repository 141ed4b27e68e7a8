//! `GET /admin/audit-log/export`

use chrono::{DateTime, Utc};
use poem_openapi::{OpenApi, param::Query};
use uuid::Uuid;

use super::list::Choice;
use crate::codes;
use crate::http::answer::export::{Call, Export};
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::audit_log::AuditEntry;

codes!(AdminExportAuditLogCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Export what administrators did
    ///
    /// As a file of CSV: what the list beside it shows, with the same filters. That it was taken stands in the trail.
    #[oai(path = "/admin/audit-log/export", method = "get", operation_id = "admin_export_audit_log")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn call(
        &self,
        call: Call,
        /// Only what this administrator did.
        actor: Query<Option<String>>,
        /// Only this action, as in `game.create`.
        action: Query<Option<String>>,
        /// Only what was done to this noun, as in `game`.
        target_type: Query<Option<String>>,
        /// Only what was done to this one.
        target_id: Query<Option<String>>,
        /// Only what was done, or only what was refused.
        outcome: Query<Option<String>>,
        /// Only what was done, or tried, by this way in.
        via: Query<Option<String>>,
        /// Only the parts of this.
        operation_id: Query<Option<Uuid>>,
        /// Done at this time or later.
        at_after: Query<Option<DateTime<Utc>>>,
        /// Done before this time.
        at_before: Query<Option<DateTime<Utc>>>,
        /// That of the last line of a file that was cut: this one goes on there.
        cursor: Query<Option<String>>,
    ) -> Result<Export<AuditEntry>, Fail<AdminExportAuditLogCodes>> {
        let choice = Choice {
            actor: actor.0,
            action: action.0,
            target_type: target_type.0,
            target_id: target_id.0,
            outcome: outcome.0,
            via: via.0,
            operation_id: operation_id.0,
            at_after: at_after.0,
            at_before: at_before.0,
        };
        Ok(call.of("audit_log", choice.filter()?, cursor.0).await?)
    }
}

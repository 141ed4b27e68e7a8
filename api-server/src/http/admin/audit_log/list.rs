//! `GET /admin/audit-log`

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;
use shared::db::audit_log::Filter;
use shared::domain::admin_access::{Outcome, Via};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::audit_log::AuditEntryPage;
use crate::http::request::filters::{among, span};
use crate::http::request::page::Page;

codes!(AdminListAuditLogCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List what administrators did
    ///
    /// Newest first: every write under `/admin` has its entry, made in the same transaction; sign-ins that failed and calls that were
    /// refused have theirs, too.
    #[oai(path = "/admin/audit-log", method = "get", operation_id = "admin_list_audit_log")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
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
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<AuditEntryPage>, Fail<AdminListAuditLogCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let filter = Filter {
            actor: actor.0,
            action: action.0,
            target_type: target_type.0,
            target_id: target_id.0,
            outcome: among("/query/outcome", outcome.0.as_deref(), Outcome::ALL)?,
            via: among("/query/via", via.0.as_deref(), Via::ALL)?,
            operation_id: operation_id.0,
            at: span("/query/at", at_after.0, at_before.0)?,
        };
        let mut tx = app.db.begin().await?;
        let rows = db::audit_log::list(&mut tx, &filter, page.before.map(Into::into), page.fetch()).await?;
        tx.commit().await?;
        let (rows, next_cursor) = page.cut(rows, |e| e.audit_id.uuid());
        Ok(Json(AuditEntryPage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}

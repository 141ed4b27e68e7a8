//! `GET /admin/audit-log`

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;
use shared::db::Db;
use shared::db::audit_log::Filter;
use shared::domain::admin_access::{Outcome, Via};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::audit_log::{AuditEntry, AuditEntryPage};
use crate::http::request::filters::{among, span};
use crate::http::request::listed::Listed;
use crate::http::request::page::Page;
use crate::refusal::Problem;

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
        let filter = choice.filter()?;
        Ok(Json(filter.shown(&app.db, &page).await?.into()))
    }
}

/// Which entries are looked for.
pub(super) struct Choice {
    pub(super) actor: Option<String>,
    pub(super) action: Option<String>,
    pub(super) target_type: Option<String>,
    pub(super) target_id: Option<String>,
    pub(super) outcome: Option<String>,
    pub(super) via: Option<String>,
    pub(super) operation_id: Option<Uuid>,
    pub(super) at_after: Option<DateTime<Utc>>,
    pub(super) at_before: Option<DateTime<Utc>>,
}

impl Choice {
    /// As the database takes it.
    pub(super) fn filter(self) -> Result<Filter, Problem> {
        Ok(Filter {
            actor: self.actor,
            action: self.action,
            target_type: self.target_type,
            target_id: self.target_id,
            outcome: among("/query/outcome", self.outcome.as_deref(), Outcome::ALL)?,
            via: among("/query/via", self.via.as_deref(), Via::ALL)?,
            operation_id: self.operation_id,
            at: span("/query/at", self.at_after, self.at_before)?,
        })
    }
}

impl Listed for Filter {
    type Item = AuditEntry;

    async fn rows(&self, db: &Db, before: Option<Uuid>, fetch: i64) -> Result<Vec<AuditEntry>, Problem> {
        let mut tx = db.begin().await?;
        let rows = db::audit_log::list(&mut tx, self, before.map(Into::into), fetch).await?;
        tx.commit().await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    fn id(entry: &AuditEntry) -> Uuid {
        entry.audit_id
    }
}

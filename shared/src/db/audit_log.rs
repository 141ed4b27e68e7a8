//! `audit_log`: the trail of what administrators do. Written by [`super::admin::audit`].

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;

use super::browse::{Span, plan_for_values};
use crate::ids::AuditId;

/// One line of the trail.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its id.
    pub audit_id: AuditId,
    /// When.
    pub at: DateTime<Utc>,
    /// The administrator.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// The noun it was done to.
    pub target_type: String,
    /// Which one.
    pub target_id: String,
    /// What else matters.
    pub detail: Value,
    /// The request's id.
    pub request_id: String,
    /// From where.
    pub ip: String,
}

/// Which lines; what is absent leaves the choice open.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// By this administrator.
    pub actor: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// To this noun.
    pub target_type: Option<String>,
    /// To this one.
    pub target_id: Option<String>,
    /// In this span.
    pub at: Span,
}

/// Lines, newest first, from below `before`. To be called in a transaction.
///
/// # Errors
/// What Postgres answers.
pub async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    before: Option<AuditId>,
    limit: i64,
) -> Result<Vec<Entry>, sqlx::Error> {
    plan_for_values(conn).await?;
    let (from, below) = filter.at.ids_below(before.map(AuditId::uuid));
    sqlx::query_as!(
        Entry,
        r#"SELECT audit_id AS "audit_id: AuditId", at, actor, action, target_type, target_id, detail, request_id, ip FROM audit_log
            WHERE ($1::uuid IS NULL OR audit_id < $1) AND ($2::uuid IS NULL OR audit_id >= $2)
              AND ($3::timestamptz IS NULL OR at >= $3) AND ($4::timestamptz IS NULL OR at < $4)
              AND ($5::text IS NULL OR actor = $5) AND ($6::text IS NULL OR action = $6)
              AND ($7::text IS NULL OR target_type = $7) AND ($8::text IS NULL OR target_id = $8)
            ORDER BY audit_id DESC LIMIT $9"#,
        below,
        from,
        filter.at.after,
        filter.at.before,
        filter.actor,
        filter.action,
        filter.target_type,
        filter.target_id,
        limit
    )
    .fetch_all(conn)
    .await
}

//! Plans that accounts were granted (SPEC §5 objects).

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db;
use shared::domain::plan::Plan;
use uuid::Uuid;

use super::words::Closed;
use crate::page_of;

page_of!(GrantPage, Grant);

/// A plan to be granted, in force from now on in place of the one before.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewGrant {
    /// The plan.
    pub plan: Closed<Plan>,
    /// Until when, in the future; the account is `free` from that moment. Null: until the next grant.
    pub ends_at: Option<DateTime<Utc>>,
    /// Who or what grants it: a word such as `admin`, `purchase`, `promotion`, of 1 to 64 characters.
    #[oai(validator(min_length = 1, max_length = 64))]
    pub source: String,
    /// Why, in one line of 1 to 500 characters.
    #[oai(validator(min_length = 1, max_length = 500))]
    pub reason: String,
}

/// A plan that was granted: an entry of the account's history.
#[derive(Debug, Object)]
pub struct Grant {
    /// The grant's id.
    pub entitlement_id: Uuid,
    /// `free`, `monthly`, `yearly` or `permanent`.
    pub plan: String,
    /// Whether somebody pays for it.
    pub is_paid: bool,
    /// Who or what granted it.
    pub source: String,
    /// Why; null where it was erased with the account.
    pub reason: Option<String>,
    /// The moment from which it is in force.
    pub starts_at: DateTime<Utc>,
    /// Until when; null: until the next grant.
    pub ends_at: Option<DateTime<Utc>>,
    /// When a later grant took its place; null: it is the account's snapshot.
    pub superseded_at: Option<DateTime<Utc>>,
}

impl From<db::entitlements::Grant> for Grant {
    fn from(row: db::entitlements::Grant) -> Self {
        Self {
            entitlement_id: row.entitlement_id.uuid(),
            is_paid: row.plan.is_paid(),
            plan: row.plan.to_string(),
            source: row.source,
            reason: row.reason,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            superseded_at: row.superseded_at,
        }
    }
}

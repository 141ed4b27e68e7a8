//! Accounts (SPEC §5 objects).

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db;
use shared::domain::plan::Plan;
use uuid::Uuid;

use super::sanctions::Sanction;
use crate::page_of;

page_of!(AccountPage, Account);

/// A person's account.
#[derive(Debug, Object)]
pub struct Account {
    /// The account's id.
    pub user_id: Uuid,
    /// Unique handle; a placeholder until the user picks one.
    pub user_name: String,
    /// Free name, if set.
    pub display_name: Option<String>,
    /// The address of the e-mail identity, if there is one.
    pub email: Option<String>,
    /// BCP 47 language tag.
    pub preferred_language: String,
    /// IANA time zone name.
    pub time_zone: String,
    /// ISO 3166-1 alpha-2 country of the address at registration, if known.
    pub declared_country: Option<String>,
    /// The plan in force.
    pub entitlement: Entitlement,
    /// The sanctions in force.
    pub sanctions: Vec<Sanction>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was deleted, if it was.
    pub deleted_at: Option<DateTime<Utc>>,
}

/// The plan that an account has.
#[derive(Debug, Object)]
pub struct Entitlement {
    /// `free`, `monthly`, `yearly` or `permanent`.
    pub plan: String,
    /// Whether somebody pays for it.
    pub is_paid: bool,
    /// Who or what granted it.
    pub source: String,
    /// The moment from which it is in force.
    pub starts_at: DateTime<Utc>,
    /// Until when; null: for good.
    pub ends_at: Option<DateTime<Utc>>,
}

impl From<db::accounts::Account> for Account {
    fn from(row: db::accounts::Account) -> Self {
        let entitlement = match row.entitlement {
            Some(e) => Entitlement {
                is_paid: e.plan.is_paid(),
                plan: e.plan.to_string(),
                source: e.source,
                starts_at: e.starts_at,
                ends_at: e.ends_at,
            },
            None => Entitlement {
                plan: Plan::Free.to_string(),
                is_paid: Plan::Free.is_paid(),
                source: "default".into(),
                starts_at: row.created_at,
                ends_at: None,
            },
        };
        Self {
            user_id: row.user_id.uuid(),
            user_name: row.user_name,
            display_name: row.display_name,
            email: row.email,
            preferred_language: row.preferred_language,
            time_zone: row.time_zone,
            declared_country: row.declared_country,
            entitlement,
            sanctions: row.sanctions.into_iter().map(Into::into).collect(),
            created_at: row.created_at,
            deleted_at: row.deleted_at,
        }
    }
}

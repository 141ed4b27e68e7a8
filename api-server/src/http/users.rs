//! What administrators see and decide of accounts (SPEC §5 admin). The account itself stands in [`super::objects`].

use chrono::{DateTime, Utc};
use poem_openapi::{Enum, Object};
use shared::db;
use shared::domain::plan::Overrides;
use shared::domain::text;
use uuid::Uuid;

use super::objects::{Account, Sanction};
use super::problem::{FieldError, Problem};
use crate::page_of;

page_of!(AccountPage, Account);
page_of!(SanctionPage, Sanction);
page_of!(GrantPage, Grant);

/// What a sanction forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum SanctionKind {
    /// Opening sessions.
    LoginBlock,
    /// Making private games.
    PrivateGameCreateBlock,
    /// Managing own private games.
    PrivateGameManageBlock,
    /// Joining games.
    GameJoinBlock,
    /// Changing profile and settings.
    ProfileUpdateBlock,
    /// Everything; it also ends whatever the account takes part in.
    PermanentBlock,
}

impl SanctionKind {
    /// The word in the database.
    pub const fn word(self) -> &'static str {
        match self {
            Self::LoginBlock => "login_block",
            Self::PrivateGameCreateBlock => "private_game_create_block",
            Self::PrivateGameManageBlock => "private_game_manage_block",
            Self::GameJoinBlock => "game_join_block",
            Self::ProfileUpdateBlock => "profile_update_block",
            Self::PermanentBlock => "permanent_block",
        }
    }
}

/// What an account has paid for, or was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Plan {
    /// What everybody has.
    Free,
    /// Paid by the month.
    Monthly,
    /// Paid by the year.
    Yearly,
    /// For good.
    Permanent,
}

impl Plan {
    /// The word in the database.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
            Self::Permanent => "permanent",
        }
    }
}

/// A sanction to be set, in force from now on.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewSanction {
    /// What it forbids.
    pub kind: SanctionKind,
    /// Why, in one line of 1 to 500 characters. The account's owner reads it.
    #[oai(validator(min_length = 1, max_length = 500))]
    pub reason: String,
    /// Until when, in the future; null: until it is lifted.
    pub ends_at: Option<DateTime<Utc>>,
}

/// A plan to be granted, in force from now on in place of the one before.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewGrant {
    /// The plan.
    pub plan: Plan,
    /// Until when, in the future; the account is `free` from that moment. Null: until the next grant.
    pub ends_at: Option<DateTime<Utc>>,
    /// Who or what grants it: a word such as `admin`, `purchase`, `promotion`, of 1 to 64 characters.
    #[oai(validator(min_length = 1, max_length = 64))]
    pub source: String,
    /// Why, in one line of 1 to 500 characters.
    #[oai(validator(min_length = 1, max_length = 500))]
    pub reason: String,
}

/// One line about an account, checked.
///
/// # Errors
/// `invalid_request` naming the field.
pub fn remark(field: &str, what: &str, given: &str, max: usize) -> Result<String, Problem> {
    text::remark(what, given, max).map_err(|detail| {
        Problem::fields(vec![FieldError { pointer: format!("/{field}"), code: "value".into(), detail }])
    })
}

/// A plan that was granted: an entry of the account's history.
#[derive(Debug, Object)]
pub struct Grant {
    /// Its id.
    pub entitlement_id: Uuid,
    /// `free`, `monthly`, `yearly` or `permanent`.
    pub plan: String,
    /// Whether somebody pays for it.
    pub is_paid: bool,
    /// Who or what granted it.
    pub source: String,
    /// Why; null where it was erased with the account.
    pub reason: Option<String>,
    /// From when.
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
            is_paid: row.plan != "free",
            plan: row.plan,
            source: row.source,
            reason: row.reason,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            superseded_at: row.superseded_at,
        }
    }
}

/// What one account may have instead of what its plan allows.
#[derive(Debug, Object)]
pub struct AccountLimits {
    /// Own private games at once; null: the plan's.
    pub private_games: Option<i32>,
    /// Active memberships at once; null: the plan's.
    pub memberships: Option<i32>,
    /// Registered race names; null: the plan's.
    pub race_names: Option<i32>,
}

/// Limits to be set, all three at once: an absent one is the plan's again.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewAccountLimits {
    /// Own private games at once; null: the plan's.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub private_games: Option<i32>,
    /// Active memberships at once; null: the plan's.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub memberships: Option<i32>,
    /// Registered race names; null: the plan's.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub race_names: Option<i32>,
}

impl From<NewAccountLimits> for Overrides {
    fn from(body: NewAccountLimits) -> Self {
        Self { private_games: body.private_games, memberships: body.memberships, race_names: body.race_names }
    }
}

impl From<Overrides> for AccountLimits {
    fn from(of: Overrides) -> Self {
        Self { private_games: of.private_games, memberships: of.memberships, race_names: of.race_names }
    }
}

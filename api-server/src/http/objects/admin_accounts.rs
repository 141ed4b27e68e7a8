//! Administrators, as administrators see them (SPEC §5 objects).

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db;
use shared::domain::admin_access::{Role, Roles};
use shared::domain::email::Address;

use super::admin_access::roles_of;
use super::words::Closed;
use crate::page_of;
use crate::refusal::Problem;

page_of!(AdminAccountPage, AdminAccount);

/// An administrator.
#[derive(Debug, Object)]
pub struct AdminAccount {
    /// The name to log in with.
    pub user_name: String,
    /// Whether the administrator may log in.
    pub enabled: bool,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// What the administrator may do.
    pub roles: Vec<Closed<Role>>,
    /// Where the administrator is told that their second factor was reset.
    pub email: Option<String>,
    /// Whether the administrator has a second factor.
    pub has_second_factor: bool,
}

impl From<db::admin_accounts::AdminAccount> for AdminAccount {
    fn from(row: db::admin_accounts::AdminAccount) -> Self {
        Self {
            user_name: row.user_name,
            enabled: row.enabled,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            roles: roles_of(Roles::read(&row.roles)),
            email: row.email,
            has_second_factor: row.has_factor,
        }
    }
}

/// An address in its normal form.
///
/// # Errors
/// `invalid_request` naming `/email`.
pub fn address(given: Option<&str>) -> Result<Option<String>, Problem> {
    let read = |text: &str| Address::parse(text).map(|address| address.as_str().to_owned());
    given.map(read).transpose().map_err(|fault| Problem::field("/email", "format", fault.to_string()))
}

/// An administrator and the password that they were just given.
#[derive(Object)]
pub struct AdminAccountPassword {
    /// The name to log in with.
    pub user_name: String,
    /// Whether the administrator may log in.
    pub enabled: bool,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// The new password. It is shown this once.
    pub password: String,
}

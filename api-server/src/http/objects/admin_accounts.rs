//! Administrators, as administrators see them (SPEC §5 objects).

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db;

use crate::page_of;

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
}

impl From<db::admin_accounts::AdminAccount> for AdminAccount {
    fn from(row: db::admin_accounts::AdminAccount) -> Self {
        Self {
            user_name: row.user_name,
            enabled: row.enabled,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        }
    }
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

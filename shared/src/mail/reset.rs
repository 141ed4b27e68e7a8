//! The mail to an administrator whose second factor was reset: it tells of no notification, since administrators have no accounts
//! that notifications go to.

use chrono::{DateTime, Utc};

use super::{Line, Prose};

/// `admin.second_factor_reset`: somebody took an administrator's second factor away (SPEC §4 "Administrators").
#[derive(Clone, Debug)]
pub struct SecondFactorReset {
    /// Whose.
    pub user_name: Line,
    /// Who did it.
    pub by: Line,
    /// Why, in their words.
    pub reason: Prose,
    /// When.
    pub at: DateTime<Utc>,
}

//! A mail that tells of no notification: a login code must never lie in a notification's payload.

use chrono::{DateTime, Utc};

/// `auth.login_code`: the code that somebody asked for to sign in (SPEC §6).
#[derive(Clone)]
pub struct LoginCode {
    /// Six digits, or groups of letters and digits for a guarded address.
    pub code: String,
    /// When it was asked for. Two mails differ by it, in their subjects too.
    pub asked_at: DateTime<Utc>,
    /// Until when it holds.
    pub expires_at: DateTime<Utc>,
}

impl LoginCode {
    /// Whether it has more characters than fit into the large type of six digits on a small screen.
    pub(super) fn is_long(&self) -> bool {
        self.code.chars().count() > 8
    }
}

impl std::fmt::Debug for LoginCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginCode").field("code", &"[redacted]").field("expires_at", &self.expires_at).finish()
    }
}

//! What each operation of administrators asks of whoever calls it: the one table of roles (SPEC §4 "Administrators"). The guard
//! enforces it, the document prints it (`x-galaxy-roles`), and `api-server/tests/it/rights.rs` walks it.

use shared::domain::admin_access::{Role, Roles, Via};

use crate::refusal::ErrorCode;
use crate::use_cases::caller::Admin;

/// What an operation asks beside a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// Nothing more.
    Nothing,
    /// A code of the second factor within the last ten minutes, where there is a second factor; and so a person.
    Confirmation,
    /// The same, of some of its requests: the operation asks itself ([`Admin::confirmed`]).
    ConfirmationOfSome,
    /// A person. It goes without a second factor, too: it is how one comes to have it.
    Person,
    /// A person, without a second factor too; and a code of it of some requests of who has one.
    PersonAndConfirmationOfSome,
    /// Not even a second factor.
    Less,
}

impl Asks {
    /// Whether it goes without a second factor where one is required.
    const fn before_factor(self) -> bool {
        matches!(self, Self::Person | Self::PersonAndConfirmationOfSome | Self::Less)
    }

    /// Whether a program's token will not do, ever or sometimes.
    const fn person(self) -> bool {
        !matches!(self, Self::Nothing | Self::Less)
    }

    /// Whether a code is asked for, ever or sometimes.
    const fn confirmation(self) -> bool {
        matches!(self, Self::Confirmation | Self::ConfirmationOfSome | Self::PersonAndConfirmationOfSome)
    }
}

/// What an operation asks.
#[derive(Debug)]
pub struct Right {
    /// The operation, by its id in the document.
    pub operation: &'static str,
    /// The roles of which one is needed.
    pub roles: Roles,
    /// What else.
    pub asks: Asks,
    /// Whether the trail wants to know why: sanctions, deletion, ends, bans, what is done by force, and to many.
    pub wants_reason: bool,
    /// Whether it can be tried, to see what it would change: what hurts, and cannot be taken back. All that it writes it writes in
    /// transactions that it commits, and what it reads after them it does not need.
    pub has_preview: bool,
}

const fn right(operation: &'static str, roles: Roles, asks: Asks) -> Right {
    Right { operation, roles, asks, wants_reason: false, has_preview: false }
}

impl Right {
    const fn with_reason(self) -> Self {
        Self { wants_reason: true, ..self }
    }

    const fn with_preview(self) -> Self {
        Self { has_preview: true, ..self }
    }
}

const ANY: Roles = Roles::of(&[Role::Viewer, Role::Support, Role::GameMaster, Role::Operator, Role::Owner]);
const PEOPLE: Roles = Roles::of(&[Role::Support, Role::Owner]);
const MAIL: Roles = Roles::of(&[Role::Support, Role::Operator, Role::Owner]);
const GAMES: Roles = Roles::of(&[Role::GameMaster, Role::Owner]);
const NOTES: Roles = Roles::of(&[Role::Support, Role::GameMaster, Role::Owner]);
const RUNNING: Roles = Roles::of(&[Role::Operator, Role::Owner]);
const OWNERS: Roles = Roles::of(&[Role::Owner]);

/// Every operation under `/admin` but the two by which one comes in.
pub const RIGHTS: &[Right] = &[
    right("admin_list_admin_accounts", ANY, Asks::Nothing),
    right("admin_get_admin_account", ANY, Asks::Nothing),
    right("admin_create_admin_account", OWNERS, Asks::Confirmation),
    right("admin_patch_admin_account", OWNERS, Asks::Confirmation),
    right("admin_enable_admin_account", OWNERS, Asks::Confirmation),
    right("admin_disable_admin_account", OWNERS, Asks::Confirmation),
    right("admin_reset_admin_account_password", OWNERS, Asks::Confirmation),
    right("admin_reset_admin_account_second_factor", OWNERS, Asks::Confirmation),
    right("admin_get_me", ANY, Asks::Less),
    right("admin_sign_out", ANY, Asks::Person),
    right("admin_change_password", ANY, Asks::Person),
    right("admin_confirm", ANY, Asks::Person),
    right("admin_list_own_sessions", ANY, Asks::Person),
    right("admin_end_own_session", ANY, Asks::Person),
    right("admin_confirm_totp", ANY, Asks::Person),
    right("admin_begin_totp", ANY, Asks::PersonAndConfirmationOfSome),
    right("admin_list_tokens", ANY, Asks::Nothing),
    right("admin_get_token", ANY, Asks::Nothing),
    right("admin_create_token", ANY, Asks::Confirmation),
    right("admin_revoke_token", ANY, Asks::Confirmation),
    right("admin_export_audit_log", ANY, Asks::Confirmation),
    right("admin_export_games", ANY, Asks::Confirmation),
    right("admin_export_mail_dead_letters", ANY, Asks::Confirmation),
    right("admin_export_mail_deliveries", ANY, Asks::Confirmation),
    right("admin_export_notification_dead_letters", ANY, Asks::Confirmation),
    right("admin_export_notifications", ANY, Asks::Confirmation),
    right("admin_export_runtimes", ANY, Asks::Confirmation),
    right("admin_export_users", ANY, Asks::Confirmation),
    right("admin_get_application", ANY, Asks::Nothing),
    right("admin_get_engine_version", ANY, Asks::Nothing),
    right("admin_get_entitlement", ANY, Asks::Nothing),
    right("admin_get_game", ANY, Asks::Nothing),
    right("admin_get_limits", ANY, Asks::Nothing),
    right("admin_get_mail_delivery", ANY, Asks::Nothing),
    right("admin_get_membership", ANY, Asks::Nothing),
    right("admin_get_notification", ANY, Asks::Nothing),
    right("admin_get_runtime", ANY, Asks::Nothing),
    right("admin_get_runtime_log", ANY, Asks::Nothing),
    right("admin_get_sanction", ANY, Asks::Nothing),
    right("admin_get_user", ANY, Asks::Nothing),
    right("admin_list_applications", ANY, Asks::Nothing),
    right("admin_list_audit_log", ANY, Asks::Nothing),
    right("admin_list_engine_versions", ANY, Asks::Nothing),
    right("admin_list_entitlements", ANY, Asks::Nothing),
    right("admin_list_games", ANY, Asks::Nothing),
    right("admin_list_mail_dead_letters", ANY, Asks::Nothing),
    right("admin_list_mail_deliveries", ANY, Asks::Nothing),
    right("admin_list_mail_delivery_attempts", ANY, Asks::Nothing),
    right("admin_list_memberships", ANY, Asks::Nothing),
    right("admin_list_notification_dead_letters", ANY, Asks::Nothing),
    right("admin_list_notifications", ANY, Asks::Nothing),
    right("admin_list_queues", ANY, Asks::Nothing),
    right("admin_list_runtimes", ANY, Asks::Nothing),
    right("admin_list_sanctions", ANY, Asks::Nothing),
    right("admin_list_sessions", ANY, Asks::Nothing),
    right("admin_list_user_countries", ANY, Asks::Nothing),
    right("admin_list_users", ANY, Asks::Nothing),
    right("admin_list_workers", ANY, Asks::Nothing),
    right("admin_get_overview", ANY, Asks::Nothing),
    right("admin_get_stats", ANY, Asks::Nothing),
    right("admin_search", ANY, Asks::Nothing),
    right("admin_list_push_subscribers", ANY, Asks::Nothing),
    right("admin_game_timeline", ANY, Asks::Nothing),
    right("admin_user_timeline", ANY, Asks::Nothing),
    right("admin_get_game_note", ANY, Asks::Nothing),
    right("admin_get_user_note", ANY, Asks::Nothing),
    right("admin_list_game_notes", ANY, Asks::Nothing),
    right("admin_list_user_notes", ANY, Asks::Nothing),
    right("admin_create_user_note", PEOPLE, Asks::Nothing),
    right("admin_get_mail_delivery_content", PEOPLE, Asks::Nothing),
    right("admin_create_entitlement", PEOPLE, Asks::Nothing),
    right("admin_set_limits", PEOPLE, Asks::Nothing),
    right("admin_lift_sanction", PEOPLE, Asks::Nothing).with_reason(),
    right("admin_revoke_all_sessions", PEOPLE, Asks::Nothing).with_preview(),
    right("admin_revoke_sessions", PEOPLE, Asks::Nothing).with_reason().with_preview(),
    right("admin_create_sanction", PEOPLE, Asks::ConfirmationOfSome).with_reason().with_preview(),
    right("admin_delete_user", PEOPLE, Asks::Confirmation).with_reason().with_preview(),
    right("admin_dismiss_mail_dead_letter", MAIL, Asks::Nothing),
    right("admin_dismiss_mail_dead_letters", MAIL, Asks::Nothing).with_reason().with_preview(),
    right("admin_resend_mail", MAIL, Asks::Nothing),
    right("admin_resend_mail_delivery", MAIL, Asks::Nothing),
    right("admin_resend_mail_deliveries", MAIL, Asks::Nothing).with_reason().with_preview(),
    right("admin_dismiss_notification_dead_letter", RUNNING, Asks::Nothing),
    right("admin_dismiss_notification_dead_letters", RUNNING, Asks::Nothing).with_reason().with_preview(),
    right("admin_redrive_notification_dead_letter", RUNNING, Asks::Nothing),
    right("admin_redrive_notification_dead_letters", RUNNING, Asks::Nothing).with_reason().with_preview(),
    right("admin_pause_queue", RUNNING, Asks::Nothing),
    right("admin_resume_queue", RUNNING, Asks::Nothing),
    right("admin_create_engine_version", RUNNING, Asks::Nothing),
    right("admin_patch_engine_version", RUNNING, Asks::Nothing),
    right("admin_disable_engine_version", RUNNING, Asks::Nothing),
    right("admin_reconcile_runtimes", RUNNING, Asks::Nothing),
    right("admin_create_game_note", NOTES, Asks::Nothing),
    right("admin_create_game", GAMES, Asks::Nothing),
    right("admin_patch_game", GAMES, Asks::Nothing),
    right("admin_open_enrollment_game", GAMES, Asks::Nothing),
    right("admin_ready_to_start_game", GAMES, Asks::Nothing),
    right("admin_start_game", GAMES, Asks::Nothing),
    right("admin_retry_start_game", GAMES, Asks::Nothing),
    right("admin_pause_game", GAMES, Asks::Nothing),
    right("admin_resume_game", GAMES, Asks::Nothing),
    right("admin_pause_games", GAMES, Asks::Nothing).with_reason().with_preview(),
    right("admin_resume_games", GAMES, Asks::Nothing).with_reason().with_preview(),
    right("admin_cancel_game", GAMES, Asks::Nothing).with_preview(),
    right("admin_end_game", GAMES, Asks::Nothing).with_reason().with_preview(),
    right("admin_force_start_game", GAMES, Asks::Nothing).with_reason().with_preview(),
    right("admin_force_stop_game", GAMES, Asks::Nothing).with_reason().with_preview(),
    right("admin_ban_member", GAMES, Asks::Nothing).with_reason().with_preview(),
    right("admin_remove_membership", GAMES, Asks::Nothing).with_preview(),
    right("admin_block_membership", GAMES, Asks::Nothing).with_preview(),
    right("admin_approve_application", GAMES, Asks::Nothing),
    right("admin_reject_application", GAMES, Asks::Nothing),
    right("admin_restart_runtime", GAMES, Asks::Nothing),
    right("admin_patch_runtime", GAMES, Asks::Nothing),
    right("admin_restart_runtimes", GAMES, Asks::Nothing).with_reason().with_preview(),
    right("admin_patch_runtimes", GAMES, Asks::Nothing).with_reason().with_preview(),
    right("admin_force_next_turn", GAMES, Asks::Nothing).with_reason(),
    right("admin_accept_turn", GAMES, Asks::Nothing),
    right("admin_release_runtime", GAMES, Asks::Nothing).with_preview(),
    right("admin_cancel_runtime_job", GAMES, Asks::Nothing),
];

/// The right of an operation.
#[must_use]
pub fn of(operation: &str) -> Option<&'static Right> {
    RIGHTS.iter().find(|right| right.operation == operation)
}

impl Right {
    /// Whether an administrator may call the operation; `required`: whoever may write needs a second factor.
    ///
    /// # Errors
    /// Why not.
    pub fn judge(&self, admin: &Admin, required: bool) -> Result<(), ErrorCode> {
        if !admin.roles.meet(self.roles) {
            return Err(ErrorCode::RoleRequired);
        }
        if required && !admin.has_factor && admin.roles.may_write() && !self.asks.before_factor() {
            return Err(ErrorCode::SecondFactorRequired);
        }
        match self.asks {
            Asks::Confirmation => admin.confirmed().map_err(|problem| problem.code),
            Asks::Person | Asks::PersonAndConfirmationOfSome if admin.via == Via::Token => {
                Err(ErrorCode::PersonRequired)
            }
            _ => Ok(()),
        }
    }

    /// Whether the guard, or the operation itself, may refuse a call with one of the codes that are for rights.
    pub fn may_answer(&self, code: ErrorCode) -> bool {
        match code {
            ErrorCode::RoleRequired => self.roles != ANY,
            ErrorCode::SecondFactorRequired => !self.asks.before_factor(),
            ErrorCode::PersonRequired => self.asks.person(),
            ErrorCode::ConfirmationRequired => self.asks.confirmation(),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_operation_stands_in_the_table_twice_and_owners_may_do_everything() {
        for (n, right) in RIGHTS.iter().enumerate() {
            assert!(RIGHTS[..n].iter().all(|other| other.operation != right.operation), "{}", right.operation);
            assert!(right.roles.has(Role::Owner), "{}", right.operation);
            assert!(
                right.roles == ANY || !right.roles.has(Role::Viewer),
                "{}: a viewer changes nothing",
                right.operation
            );
        }
    }
}

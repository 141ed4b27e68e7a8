//! Accounts.

use super::spec::{PIECE, Spec, get, list, post};

/// Its commands.
pub const ALL: &[Spec] = &[
    list(
        ["users", "find"],
        "/users",
        &["email", "name", "sanction", "plan"],
        &["user_id", "user_name", "display_name", "email", "entitlement.plan", "created_at", "deleted_at"],
        "Accounts",
    ),
    get(["users", "show"], "/users/{user_id}", "One account"),
    list(
        ["users", "sessions"],
        "/users/{user_id}/sessions",
        &["status"],
        &["device_session_id", "status", "created_at", "revoked_at", "revoke_reason"],
        "An account's sessions",
    ),
    list(
        ["users", "sanctions"],
        "/users/{user_id}/sanctions",
        &["in_force"],
        &["sanction_id", "kind", "actor", "starts_at", "ends_at", "lifted_at", "reason"],
        "An account's sanctions",
    ),
    list(
        ["users", "timeline"],
        "/users/{user_id}/timeline",
        &[],
        &["at", "source", "what", "outcome", "actor", "detail"],
        "What happened to an account",
    ),
    list(
        ["users", "notes"],
        "/users/{user_id}/notes",
        &[],
        &["created_at", "author", "text"],
        "What administrators wrote down about an account",
    ),
    Spec {
        query: &["dry_run"],
        ..post(["users", "revoke-sessions"], "/users/{user_id}/sessions/revoke-all", "End an account's sessions")
    },
    Spec {
        query: &["dry_run"],
        filter: &["created_after", "created_before", "sanction", "plan"],
        piece: PIECE,
        ..post(["users", "revoke-sessions-of-many"], "/users/sessions/revoke", "End the sessions of many accounts")
    },
];

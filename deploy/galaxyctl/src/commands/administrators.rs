//! Administrators, their ways in, and what they did.

use super::spec::{Spec, get, list, list_and_csv, post};

/// Its commands.
pub const ALL: &[Spec] = &[
    list(
        ["admins", "list"],
        "/admin-accounts",
        &["enabled"],
        &["user_name", "enabled", "roles", "has_second_factor", "last_used_at", "created_at", "email"],
        "Administrators",
    ),
    Spec {
        body: &["user_name"],
        secrets: &[("new_password_file", "password")],
        further: &["roles", "email"],
        keyed: true,
        ..post(
            ["admins", "create"],
            "/admin-accounts",
            "Make an administrator: roles with commas between them, an owner without",
        )
    },
    get(["admins", "show"], "/admin-accounts/{user_name}", "One administrator"),
    Spec {
        method: "PATCH",
        further: &["roles", "email"],
        ..post(
            ["admins", "change"],
            "/admin-accounts/{user_name}",
            "Change an administrator; what is not given stays, and other roles end their sessions",
        )
    },
    post(["admins", "disable"], "/admin-accounts/{user_name}/disable", "Let an administrator in no more"),
    post(["admins", "enable"], "/admin-accounts/{user_name}/enable", "Let an administrator in again"),
    post(
        ["admins", "reset-password"],
        "/admin-accounts/{user_name}/reset-password",
        "Give an administrator a new password, shown once; their sessions end, their tokens are revoked",
    ),
    Spec {
        body: &["reason"],
        ..post(
            ["admins", "reset-second-factor"],
            "/admin-accounts/{user_name}/reset-second-factor",
            "Take an administrator's second factor away; their sessions end, and they are told by mail",
        )
    },
    get(["me", "show"], "/auth/me", "Who one is, and what one may do"),
    Spec {
        secrets: &[("present_password_file", "password"), ("new_password_file", "new_password")],
        ..post(["me", "change-password"], "/auth/password", "Change one's own password; one's sessions end")
    },
    list(
        ["sessions", "list"],
        "/auth/sessions",
        &[],
        &["session_id", "created_at", "last_seen_at", "expires_at", "ended_at", "end_reason", "ip", "user_agent"],
        "One's own sessions in browsers, of the last 90 days",
    ),
    post(["sessions", "end"], "/auth/sessions/{session_id}/end", "End one of one's own sessions"),
    list(
        ["tokens", "list"],
        "/auth/tokens",
        &[],
        &["token_id", "name", "roles", "created_at", "expires_at", "last_used_at", "revoked_at"],
        "One's own tokens for programs",
    ),
    get(["tokens", "show"], "/auth/tokens/{token_id}", "One of one's own tokens"),
    Spec {
        body: &["name", "roles", "expires_in_days"],
        ..post(
            ["tokens", "create"],
            "/auth/tokens",
            "Make a token for a program, shown once: roles with commas between them, 365 days at most",
        )
    },
    post(["tokens", "revoke"], "/auth/tokens/{token_id}/revoke", "Revoke one of one's own tokens"),
    list_and_csv(
        ["audit", "list"],
        "/audit-log",
        &["actor", "action", "target_type", "target_id", "outcome", "via", "operation_id", "at_after", "at_before"],
        &["at", "actor", "action", "target_type", "target_id", "outcome", "reason", "ip", "detail"],
        "What administrators did",
    ),
];

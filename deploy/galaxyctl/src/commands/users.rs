//! Accounts.

use super::spec::{PIECE, Spec, get, list, list_and_csv, post};

/// Its commands.
pub const ALL: &[Spec] = &[
    list_and_csv(
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
        ["users", "grants"],
        "/users/{user_id}/entitlements",
        &[],
        &["entitlement_id", "plan", "source", "starts_at", "ends_at", "superseded_at", "reason"],
        "The plans that an account was granted",
    ),
    get(["users", "limits"], "/users/{user_id}/limits", "What an account may have in place of what its plan allows"),
    Spec {
        columns: &["country", "count"],
        ..get(["users", "countries"], "/users/{user_id}/countries", "The countries that an account was used from")
    },
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
        further: PIECE,
        ..post(["users", "revoke-sessions-of-many"], "/users/sessions/revoke", "End the sessions of many accounts")
    },
    Spec {
        body: &["text"],
        keyed: true,
        ..post(
            ["users", "write-note"],
            "/users/{user_id}/notes",
            "Write a note about an account, for the other administrators",
        )
    },
    Spec {
        query: &["dry_run"],
        body: &["kind", "reason"],
        further: &["ends_at"],
        keyed: true,
        ..post(["users", "set-sanction"], "/users/{user_id}/sanctions", "Set a sanction on an account")
    },
    post(["users", "lift-sanction"], "/users/{user_id}/sanctions/{sanction_id}/lift", "Lift a sanction"),
    Spec {
        body: &["plan", "source", "reason"],
        further: &["ends_at"],
        keyed: true,
        ..post(["users", "grant"], "/users/{user_id}/entitlements", "Grant a plan to an account")
    },
    Spec {
        further: &["memberships", "private_games", "race_names"],
        ..post(
            ["users", "set-limits"],
            "/users/{user_id}/limits",
            "Set an account's limits, all three at once: one that is not given is the plan's again",
        )
    },
    Spec {
        method: "DELETE",
        query: &["dry_run"],
        ..post(["users", "delete"], "/users/{user_id}", "Delete an account, for good")
    },
];

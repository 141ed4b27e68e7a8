//! Mail and notifications.

use super::spec::{Spec, get, list, list_and_csv, post};

const DEAD_MAIL: &[&str] = &["status", "template_id", "recipient", "failed_after", "failed_before"];
const DEAD_ROUTES: &[&str] =
    &["queue", "status", "kind", "notification_id", "channel", "user_id", "game_id", "failed_after", "failed_before"];
const MAIL: &[&str] = &["delivery_id", "template_id", "status", "attempts", "created_at", "last_error"];

/// Its commands.
pub const ALL: &[Spec] = &[
    list_and_csv(
        ["mail", "list"],
        "/mail/deliveries",
        &["status", "template_id", "recipient", "created_after", "created_before"],
        MAIL,
        "Mails",
    ),
    list_and_csv(["mail", "dead"], "/mail/dead-letters", DEAD_MAIL, MAIL, "Mails that were given up"),
    get(["mail", "show"], "/mail/deliveries/{delivery_id}", "One mail"),
    get(["mail", "content"], "/mail/deliveries/{delivery_id}/content", "What a mail says; it stands in the trail"),
    list(
        ["mail", "attempts"],
        "/mail/deliveries/{delivery_id}/attempts",
        &[],
        &["attempt_no", "started_at", "outcome", "smtp_code", "detail"],
        "What was tried to deliver a mail",
    ),
    post(["mail", "resend"], "/mail/deliveries/{delivery_id}/resend", "Send a mail that waits or was given up"),
    Spec {
        query: &["dry_run"],
        filter: &[
            "status",
            "template_id",
            "recipient",
            "created_after",
            "created_before",
            "failed_after",
            "failed_before",
        ],
        ..post(["mail", "resend-many"], "/mail/deliveries/resend", "Send mails that wait or were given up")
    },
    post(["mail", "dismiss"], "/mail/dead-letters/{delivery_id}/dismiss", "Put a mail away that was given up"),
    Spec {
        query: &["dry_run"],
        filter: DEAD_MAIL,
        ..post(["mail", "dismiss-many"], "/mail/dead-letters/dismiss", "Put mails away that were given up")
    },
    list_and_csv(
        ["notifications", "list"],
        "/notifications",
        &["status", "kind", "game_id", "created_after", "created_before"],
        &["notification_id", "kind", "status", "audience", "game_id", "created_at", "last_error"],
        "Notifications",
    ),
    list_and_csv(
        ["notifications", "dead"],
        "/notifications/dead-letters",
        DEAD_ROUTES,
        &["dead_letter_id", "queue", "kind", "channel", "status", "attempts", "failed_at", "last_error"],
        "Notifications and routes that were given up",
    ),
    get(["notifications", "show"], "/notifications/{notification_id}", "One notification with its routes"),
    post(["notifications", "redrive"], "/notifications/dead-letters/{route_id}/redrive", "Try a dead letter again"),
    Spec {
        query: &["dry_run"],
        filter: DEAD_ROUTES,
        ..post(["notifications", "redrive-many"], "/notifications/dead-letters/redrive", "Try dead letters again")
    },
    post(["notifications", "dismiss"], "/notifications/dead-letters/{route_id}/dismiss", "Put a dead letter away"),
    Spec {
        query: &["dry_run"],
        filter: DEAD_ROUTES,
        ..post(["notifications", "dismiss-many"], "/notifications/dead-letters/dismiss", "Put dead letters away")
    },
];

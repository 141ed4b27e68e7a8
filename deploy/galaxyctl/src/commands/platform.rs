//! The platform itself: what wants somebody, figures, queues and who works them.

use super::spec::{Spec, get, list, post};

/// Its commands.
pub const ALL: &[Spec] = &[
    get(["overview", "show"], "/overview", "Everything that may want somebody"),
    Spec { query: &["q"], ..get(["search", "find"], "/search", "Anything by id, address, name, container or request") },
    Spec {
        query: &["series", "from", "step"],
        ..get(["stats", "show"], "/stats", "Figures of each minute of the last week")
    },
    list(
        ["queues", "list"],
        "/queues",
        &[],
        &["name", "paused", "oldest_due_seconds", "depth"],
        "Every queue, how deep and how late",
    ),
    post(["queues", "pause"], "/queues/{name}/pause", "Let a queue rest: what is under way is finished"),
    post(["queues", "resume"], "/queues/{name}/resume", "Let a queue go on"),
    list(
        ["workers", "list"],
        "/workers",
        &[],
        &["process", "instance", "version", "started_at", "expires_at", "daemon_id"],
        "Who works the queues, and until when each lease lasts",
    ),
    list(
        ["push", "subscribers"],
        "/push/subscribers",
        &[],
        &["gateway_client_id", "connected_at", "seen_at", "behind"],
        "Gateways that subscribed, and how far each is",
    ),
];

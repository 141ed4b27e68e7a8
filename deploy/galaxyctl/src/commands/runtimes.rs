//! Engines and their versions.

use super::spec::{PIECE, Spec, get, list, list_and_csv, post};

/// Its commands.
pub const ALL: &[Spec] = &[
    list_and_csv(
        ["runtimes", "list"],
        "/runtimes",
        &["status"],
        &["game_id", "status", "health", "engine_version", "current_turn", "next_turn_at", "updated_at"],
        "Engines",
    ),
    get(["runtimes", "show"], "/runtimes/{game_id}", "A game's engine, its job and what was done"),
    Spec {
        query: &["tail"],
        ..get(["runtimes", "log"], "/runtimes/{game_id}/log", "The end of what an engine printed")
    },
    post(["runtimes", "restart"], "/runtimes/{game_id}/restart", "Restart a game's engine"),
    Spec {
        body: &["version"],
        ..post(["runtimes", "patch"], "/runtimes/{game_id}/patch", "Change an engine's patch version")
    },
    Spec {
        query: &["dry_run"],
        filter: &["status", "engine_version"],
        further: PIECE,
        ..post(["runtimes", "restart-many"], "/runtimes/restart", "Restart engines")
    },
    Spec {
        query: &["dry_run"],
        body: &["version"],
        filter: &["status", "engine_version"],
        further: PIECE,
        ..post(["runtimes", "patch-many"], "/runtimes/patch", "Change the patch version of engines")
    },
    post(["runtimes", "force-next-turn"], "/runtimes/{game_id}/force-next-turn", "Generate the next turn now"),
    Spec {
        body: &["turn"],
        ..post(["runtimes", "accept-turn"], "/runtimes/{game_id}/accept-turn", "Take the engine's turn")
    },
    Spec {
        query: &["dry_run"],
        ..post(["runtimes", "release"], "/runtimes/{game_id}/release", "Free a game from a daemon that is gone")
    },
    Spec {
        method: "DELETE",
        ..post(["runtimes", "cancel-job"], "/runtimes/{game_id}/job", "Cancel a job that nobody works")
    },
    Spec {
        query: &["dry_run"],
        ..post(["runtimes", "reconcile"], "/runtimes/reconcile", "Compare records and containers")
    },
    list(
        ["engine-versions", "list"],
        "/engine-versions",
        &["enabled"],
        &["version", "enabled", "image", "title", "created_at"],
        "Engine versions",
    ),
    get(["engine-versions", "show"], "/engine-versions/{version}", "One engine version"),
    Spec {
        body: &["version", "image"],
        further: &["title", "description", "min_players", "max_players"],
        keyed: true,
        ..post(["engine-versions", "create"], "/engine-versions", "Register an engine version")
    },
    Spec {
        method: "PATCH",
        further: &["image", "enabled", "title", "description", "min_players", "max_players"],
        ..post(
            ["engine-versions", "change"],
            "/engine-versions/{version}",
            "Change an engine version; what is not given stays, and null takes a number away",
        )
    },
    post(
        ["engine-versions", "disable"],
        "/engine-versions/{version}/disable",
        "Let no new game be made with a version",
    ),
];

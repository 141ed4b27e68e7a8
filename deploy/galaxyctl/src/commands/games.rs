//! Games.

use super::spec::{PIECE, Spec, get, list, list_and_csv, post};

/// Its commands.
pub const ALL: &[Spec] = &[
    list_and_csv(
        ["games", "list"],
        "/games",
        &["status", "visibility", "owner_user_id", "member_user_id"],
        &["game_id", "name", "visibility", "status", "runtime_status", "current_turn", "next_turn_at"],
        "Games",
    ),
    get(["games", "show"], "/games/{game_id}", "One game"),
    list(
        ["games", "members"],
        "/games/{game_id}/memberships",
        &["status"],
        &["membership_id", "user_id", "display_name", "race_name", "status", "joined_at"],
        "Who plays a game",
    ),
    list(
        ["games", "applications"],
        "/games/{game_id}/applications",
        &["status"],
        &["application_id", "user_id", "display_name", "race_name", "race_name_available", "status", "created_at"],
        "Who wants to join a game",
    ),
    list(
        ["games", "notes"],
        "/games/{game_id}/notes",
        &[],
        &["created_at", "author", "text"],
        "What administrators wrote down about a game",
    ),
    list(
        ["games", "timeline"],
        "/games/{game_id}/timeline",
        &[],
        &["at", "source", "what", "outcome", "actor", "detail"],
        "What happened to a game",
    ),
    Spec {
        body: &["name", "min_players", "max_players", "enrollment_ends_at", "turn_schedule", "target_engine_version"],
        further: &["description", "owner_user_id", "settings", "time_zone"],
        keyed: true,
        ..post(["games", "create"], "/games", "Make a public game")
    },
    Spec {
        method: "PATCH",
        further: &[
            "name",
            "description",
            "min_players",
            "max_players",
            "enrollment_ends_at",
            "turn_schedule",
            "time_zone",
            "target_engine_version",
            "settings",
        ],
        ..post(["games", "change"], "/games/{game_id}", "Change a game; what is not given stays")
    },
    Spec {
        body: &["text"],
        keyed: true,
        ..post(
            ["games", "write-note"],
            "/games/{game_id}/notes",
            "Write a note about a game, for the other administrators",
        )
    },
    post(["games", "open-enrollment"], "/games/{game_id}/open-enrollment", "Open a game's enrolment"),
    post(["games", "ready-to-start"], "/games/{game_id}/ready-to-start", "End a game's enrolment"),
    post(
        ["games", "approve-application"],
        "/games/{game_id}/applications/{application_id}/approve",
        "Let somebody into a game who applied",
    ),
    post(
        ["games", "reject-application"],
        "/games/{game_id}/applications/{application_id}/reject",
        "Refuse somebody who applied to a game",
    ),
    post(["games", "start"], "/games/{game_id}/start", "Start a game"),
    post(["games", "retry-start"], "/games/{game_id}/retry-start", "Start a game again whose start failed"),
    Spec {
        query: &["dry_run"],
        ..post(["games", "force-start"], "/games/{game_id}/force-start", "Start a game's engine anew on its state")
    },
    Spec {
        query: &["dry_run"],
        ..post(["games", "force-stop"], "/games/{game_id}/force-stop", "Stop a game's engine; the game is paused")
    },
    post(["games", "pause"], "/games/{game_id}/pause", "Pause a game"),
    post(["games", "resume"], "/games/{game_id}/resume", "Let a paused game go on"),
    Spec {
        query: &["dry_run"],
        filter: &["engine_version", "visibility", "owner_user_id"],
        further: PIECE,
        ..post(["games", "pause-many"], "/games/pause", "Pause running games")
    },
    Spec {
        query: &["dry_run"],
        filter: &["pause_reason", "engine_version", "visibility", "owner_user_id"],
        further: PIECE,
        ..post(["games", "resume-many"], "/games/resume", "Let paused games go on")
    },
    Spec {
        query: &["dry_run"],
        ..post(["games", "cancel"], "/games/{game_id}/cancel", "Cancel a game that has not run")
    },
    Spec {
        query: &["dry_run"],
        body: &["reason"],
        ..post(["games", "end"], "/games/{game_id}/end", "End a game before its time")
    },
    Spec {
        query: &["dry_run"],
        ..post(
            ["games", "remove-member"],
            "/games/{game_id}/memberships/{membership_id}/remove",
            "Take a player out of a game",
        )
    },
    Spec {
        query: &["dry_run"],
        ..post(
            ["games", "block-member"],
            "/games/{game_id}/memberships/{membership_id}/block",
            "Take a player out of a game, who cannot come back",
        )
    },
    Spec {
        query: &["dry_run"],
        body: &["reason"],
        ..post(["games", "ban"], "/games/{game_id}/members/{user_id}/ban", "Ban a player from a game")
    },
];

//! Games.

use super::spec::{PIECE, Spec, get, list, post};

/// Its commands.
pub const ALL: &[Spec] = &[
    list(
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
        ["games", "timeline"],
        "/games/{game_id}/timeline",
        &[],
        &["at", "source", "what", "outcome", "actor", "detail"],
        "What happened to a game",
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
        piece: PIECE,
        ..post(["games", "pause-many"], "/games/pause", "Pause running games")
    },
    Spec {
        query: &["dry_run"],
        filter: &["pause_reason", "engine_version", "visibility", "owner_user_id"],
        piece: PIECE,
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
        body: &["reason"],
        ..post(["games", "ban"], "/games/{game_id}/members/{user_id}/ban", "Ban a player from a game")
    },
];

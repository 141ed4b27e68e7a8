//! The list of mails, each in one place: what it tells of, its files, what it knows, its subject and its button.

use chrono::{DateTime, Utc};

use super::render::templates;
use super::style::Action;
use super::{Class, Known, Line, LoginCode, Prose, Rendered, SecondFactorReset, View};
use crate::domain::notification::Payload;
use crate::ids::{DeliveryId, GameId, InviteId};

/// Where a game is shown.
fn game(id: GameId) -> String {
    format!("/games/{id}")
}

/// Where administrators look after a game's container.
fn runtime(id: GameId) -> String {
    format!("/admin/runtimes/{id}")
}

templates! {
    /// A sign-in code. No button: the code belongs where it was asked for, and a link in such a mail teaches to follow others.
    LoginCode = "auth.login_code", Secret,
        ["mail/auth.login_code.txt", "mail/auth.login_code.html"],
        |m, v| format!("Your {} sign-in code, {}", v.product(), v.clock(&m.asked_at)),
        |_m| None;
    /// The reader's second factor, as an administrator, was taken away.
    SecondFactorReset = "admin.second_factor_reset", Transactional,
        ["mail/admin.second_factor_reset.txt", "mail/admin.second_factor_reset.html"],
        |_m, v| format!("[{}] The second factor of an account was reset", v.product()),
        |_m| Some(("Sign in", "/admin/sign-in".to_owned()));
    /// Somebody invites the reader to a private game.
    LobbyInviteReceived { game_id, .. } with known = "lobby.invite.received", News,
        ["mail/lobby.invite.received.txt", "mail/lobby.invite.received.html"],
        {
            /// The game's id.
            game_id: GameId = game_id,
            /// The game.
            game_name: Line = known.game(),
            /// The inviter's display name, or user name.
            inviter_name: Line = known.inviter(),
            /// The invite, and until when it holds; `None` where it is gone.
            invite: Option<(InviteId, DateTime<Utc>)> = known.invite,
        },
        |_m, v| format!("You are invited to a game on {}", v.product()),
        |m| Some(("Open the invite", match m.invite {
            Some((invite, _)) => format!("{}/invites/{invite}", game(m.game_id)),
            None => game(m.game_id),
        }));
    /// The reader's application was approved.
    LobbyApplicationApproved { game_id } with known = "lobby.application.approved", Transactional,
        ["mail/lobby.application.approved.txt", "mail/lobby.application.approved.html"],
        {
            /// The game's id.
            game_id: GameId = game_id,
            /// The game.
            game_name: Line = known.game(),
        },
        |m, _v| format!("You are in: {}", m.game_name),
        |m| Some(("Open the game", game(m.game_id)));
    /// The reader's application was rejected.
    LobbyApplicationRejected { .. } with known = "lobby.application.rejected", Transactional,
        ["mail/lobby.application.rejected.txt", "mail/lobby.application.rejected.html"],
        {
            /// The game.
            game_name: Line = known.game(),
        },
        |_m, v| format!("Your application to a game on {}", v.product()),
        |_m| Some(("Open the lobby", "/games".to_owned()));
    /// The reader was removed from a game.
    LobbyMembershipRemoved { reason, .. } with known = "lobby.membership.removed", Transactional,
        ["mail/lobby.membership.removed.txt", "mail/lobby.membership.removed.html"],
        {
            /// The game.
            game_name: Line = known.game(),
            /// Why, in words.
            reason: Prose = reason.into(),
        },
        |_m, v| format!("You were removed from a game on {}", v.product()),
        |_m| Some(("Open the lobby", "/games".to_owned()));
    /// The reader was blocked from a game.
    LobbyMembershipBlocked { .. } with known = "lobby.membership.blocked", Transactional,
        ["mail/lobby.membership.blocked.txt", "mail/lobby.membership.blocked.html"],
        {
            /// The game.
            game_name: Line = known.game(),
        },
        |_m, v| format!("You were blocked from a game on {}", v.product()),
        |_m| Some(("Open the lobby", "/games".to_owned()));
    /// The reader may register a race name for good.
    LobbyRaceNamePending { race_name, expires_at } with _known = "lobby.race_name.pending", News,
        ["mail/lobby.race_name.pending.txt", "mail/lobby.race_name.pending.html"],
        {
            /// The name as written.
            race_name: Line = race_name.into(),
            /// Until when it may be registered.
            expires_at: DateTime<Utc> = expires_at,
        },
        |_m, v| format!("Keep your race name on {}", v.product()),
        |_m| Some(("Keep the name", "/race-names".to_owned()));
    /// An engine image could not be pulled.
    RuntimeImagePullFailed { game_id, image_ref } with known = "runtime.image_pull_failed", Transactional,
        ["mail/runtime.image_pull_failed.txt", "mail/runtime.image_pull_failed.html"],
        {
            /// The game's id.
            game_id: GameId = game_id,
            /// The game.
            game_name: Line = known.game(),
            /// The image, as `engine_versions` names it.
            image_ref: Line = image_ref.into(),
        },
        |m, v| format!("[{}] Image not pulled for game {}", v.product(), m.game_id),
        |m| Some(("Open the runtime", runtime(m.game_id)));
    /// An engine container did not start.
    RuntimeContainerStartFailed { game_id } with known = "runtime.container_start_failed", Transactional,
        ["mail/runtime.container_start_failed.txt", "mail/runtime.container_start_failed.html"],
        {
            /// The game's id.
            game_id: GameId = game_id,
            /// The game.
            game_name: Line = known.game(),
        },
        |m, v| format!("[{}] Container of game {} did not start", v.product(), m.game_id),
        |m| Some(("Open the runtime", runtime(m.game_id)));
    /// A game cannot start as it is configured.
    RuntimeStartConfigInvalid { game_id, reason } with known = "runtime.start_config_invalid", Transactional,
        ["mail/runtime.start_config_invalid.txt", "mail/runtime.start_config_invalid.html"],
        {
            /// The game's id.
            game_id: GameId = game_id,
            /// The game.
            game_name: Line = known.game(),
            /// What is wrong.
            reason: Prose = reason.into(),
        },
        |m, v| format!("[{}] Game {} cannot start as configured", v.product(), m.game_id),
        |m| Some(("Open the runtime", runtime(m.game_id)));
    /// No controller serves a daemon.
    RuntimeDaemonUnserved { daemon_id, games, since } with _known = "runtime.daemon_unserved", Transactional,
        ["mail/runtime.daemon_unserved.txt", "mail/runtime.daemon_unserved.html"],
        {
            /// The daemon, as runtimes name it.
            daemon_id: Line = daemon_id.into(),
            /// How many of its games wait.
            games: u32 = games,
            /// Since when nobody serves it.
            since: DateTime<Utc> = since,
        },
        |m, v| format!("[{}] Games that no controller serves: {}", v.product(), m.games),
        |_m| Some(("Open the runtimes", "/admin/runtimes".to_owned()));
    /// A start of the reader's own game was given up.
    GameStartFailed { game_id, reason } with known = "game.start_failed", Transactional,
        ["mail/game.start_failed.txt", "mail/game.start_failed.html"],
        {
            /// The game's id.
            game_id: GameId = game_id,
            /// The game.
            game_name: Line = known.game(),
            /// Why, in a sentence; what the engine itself said is in it.
            reason: Prose = reason.into(),
        },
        |m, _v| format!("{} could not start", m.game_name),
        |m| Some(("Open the game", game(m.game_id)));
    /// A game of the reader's started.
    GameStarted { game_id } with known = "game.started", News,
        ["mail/game.started.txt", "mail/game.started.html"],
        {
            /// The game's id.
            game_id: GameId = game_id,
            /// The game.
            game_name: Line = known.game(),
            /// When the open turn ends, and with it the time for its orders; `None` where no clock ends it.
            orders_until: Option<DateTime<Utc>> = known.next_turn_at,
        },
        |m, _v| format!("{} has started", m.game_name),
        |m| Some(("Open the game", game(m.game_id)));
    /// The engine failed to close a turn.
    GameGenerationFailed { game_id, turn, reason } with known = "game.generation.failed", Transactional,
        ["mail/game.generation.failed.txt", "mail/game.generation.failed.html"],
        {
            /// The game's id.
            game_id: GameId = game_id,
            /// The game.
            game_name: Line = known.game(),
            /// The turn that was being closed.
            turn: u32 = turn,
            /// What the engine or the runtime said.
            reason: Prose = reason.into(),
        },
        |m, v| format!("[{}] Turn {} of game {} failed", v.product(), m.turn, m.game_id),
        |m| Some(("Open the runtime", runtime(m.game_id)));
    /// A game of the reader's ended.
    GameFinished { game_id, turn, winners } with known = "game.finished", News,
        ["mail/game.finished.txt", "mail/game.finished.html"],
        {
            /// The game's id.
            game_id: GameId = game_id,
            /// The game.
            game_name: Line = known.game(),
            /// The last turn.
            turn: u32 = turn,
            /// Race names, as the engine gave them; may be empty.
            winners: Vec<Line> = winners.into_iter().map(Line::from).collect(),
        },
        |m, _v| format!("{} is over", m.game_name),
        |m| Some(("Open the game", game(m.game_id)));
    /// Mails were given up: those that one cause killed in a quarter of an hour.
    MailDeadLettered { delivery_id, template_id } with known = "mail.dead_lettered", Transactional,
        ["mail/mail.dead_lettered.txt", "mail/mail.dead_lettered.html"],
        {
            /// What they died of: the step of the dialogue and the relay's code, or what went wrong before.
            cause: Line = known.cause(),
            /// How many they are.
            count: i64 = known.count(),
            /// The first of them, as the administrators' API names it.
            delivery_id: DeliveryId = delivery_id,
            /// Its template.
            template_id: Line = template_id.into(),
        },
        |m, v| format!("[{}] Mails given up: {}", v.product(), m.count),
        |_m| Some(("Open the dead letters", "/admin/mail/dead-letters".to_owned()));
}

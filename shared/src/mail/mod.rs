//! The mails of the platform: typed, rendered when they are enqueued (SPEC §11).
//!
//! A new mail is: a context struct, two files under `templates/mail/`, one entry in [`templates!`] below. A subject holds
//! what somebody wrote only where the reader is a member of the game (SPEC §7).

mod context;
mod render;
mod style;
mod words;

pub use context::{
    AboutGame, ContainerStartFailed, GameFinished, GenerationFailed, ImagePullFailed, InviteReceived, LoginCode,
    MailDeadLettered, MembershipRemoved, RaceNamePending, StartConfigInvalid, StartFailed,
};
pub use render::Rendered;
pub use style::{Style, View};
pub use words::{Line, Prose};

use crate::ids::GameId;
use render::templates;
use style::Action;

/// In which order due mails go out (SPEC §11: a code must not wait behind a broadcast).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum Priority {
    /// Somebody waits for it in front of a screen: login codes.
    Urgent = 0,
    /// News for one or a few.
    Normal = 1,
    /// One of very many: broadcasts.
    Bulk = 2,
}

impl Priority {
    /// How many there are: the queue has one claim statement for each.
    pub const COUNT: i16 = 3;

    /// As the column holds it.
    #[must_use]
    pub const fn as_i16(self) -> i16 {
        self as i16
    }
}

/// What the reader gets the mail for, which decides about `List-Unsubscribe` and about wiping (docs/mail.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Holds a secret: sent first, wiped at every terminal state.
    Secret,
    /// The answer to something the reader did, or an alarm to the administrators.
    Transactional,
    /// News that others caused: carries `List-Unsubscribe`.
    News,
}

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
    LoginCode(LoginCode) = "auth.login_code", Secret, ["mail/auth.login_code.txt", "mail/auth.login_code.html"],
        |m, v| format!("Your {} sign-in code, {}", v.product(), v.clock(&m.asked_at)),
        |_m| None;
    /// Somebody invites the reader to a private game.
    InviteReceived(InviteReceived) = "lobby.invite.received", News, ["mail/lobby.invite.received.txt", "mail/lobby.invite.received.html"],
        |_m, v| format!("You are invited to a game on {}", v.product()),
        |m| Some(("Open the invite", match m.invite {
            Some((invite, _)) => format!("/games/{}/invites/{invite}", m.game_id),
            None => format!("/games/{}", m.game_id),
        }));
    /// The reader's application was approved.
    ApplicationApproved(AboutGame) = "lobby.application.approved", Transactional,
        ["mail/lobby.application.approved.txt", "mail/lobby.application.approved.html"],
        |m, _v| format!("You are in: {}", m.game_name),
        |m| Some(("Open the game", game(m.game_id)));
    /// The reader's application was rejected.
    ApplicationRejected(AboutGame) = "lobby.application.rejected", Transactional,
        ["mail/lobby.application.rejected.txt", "mail/lobby.application.rejected.html"],
        |_m, v| format!("Your application to a game on {}", v.product()),
        |_m| Some(("Open the lobby", "/games".to_owned()));
    /// The reader was removed from a game.
    MembershipRemoved(MembershipRemoved) = "lobby.membership.removed", Transactional,
        ["mail/lobby.membership.removed.txt", "mail/lobby.membership.removed.html"],
        |_m, v| format!("You were removed from a game on {}", v.product()),
        |_m| Some(("Open the lobby", "/games".to_owned()));
    /// The reader was blocked from a game.
    MembershipBlocked(AboutGame) = "lobby.membership.blocked", Transactional,
        ["mail/lobby.membership.blocked.txt", "mail/lobby.membership.blocked.html"],
        |_m, v| format!("You were blocked from a game on {}", v.product()),
        |_m| Some(("Open the lobby", "/games".to_owned()));
    /// The reader may register a race name for good.
    RaceNamePending(RaceNamePending) = "lobby.race_name.pending", News,
        ["mail/lobby.race_name.pending.txt", "mail/lobby.race_name.pending.html"],
        |_m, v| format!("Keep your race name on {}", v.product()),
        |_m| Some(("Keep the name", "/race-names".to_owned()));
    /// A start of the reader's own game was given up.
    StartFailed(StartFailed) = "game.start_failed", Transactional, ["mail/game.start_failed.txt", "mail/game.start_failed.html"],
        |m, _v| format!("{} could not start", m.game_name),
        |m| Some(("Open the game", game(m.game_id)));
    /// A game of the reader's started.
    GameStarted(AboutGame) = "game.started", News, ["mail/game.started.txt", "mail/game.started.html"],
        |m, _v| format!("{} has started", m.game_name),
        |m| Some(("Open the game", game(m.game_id)));
    /// A game of the reader's ended.
    GameFinished(GameFinished) = "game.finished", News, ["mail/game.finished.txt", "mail/game.finished.html"],
        |m, _v| format!("{} is over", m.game_name),
        |m| Some(("Open the game", game(m.game_id)));
    /// The engine failed to close a turn.
    GenerationFailed(GenerationFailed) = "game.generation.failed", Transactional,
        ["mail/game.generation.failed.txt", "mail/game.generation.failed.html"],
        |m, v| format!("[{}] Turn {} of game {} failed", v.product(), m.turn, m.game_id),
        |m| Some(("Open the runtime", runtime(m.game_id)));
    /// An engine image could not be pulled.
    ImagePullFailed(ImagePullFailed) = "runtime.image_pull_failed", Transactional,
        ["mail/runtime.image_pull_failed.txt", "mail/runtime.image_pull_failed.html"],
        |m, v| format!("[{}] Image not pulled for game {}", v.product(), m.game_id),
        |m| Some(("Open the runtime", runtime(m.game_id)));
    /// An engine container did not start.
    ContainerStartFailed(ContainerStartFailed) = "runtime.container_start_failed", Transactional,
        ["mail/runtime.container_start_failed.txt", "mail/runtime.container_start_failed.html"],
        |m, v| format!("[{}] Container of game {} did not start", v.product(), m.game_id),
        |m| Some(("Open the runtime", runtime(m.game_id)));
    /// A game cannot start as it is configured.
    StartConfigInvalid(StartConfigInvalid) = "runtime.start_config_invalid", Transactional,
        ["mail/runtime.start_config_invalid.txt", "mail/runtime.start_config_invalid.html"],
        |m, v| format!("[{}] Game {} cannot start as configured", v.product(), m.game_id),
        |m| Some(("Open the runtime", runtime(m.game_id)));
    /// Mails were given up.
    MailDeadLettered(MailDeadLettered) = "mail.dead_lettered", Transactional,
        ["mail/mail.dead_lettered.txt", "mail/mail.dead_lettered.html"],
        |m, v| format!("[{}] Mails given up: {}", v.product(), m.count),
        |_m| Some(("Open the dead letters", "/admin/mail/dead-letters".to_owned()));
}

#[cfg(test)]
mod tests;

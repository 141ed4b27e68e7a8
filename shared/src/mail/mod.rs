//! The mails of the platform: typed, rendered when they are enqueued (SPEC §11).
//!
//! A new mail is: a context struct, two files under `templates/mail/`, one line in [`templates!`] below.

mod context;
mod render;

pub use context::{
    AboutGame, ContainerStartFailed, GameFinished, GenerationFailed, ImagePullFailed, InviteReceived, LoginCode,
    MailDeadLettered, MembershipRemoved, RaceNamePending, StartConfigInvalid,
};
pub use render::Rendered;

use render::templates;

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

templates! {
    /// A sign-in code.
    LoginCode(LoginCode) = "auth.login_code", Secret, ["mail/auth.login_code.txt", "mail/auth.login_code.html"],
        |_m| "Your Galaxy sign-in code";
    /// Somebody invites the reader to a private game.
    InviteReceived(InviteReceived) = "lobby.invite.received", News, ["mail/lobby.invite.received.txt", "mail/lobby.invite.received.html"],
        |m| format!("{} invites you to {}", m.inviter_name, m.game_name);
    /// The reader's application was approved.
    ApplicationApproved(AboutGame) = "lobby.application.approved", Transactional, ["mail/lobby.application.approved.txt", "mail/lobby.application.approved.html"],
        |m| format!("You are in: {}", m.game_name);
    /// The reader's application was rejected.
    ApplicationRejected(AboutGame) = "lobby.application.rejected", Transactional, ["mail/lobby.application.rejected.txt", "mail/lobby.application.rejected.html"],
        |m| format!("Your application to {}", m.game_name);
    /// The reader was removed from a game.
    MembershipRemoved(MembershipRemoved) = "lobby.membership.removed", Transactional, ["mail/lobby.membership.removed.txt", "mail/lobby.membership.removed.html"],
        |m| format!("You were removed from {}", m.game_name);
    /// The reader was blocked from a game.
    MembershipBlocked(AboutGame) = "lobby.membership.blocked", Transactional, ["mail/lobby.membership.blocked.txt", "mail/lobby.membership.blocked.html"],
        |m| format!("You were blocked from {}", m.game_name);
    /// The reader may register a race name for good.
    RaceNamePending(RaceNamePending) = "lobby.race_name.pending", News, ["mail/lobby.race_name.pending.txt", "mail/lobby.race_name.pending.html"],
        |m| format!("Keep the name {}", m.race_name);
    /// A game of the reader's started.
    GameStarted(AboutGame) = "game.started", News, ["mail/game.started.txt", "mail/game.started.html"],
        |m| format!("{} has started", m.game_name);
    /// A game of the reader's ended.
    GameFinished(GameFinished) = "game.finished", News, ["mail/game.finished.txt", "mail/game.finished.html"],
        |m| format!("{} is over", m.game_name);
    /// The engine failed to close a turn.
    GenerationFailed(GenerationFailed) = "game.generation.failed", Transactional, ["mail/game.generation.failed.txt", "mail/game.generation.failed.html"],
        |m| format!("[Galaxy] Turn {} of {} failed", m.turn, m.game_name);
    /// An engine image could not be pulled.
    ImagePullFailed(ImagePullFailed) = "runtime.image_pull_failed", Transactional, ["mail/runtime.image_pull_failed.txt", "mail/runtime.image_pull_failed.html"],
        |m| format!("[Galaxy] Image not pulled for {}", m.game_name);
    /// An engine container did not start.
    ContainerStartFailed(ContainerStartFailed) = "runtime.container_start_failed", Transactional, ["mail/runtime.container_start_failed.txt", "mail/runtime.container_start_failed.html"],
        |m| format!("[Galaxy] Container of {} did not start", m.game_name);
    /// A game cannot start as it is configured.
    StartConfigInvalid(StartConfigInvalid) = "runtime.start_config_invalid", Transactional, ["mail/runtime.start_config_invalid.txt", "mail/runtime.start_config_invalid.html"],
        |m| format!("[Galaxy] {} cannot start as configured", m.game_name);
    /// A mail was given up.
    MailDeadLettered(MailDeadLettered) = "mail.dead_lettered", Transactional, ["mail/mail.dead_lettered.txt", "mail/mail.dead_lettered.html"],
        |m| format!("[Galaxy] A mail was given up: {}", m.template_id);
}

#[cfg(test)]
mod tests;

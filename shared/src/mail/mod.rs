//! The mails of the platform: typed, rendered when they are enqueued (SPEC §11).
//!
//! A new mail is: two files under `templates/mail/`, and one entry in `templates!` of `kinds.rs`. What somebody wrote is a
//! [`Line`] or a [`Prose`]: templates cannot show it raw. A subject holds it only where the reader is a member of the game
//! (SPEC §7).

mod code;
mod kinds;
mod known;
mod render;
mod reset;
mod style;
mod words;

pub use code::LoginCode;
pub use kinds::*;
pub use known::Known;
pub use render::Rendered;
pub use reset::SecondFactorReset;
pub use style::{Style, View};
pub use words::{Line, Prose};

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

impl Template {
    /// The same mail, which names nobody beside its reader.
    #[must_use]
    pub fn unnamed(&self) -> Self {
        let mut template = self.clone();
        if let Self::LobbyInviteReceived(mail) = &mut template {
            mail.inviter_name = known::somebody();
        }
        template
    }
}

#[cfg(test)]
mod tests;

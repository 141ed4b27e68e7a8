//! What mails say beside the payload that they tell of.

use chrono::{DateTime, Utc};

use super::Line;
use crate::ids::InviteId;

/// Who invites where the inviter is gone.
const SOMEBODY: &str = "Somebody";

/// What the database knew about a notification when its mail was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Name of the game it is about.
    pub game_name: Option<String>,
    /// For an invite: display name of the inviter, else the user name; `None` where they are deleted.
    pub inviter_name: Option<String>,
    /// For an invite: the invite, and until when it holds.
    pub invite: Option<(InviteId, DateTime<Utc>)>,
    /// For a game that started: when its open turn ends; `None` where that is nobody's clock to say.
    pub next_turn_at: Option<DateTime<Utc>>,
    /// For an alarm about dead letters: their cause, and how many they are. An alarm of a build that gathered none has none.
    pub alarm: Option<(String, i64)>,
}

impl Known {
    pub(super) fn game(&self) -> Line {
        Line::new(self.game_name.as_deref().unwrap_or("a game"))
    }

    pub(super) fn inviter(&self) -> Line {
        self.inviter_name.as_deref().map_or_else(somebody, Line::new)
    }

    pub(super) fn cause(&self) -> Line {
        Line::new(self.alarm.as_ref().map_or("see the delivery", |(cause, _)| cause))
    }

    pub(super) fn count(&self) -> i64 {
        self.alarm.as_ref().map_or(1, |(_, count)| *count)
    }
}

pub(super) fn somebody() -> Line {
    Line::new(SOMEBODY)
}

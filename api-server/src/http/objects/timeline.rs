//! What happened to an account or a game, in one line of time (SPEC §5 objects).

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db;
use uuid::Uuid;

use crate::page_of;

page_of!(TimelinePage, TimelineEntry);

/// Something that happened to an account or a game.
#[derive(Debug, Object)]
pub struct TimelineEntry {
    /// The id of what tells of it: an entry of the trail, an operation, a job, a mail, …
    pub entry_id: Uuid,
    /// When that was made.
    pub at: DateTime<Utc>,
    /// Where it is from.
    pub source: String,
    /// What: an action, an operation, a kind, a template, a race's name.
    pub what: String,
    /// How it ended, or where it stands; null where that is not told apart.
    pub outcome: Option<String>,
    /// The administrator who did or wrote it; null where none did.
    pub actor: Option<String>,
    /// What else is known of it: a reason, an error, the text of a note.
    pub detail: Option<String>,
    /// The account that it is of, in the line of a game; null otherwise.
    pub user_id: Option<Uuid>,
    /// The game that it is of, in the line of an account; null otherwise.
    pub game_id: Option<Uuid>,
}

impl From<db::timeline::Entry> for TimelineEntry {
    fn from(row: db::timeline::Entry) -> Self {
        Self {
            entry_id: row.entry_id,
            at: row.at,
            source: row.source,
            what: row.what,
            outcome: row.outcome,
            actor: row.actor,
            detail: row.detail,
            user_id: row.user_id.map(Into::into),
            game_id: row.game_id.map(Into::into),
        }
    }
}

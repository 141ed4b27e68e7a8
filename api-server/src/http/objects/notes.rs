//! Notes of administrators about accounts and games (SPEC §5 objects).

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db;
use uuid::Uuid;

use crate::page_of;

page_of!(NotePage, Note);

/// What an administrator wrote down for the others.
#[derive(Debug, Object)]
pub struct Note {
    /// The note's id.
    pub note_id: Uuid,
    /// The account that it is about; null: it is about a game.
    pub user_id: Option<Uuid>,
    /// The game that it is about; null: it is about an account.
    pub game_id: Option<Uuid>,
    /// Who wrote it.
    pub author: String,
    /// What it says.
    pub text: String,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

impl From<db::notes::Note> for Note {
    fn from(row: db::notes::Note) -> Self {
        Self {
            note_id: row.note_id.uuid(),
            user_id: row.user_id.map(Into::into),
            game_id: row.game_id.map(Into::into),
            author: row.author,
            text: row.text,
            created_at: row.created_at,
        }
    }
}

/// A note to be written. It is never changed afterwards.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewNote {
    /// What it says, 1 to 2000 characters in lines. Administrators alone read it.
    #[oai(validator(min_length = 1, max_length = 2000))]
    pub text: String,
}

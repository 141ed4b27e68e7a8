//! What a search finds (SPEC §5 objects).

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use uuid::Uuid;

use crate::use_cases::search::Found;

/// What was found.
#[derive(Debug, Object)]
pub struct Hits {
    /// First what the text is itself, then what it is the name of, then what it made. Each thing is there once.
    pub hits: Vec<Hit>,
}

/// Something that was found.
#[derive(Debug, Object)]
pub struct Hit {
    /// What it is.
    pub kind: String,
    /// Its id; of a runtime its game's.
    pub id: Uuid,
    /// What people tell it by: a name, a kind, a state. No address.
    pub title: String,
    /// By what it was found.
    pub matched: String,
    /// The account that it belongs to, or is.
    pub user_id: Option<Uuid>,
    /// The game that it belongs to, or is.
    pub game_id: Option<Uuid>,
    /// When it was made.
    pub at: DateTime<Utc>,
}

impl From<Found> for Hit {
    fn from(Found { hit, by }: Found) -> Self {
        Self {
            kind: hit.kind,
            id: hit.id,
            title: hit.title,
            matched: by.to_string(),
            user_id: hit.user_id.map(Into::into),
            game_id: hit.game_id.map(Into::into),
            at: hit.at,
        }
    }
}

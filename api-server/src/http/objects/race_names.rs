//! Race names (SPEC §5 objects).

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db;
use uuid::Uuid;

use crate::page_of;

page_of!(RaceNamePage, RaceName);

/// The name under which somebody wants to play.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct WantedRaceName {
    /// 1 to 32 characters of one script.
    pub race_name: String,
}

/// An entry of the Race Name Directory.
#[derive(Debug, Object)]
pub struct RaceName {
    /// The name, as people see it.
    pub race_name: String,
    /// What is unique: two names with one key are the same name.
    pub canonical_key: String,
    /// `reserved`, `pending_registration`, `registered` or `released`.
    pub status: String,
    /// The game that it is for, or comes from.
    pub game_id: Option<Uuid>,
    /// When a pending one lapses.
    pub expires_at: Option<DateTime<Utc>>,
}

impl From<db::race_names::Entry> for RaceName {
    fn from(row: db::race_names::Entry) -> Self {
        Self {
            race_name: row.race_name,
            canonical_key: row.canonical_key,
            status: row.status.to_string(),
            game_id: row.game_id.map(Into::into),
            expires_at: row.expires_at,
        }
    }
}

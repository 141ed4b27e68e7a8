//! Engine versions, as administrators and users see them (SPEC §5 objects).

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db;

use crate::page_of;

page_of!(EngineVersionPage, EngineVersion);
page_of!(LobbyEngineVersionPage, LobbyEngineVersion);

/// An engine image that games may run on.
#[derive(Debug, Object)]
pub struct EngineVersion {
    /// Semantic version label.
    pub version: String,
    /// Image reference, by tag or digest; with the process driver the path of a binary.
    pub image: String,
    /// Whether new starts may use it.
    pub enabled: bool,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// What users read instead of the label.
    pub title: Option<String>,
    /// What users read about it.
    pub description: Option<String>,
    /// Games on it have at least so many players; null: no bound.
    pub min_players: Option<i32>,
    /// Games on it have at most so many players; null: no bound.
    pub max_players: Option<i32>,
}

impl From<db::engine_versions::EngineVersion> for EngineVersion {
    fn from(row: db::engine_versions::EngineVersion) -> Self {
        Self {
            version: row.version,
            image: row.image,
            enabled: row.enabled,
            created_at: row.created_at,
            title: row.title,
            description: row.description,
            min_players: row.min_players,
            max_players: row.max_players,
        }
    }
}

/// An engine version that a game can be made with.
#[derive(Debug, Object)]
pub struct LobbyEngineVersion {
    /// Semantic version label, for `target_engine_version`.
    pub version: String,
    /// Whether new starts may use it.
    pub enabled: bool,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// What to show instead of the label.
    pub title: Option<String>,
    /// What to show about it.
    pub description: Option<String>,
    /// A game's `min_players` must not be below; null: no bound.
    pub min_players: Option<i32>,
    /// A game's `max_players` must not be above; null: no bound.
    pub max_players: Option<i32>,
}

impl From<db::engine_versions::EngineVersion> for LobbyEngineVersion {
    fn from(row: db::engine_versions::EngineVersion) -> Self {
        Self {
            version: row.version,
            enabled: row.enabled,
            created_at: row.created_at,
            title: row.title,
            description: row.description,
            min_players: row.min_players,
            max_players: row.max_players,
        }
    }
}

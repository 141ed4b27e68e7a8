//! Applications to public games (SPEC §5 objects).

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db;
use uuid::Uuid;

use crate::page_of;

page_of!(ApplicationPage, Application);

/// Somebody's wish to join a public game.
#[derive(Debug, Object)]
pub struct Application {
    /// The application's id.
    pub application_id: Uuid,
    /// The game.
    pub game_id: Uuid,
    /// Who applies.
    pub user_id: Uuid,
    /// The applicant's display name; null where they have none.
    pub display_name: Option<String>,
    /// The wanted race name.
    pub race_name: String,
    /// Whether the wanted race name is free now. `false`: somebody else got it first, and the application cannot be approved
    /// until it is free again. The applicant waits, or withdraws and applies with another one. Null once it is decided.
    pub race_name_available: Option<bool>,
    /// `submitted`, `approved`, `rejected`, `withdrawn` or `closed`.
    pub status: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was decided.
    pub decided_at: Option<DateTime<Utc>>,
}

impl From<db::applications::Application> for Application {
    fn from(row: db::applications::Application) -> Self {
        Self {
            application_id: row.application_id.uuid(),
            game_id: row.game_id.uuid(),
            user_id: row.user_id.uuid(),
            display_name: row.display_name,
            race_name: row.race_name,
            race_name_available: row.race_name_available,
            status: row.status.to_string(),
            created_at: row.created_at,
            decided_at: row.decided_at,
        }
    }
}

//! Games, as the users' and the administrators' operations answer and take them (SPEC §5 objects).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde_json::Value;
use shared::db;
use uuid::Uuid;

use crate::page_of;
use crate::use_cases::games::{Edit, Wanted};

page_of!(GamePage, Game);

/// A game.
#[derive(Debug, Object)]
pub struct Game {
    /// The game's id.
    pub game_id: Uuid,
    /// The game's name, as people see it.
    pub name: String,
    /// What the game is about, as people see it; perhaps empty.
    pub description: String,
    /// `public` (made by administrators, anybody applies) or `private` (made by a user, who invites).
    pub visibility: String,
    /// `draft`, `enrollment_open`, `ready_to_start`, `starting`, `start_failed`, `running`, `paused`, `finished` or `cancelled`.
    pub status: String,
    /// The user who runs it; null where administrators alone do.
    pub owner_user_id: Option<Uuid>,
    /// That user's display name; null where there is no such user, or they have none.
    pub owner_display_name: Option<String>,
    /// Fewest members to start with.
    pub min_players: i32,
    /// Most members.
    pub max_players: i32,
    /// Active members now.
    pub approved_count: i32,
    /// When enrolment closes.
    pub enrollment_ends_at: DateTime<Utc>,
    /// Five-field cron, or `@every <n>(s|m|h)`.
    pub turn_schedule: String,
    /// IANA time zone in which cron fields are read.
    pub time_zone: String,
    /// The engine version that a start uses.
    pub target_engine_version: String,
    /// What the engine is told when the game begins: an object that only the engine understands; empty where nothing was said.
    pub settings: BTreeMap<String, Value>,
    /// The turn that is open, from 0.
    pub current_turn: i32,
    /// Why it is paused: `manual`, `stopped`, `state_limit` (its engine keeps too much), `schedule_ended` (its schedule says no next turn),
    /// or a runtime status.
    pub pause_reason: Option<String>,
    /// Race names of the winners; empty until it is finished, and where it was ended before its time.
    pub winners: Vec<String>,
    /// Why it was ended before its time; null where it goes on, or was played to its end.
    pub end_reason: Option<String>,
    /// State of its runtime, once it was started.
    pub runtime_status: Option<String>,
    /// When the next turn is due; null while none is.
    pub next_turn_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it first ran.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

impl From<db::games::Game> for Game {
    fn from(row: db::games::Game) -> Self {
        Self {
            game_id: row.game_id.uuid(),
            name: row.name,
            description: row.description,
            visibility: row.visibility.to_string(),
            status: row.status.to_string(),
            owner_user_id: row.owner_user_id.map(Into::into),
            owner_display_name: row.owner_display_name,
            min_players: row.min_players,
            max_players: row.max_players,
            approved_count: row.approved_count,
            enrollment_ends_at: row.enrollment_ends_at,
            turn_schedule: row.turn_schedule,
            time_zone: row.time_zone,
            target_engine_version: row.target_engine_version,
            settings: match row.settings {
                Value::Object(settings) => settings.into_iter().collect(),
                // The constraint games_settings_check leaves nothing else.
                _ => BTreeMap::new(),
            },
            current_turn: row.current_turn,
            pause_reason: row.pause_reason.map(|reason| reason.to_string()),
            winners: row.winners,
            end_reason: row.end_reason,
            runtime_status: row.runtime_status.map(|status| status.to_string()),
            next_turn_at: row.next_turn_at,
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
        }
    }
}

/// Both ways to make a game take the same; administrators may say whose it is.
macro_rules! new_game {
    (
        $(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)* }
        owner: |$body:ident| $owner:expr
    ) => {
        $(#[$meta])*
        #[derive(Debug, Object)]
        #[oai(deny_unknown_fields)]
        pub struct $name {
            /// As shown: 1 to 64 characters as people count them (extended grapheme clusters) and at most 256 code points, by the rules
            /// of an account's `display_name`.
            #[oai(validator(min_length = 1, max_length = 256))]
            pub name: String,
            /// What the game is about, as people see it.
            #[oai(validator(max_length = 4000))]
            pub description: Option<String>,
            /// Fewest members to start with.
            #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
            pub min_players: i32,
            /// Most members, not below `min_players`.
            #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
            pub max_players: i32,
            /// When enrolment closes; in the future.
            pub enrollment_ends_at: DateTime<Utc>,
            /// Five-field cron, or `@every <n>(s|m|h)`.
            #[oai(validator(max_length = 100))]
            pub turn_schedule: String,
            /// IANA time zone in which cron fields are read; UTC if absent.
            #[oai(validator(max_length = 64))]
            pub time_zone: Option<String>,
            /// A registered engine version.
            #[oai(validator(max_length = 128))]
            pub target_engine_version: String,
            /// What the engine is told when the game begins: an object that only the engine understands, up to 16 KiB as compact JSON and
            /// 32 levels deep. Shown to everybody who sees the game.
            pub settings: Option<BTreeMap<String, Value>>,
            $($(#[$field_meta])* pub $field: $type,)*
        }

        impl From<$name> for Wanted {
            fn from($body: $name) -> Self {
                Self {
                    name: $body.name,
                    description: $body.description,
                    min_players: $body.min_players,
                    max_players: $body.max_players,
                    enrollment_ends_at: $body.enrollment_ends_at,
                    turn_schedule: $body.turn_schedule,
                    time_zone: $body.time_zone,
                    target_engine_version: $body.target_engine_version,
                    settings: $body.settings,
                    owner_user_id: $owner,
                }
            }
        }
    };
}

new_game! {
    /// A private game to be made.
    NewGame {}
    owner: |body| None
}

new_game! {
    /// A public game to be made.
    NewPublicGame {
        /// A user who then runs the game as its owner; absent: administrators alone.
        pub owner_user_id: Option<Uuid>,
    }
    owner: |body| body.owner_user_id.map(Into::into)
}

/// What to change of a game; absent fields stay as they are. Players, enrolment, engine version and settings are settled once it runs.
#[derive(Debug, Default, Object)]
#[oai(deny_unknown_fields)]
pub struct PatchGame {
    /// As shown: 1 to 64 characters as people count them (extended grapheme clusters) and at most 256 code points, by the rules
    /// of an account's `display_name`.
    #[oai(validator(min_length = 1, max_length = 256))]
    pub name: Option<String>,
    /// What the game is about, as people see it.
    #[oai(validator(max_length = 4000))]
    pub description: Option<String>,
    /// Fewest members to start with.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    pub min_players: Option<i32>,
    /// Most members, not below `min_players` nor below those who are in already.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    pub max_players: Option<i32>,
    /// When enrolment closes; in the future.
    pub enrollment_ends_at: Option<DateTime<Utc>>,
    /// Five-field cron, or `@every <n>(s|m|h)`.
    #[oai(validator(max_length = 100))]
    pub turn_schedule: Option<String>,
    /// IANA time zone in which cron fields are read.
    #[oai(validator(max_length = 64))]
    pub time_zone: Option<String>,
    /// A registered engine version.
    #[oai(validator(max_length = 128))]
    pub target_engine_version: Option<String>,
    /// What the engine is told when the game begins, in place of what was said before: an object that only the engine
    /// understands, up to 16 KiB as compact JSON and 32 levels deep.
    pub settings: Option<BTreeMap<String, Value>>,
}

impl From<PatchGame> for Edit {
    fn from(body: PatchGame) -> Self {
        Self {
            name: body.name,
            description: body.description,
            min_players: body.min_players,
            max_players: body.max_players,
            enrollment_ends_at: body.enrollment_ends_at,
            turn_schedule: body.turn_schedule,
            time_zone: body.time_zone,
            target_engine_version: body.target_engine_version,
            settings: body.settings,
        }
    }
}

/// Why a game is ended before its time.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct EndGame {
    /// Shown with the game as `end_reason`, to whoever sees the game.
    #[oai(validator(min_length = 1, max_length = 500))]
    pub reason: String,
}

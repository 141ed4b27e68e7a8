//! The lobby's objects (SPEC §5 objects), as both the users' and the administrators' operations answer and take them.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db;
use shared::domain::fault::Fault;
use shared::domain::name;
use uuid::Uuid;

use super::problem::{FieldError, Problem};
use crate::page_of;

page_of!(GamePage, Game);
page_of!(ApplicationPage, Application);
page_of!(InvitePage, Invite);
page_of!(MembershipPage, Membership);
page_of!(RaceNamePage, RaceName);

/// Who a game is for.
pub const VISIBILITIES: &[&str] = &["public", "private"];
/// The states of an application.
pub const APPLICATION_STATES: &[&str] = &["submitted", "approved", "rejected", "withdrawn", "closed"];
/// The states of a membership.
pub const MEMBERSHIP_STATES: &[&str] = &["active", "left", "removed", "blocked"];

/// A game.
#[derive(Debug, Object)]
pub struct Game {
    /// Its id.
    pub game_id: Uuid,
    /// As shown.
    pub name: String,
    /// As shown; perhaps empty.
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
    /// The turn that is open, from 0.
    pub current_turn: i32,
    /// Why it is paused: `manual`, `stopped`, `schedule_ended` (its schedule says no next turn), or a runtime status.
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
            visibility: row.visibility,
            status: row.status,
            owner_user_id: row.owner_user_id.map(Into::into),
            owner_display_name: row.owner_display_name,
            min_players: row.min_players,
            max_players: row.max_players,
            approved_count: row.approved_count,
            enrollment_ends_at: row.enrollment_ends_at,
            turn_schedule: row.turn_schedule,
            time_zone: row.time_zone,
            target_engine_version: row.target_engine_version,
            current_turn: row.current_turn,
            pause_reason: row.pause_reason,
            winners: row.winners,
            end_reason: row.end_reason,
            runtime_status: row.runtime_status,
            next_turn_at: row.next_turn_at,
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
        }
    }
}

/// A private game to be made.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewGame {
    /// As shown: 1 to 64 characters as people count them (extended grapheme clusters) and at most 256 code points, by the rules
    /// of an account's `display_name`.
    #[oai(validator(min_length = 1, max_length = 256))]
    pub name: String,
    /// As shown.
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
}

/// A public game to be made.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewPublicGame {
    /// As shown: 1 to 64 characters as people count them (extended grapheme clusters) and at most 256 code points, by the rules
    /// of an account's `display_name`.
    #[oai(validator(min_length = 1, max_length = 256))]
    pub name: String,
    /// As shown.
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
    /// A user who then runs the game as its owner; absent: administrators alone.
    pub owner_user_id: Option<Uuid>,
}

impl NewPublicGame {
    /// The part that private games have too.
    pub fn game(&self) -> NewGame {
        NewGame {
            name: self.name.clone(),
            description: self.description.clone(),
            min_players: self.min_players,
            max_players: self.max_players,
            enrollment_ends_at: self.enrollment_ends_at,
            turn_schedule: self.turn_schedule.clone(),
            time_zone: self.time_zone.clone(),
            target_engine_version: self.target_engine_version.clone(),
        }
    }
}

/// What to change of a game; absent fields stay as they are. Players, enrolment and engine version are settled once it runs.
#[derive(Debug, Default, Object)]
#[oai(deny_unknown_fields)]
pub struct PatchGame {
    /// As shown: 1 to 64 characters as people count them (extended grapheme clusters) and at most 256 code points, by the rules
    /// of an account's `display_name`.
    #[oai(validator(min_length = 1, max_length = 256))]
    pub name: Option<String>,
    /// As shown.
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
}

/// Applies the rules for names and descriptions and gathers their faults.
pub fn check_texts(name: Option<&str>, description: Option<&str>) -> Result<(Option<String>, Option<String>), Problem> {
    check_words("name", name, description)
}

/// As [`check_texts`], where the field of the name is called otherwise.
pub fn check_words(
    field: &str,
    name: Option<&str>,
    description: Option<&str>,
) -> Result<(Option<String>, Option<String>), Problem> {
    let mut faults = Vec::new();
    let mut check = |field: &str, text: Option<&str>, rule: fn(&str) -> Result<String, Fault>| {
        text.and_then(|text| rule(text).map_err(|fault| faults.push(FieldError::of(field, fault))).ok())
    };
    let checked = (check(field, name, name::game_name), check("description", description, name::game_description));
    if faults.is_empty() { Ok(checked) } else { Err(Problem::fields(faults)) }
}

/// Why a game is ended before its time.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct EndGame {
    /// Shown with the game as `end_reason`, to whoever sees the game.
    #[oai(validator(min_length = 1, max_length = 500))]
    pub reason: String,
}

/// Somebody's wish to join a public game.
#[derive(Debug, Object)]
pub struct Application {
    /// Its id.
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
            status: row.status,
            created_at: row.created_at,
            decided_at: row.decided_at,
        }
    }
}

/// The name under which somebody wants to play.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct WantedRaceName {
    /// 1 to 32 characters of one script.
    pub race_name: String,
}

/// The way into a private game.
#[derive(Debug, Object)]
pub struct Invite {
    /// Its id.
    pub invite_id: Uuid,
    /// The game.
    pub game_id: Uuid,
    /// Who invites.
    pub inviter_user_id: Uuid,
    /// The inviter's display name; null where they have none.
    pub inviter_display_name: Option<String>,
    /// Whom; null for a shareable code.
    pub invited_user_id: Option<Uuid>,
    /// The invited user's display name; null where they have none, and for a shareable code.
    pub invited_display_name: Option<String>,
    /// The shareable code, digits and capital letters in groups; null for an invite to one user.
    pub code: Option<String>,
    /// How often the code may be used.
    pub max_uses: Option<i32>,
    /// How often it was used.
    pub uses: i32,
    /// `open`, `redeemed`, `declined`, `revoked`, `expired` or `closed`.
    pub status: String,
    /// Until when it may be redeemed.
    pub expires_at: DateTime<Utc>,
}

impl From<db::invites::Invite> for Invite {
    fn from(row: db::invites::Invite) -> Self {
        Self {
            invite_id: row.invite_id.uuid(),
            game_id: row.game_id.uuid(),
            inviter_user_id: row.inviter_user_id.uuid(),
            inviter_display_name: row.inviter_display_name,
            invited_user_id: row.invited_user_id.map(Into::into),
            invited_display_name: row.invited_display_name,
            code: row.code,
            max_uses: row.max_uses,
            uses: row.uses,
            status: row.status,
            expires_at: row.expires_at,
        }
    }
}

/// A redeemed invite, and the membership that it gave.
#[derive(Debug, Object)]
pub struct RedeemedInvite {
    /// The invite as it is now.
    #[oai(flatten)]
    pub invite: Invite,
    /// What it gave.
    pub membership: Membership,
}

/// Somebody's place in a game.
#[derive(Debug, Object)]
pub struct Membership {
    /// Its id.
    pub membership_id: Uuid,
    /// The game.
    pub game_id: Uuid,
    /// Who.
    pub user_id: Uuid,
    /// The member's display name; null where they have none.
    pub display_name: Option<String>,
    /// As what.
    pub race_name: String,
    /// `active`, `left`, `removed` or `blocked`.
    pub status: String,
    /// Since when.
    pub joined_at: DateTime<Utc>,
}

impl From<db::memberships::Membership> for Membership {
    fn from(row: db::memberships::Membership) -> Self {
        Self {
            membership_id: row.membership_id.uuid(),
            game_id: row.game_id.uuid(),
            user_id: row.user_id.uuid(),
            display_name: row.display_name,
            race_name: row.race_name,
            status: row.status,
            joined_at: row.joined_at,
        }
    }
}

/// An entry of the Race Name Directory.
#[derive(Debug, Object)]
pub struct RaceName {
    /// As shown.
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
            status: row.status,
            game_id: row.game_id.map(Into::into),
            expires_at: row.expires_at,
        }
    }
}

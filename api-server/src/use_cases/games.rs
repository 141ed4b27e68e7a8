//! Games: making, describing, seeing them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use shared::db::engine_versions::Terms;
use shared::db::games::{Game, GameChange, LockedGame, NewGame};
use shared::db::idempotency::Idempotency;
use shared::db::{self, Tx};
use shared::domain::account::{self, SanctionKind};
use shared::domain::game::{GameAction, GamePart, GameStatus, PauseReason, Refusal, Visibility, act, may_change};
use shared::domain::game_settings;
use shared::domain::schedule::{Schedule, ScheduleError};
use shared::ids::{GameId, UserId};
use sqlx::PgConnection;

use super::caller::Caller;
use super::change::{Change, standing};
use super::idempotency;
use super::texts::check_texts;
use crate::app::App;
use crate::refusal::{ErrorCode, FieldError, Problem};

/// No such game, or none that the caller may know of.
pub fn game_not_found() -> Problem {
    Problem::new(ErrorCode::GameNotFound, "No such game.")
}

/// The caller does not run the game.
pub(super) fn not_owner() -> Problem {
    Problem::new(ErrorCode::NotGameOwner, "Only who runs the game may do this.")
}

/// The game, if the user may see it.
///
/// # Errors
/// `game_not_found`.
pub async fn visible(conn: &mut PgConnection, game_id: GameId, user_id: UserId) -> Result<Game, Problem> {
    db::games::get_visible(conn, game_id, user_id).await?.ok_or_else(game_not_found)
}

/// The game, if the user runs it.
///
/// # Errors
/// `game_not_found` where the user may not even see it, else `not_game_owner`.
pub async fn owned(conn: &mut PgConnection, game_id: GameId, user_id: UserId) -> Result<Game, Problem> {
    let game = visible(conn, game_id, user_id).await?;
    if game.owner_user_id == Some(user_id) { Ok(game) } else { Err(not_owner()) }
}

/// Locks a game that the caller manages: as its owner, or as an administrator a public one.
///
/// # Errors
/// `game_not_found`, `not_game_owner`, `sanctioned`.
pub async fn lock_managed(
    conn: &mut PgConnection,
    caller: &Caller<'_>,
    game_id: GameId,
) -> Result<LockedGame, Problem> {
    // Enrolling is managing: who may do it may decide applications and invites.
    match lock_for(conn, caller, game_id, GameAction::Enroll).await? {
        Permit::Granted(game, _) | Permit::WrongState(game) => Ok(game),
    }
}

/// What the rules say of an action on a locked game.
pub enum Permit {
    /// The action is allowed; the status after it.
    Granted(LockedGame, GameStatus),
    /// The caller may do it, but not now.
    WrongState(LockedGame),
}

impl Permit {
    /// The game and its next status.
    ///
    /// # Errors
    /// `game_state_conflict` where the action does not fit the state.
    pub fn granted(self, action: GameAction) -> Result<(LockedGame, GameStatus), Problem> {
        match self {
            Self::Granted(game, next) => Ok((game, next)),
            Self::WrongState(game) => Err(Problem::new(
                ErrorCode::GameStateConflict,
                format!("The game is {}: {action} is not possible now.", game.status),
            )),
        }
    }
}

/// Locks a game and asks the rules whether the caller may do `action` to it. What follows in the transaction is not raced.
///
/// # Errors
/// `game_not_found`, `not_game_owner`, `sanctioned`.
pub async fn lock_for(
    conn: &mut PgConnection,
    caller: &Caller<'_>,
    game_id: GameId,
    action: GameAction,
) -> Result<Permit, Problem> {
    let game = db::games::lock(&mut *conn, game_id).await?.ok_or_else(game_not_found)?;
    let verdict = act(game.status, game.visibility, action, caller.actor(&game));
    if verdict == Err(Refusal::Forbidden) {
        if let Some(user_id) = caller.user_id() {
            visible(conn, game_id, user_id).await?;
        }
        return Err(not_owner());
    }
    if game.visibility == Visibility::Private {
        caller.not_sanctioned(SanctionKind::PrivateGameManageBlock)?;
    }
    Ok(match verdict {
        Ok(next) => Permit::Granted(game, next),
        Err(_) => Permit::WrongState(game),
    })
}

/// The game as it is now, for the answer.
pub(super) async fn present(conn: &mut PgConnection, game_id: GameId) -> Result<Game, Problem> {
    db::games::get(conn, game_id).await?.ok_or_else(game_not_found)
}

/// A game as it is asked for.
#[derive(Debug)]
pub struct Wanted {
    /// The game's name, as people see it.
    pub name: String,
    /// What the game is about, as people see it.
    pub description: Option<String>,
    /// Fewest members to start with.
    pub min_players: i32,
    /// Most members.
    pub max_players: i32,
    /// When enrolment closes.
    pub enrollment_ends_at: DateTime<Utc>,
    /// Cron or `@every`.
    pub turn_schedule: String,
    /// IANA zone of the schedule; UTC where none is named.
    pub time_zone: Option<String>,
    /// The version to start.
    pub target_engine_version: String,
    /// What the engine is told when the game begins.
    pub settings: Option<BTreeMap<String, Value>>,
    /// Who is to run a public game; a private one is run by whoever makes it.
    pub owner_user_id: Option<UserId>,
}

/// What is to be changed of a game; `None` leaves a field as it is.
#[derive(Debug)]
pub struct Edit {
    /// The game's name, as people see it.
    pub name: Option<String>,
    /// What the game is about, as people see it.
    pub description: Option<String>,
    /// Fewest members to start with.
    pub min_players: Option<i32>,
    /// Most members.
    pub max_players: Option<i32>,
    /// When enrolment closes.
    pub enrollment_ends_at: Option<DateTime<Utc>>,
    /// Cron or `@every`.
    pub turn_schedule: Option<String>,
    /// IANA zone of the schedule.
    pub time_zone: Option<String>,
    /// The version to start.
    pub target_engine_version: Option<String>,
    /// What the engine is told when the game begins.
    pub settings: Option<BTreeMap<String, Value>>,
}

/// Applies the bounds of settings; they come back as they are kept.
fn check_settings(settings: Option<&BTreeMap<String, Value>>) -> Result<Option<String>, Problem> {
    let Some(settings) = settings else { return Ok(None) };
    let settings = settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let checked = game_settings::game_settings(&settings);
    checked.map(Some).map_err(|fault| Problem::fields(vec![FieldError::of("settings", fault)]))
}

/// Makes a game in `draft`: a user's own private one, or an administrator's public one, perhaps with an owner.
///
/// # Errors
/// `invalid_request` naming fields, `engine_version_disabled`, `idempotency_key_reused`; for users `sanctioned`, `limit_reached`.
pub async fn create(
    app: &App,
    caller: &Caller<'_>,
    wanted: &Wanted,
    key: Option<&Idempotency>,
) -> Result<Game, Problem> {
    caller.not_sanctioned(SanctionKind::PrivateGameCreateBlock)?;
    let (name, description) = check_texts(Some(&wanted.name), wanted.description.as_deref())?;
    let zone = time_zone(wanted.time_zone.as_deref())?;
    let zone = zone.as_deref().unwrap_or("UTC");
    check_players(wanted.min_players, wanted.max_players)?;
    schedule(app, &wanted.turn_schedule, zone)?;
    let settings = check_settings(wanted.settings.as_ref())?;
    let game_id = GameId::new();
    let new = NewGame {
        game_id,
        visibility: if caller.user_id().is_some() { Visibility::Private } else { Visibility::Public },
        owner_user_id: caller.user_id().or(wanted.owner_user_id),
        name: name.as_deref().unwrap_or_default(),
        description: description.as_deref().unwrap_or_default(),
        min_players: wanted.min_players,
        max_players: wanted.max_players,
        enrollment_ends_at: wanted.enrollment_ends_at,
        turn_schedule: wanted.turn_schedule.trim(),
        time_zone: zone,
        target_engine_version: &wanted.target_engine_version,
        settings: settings.as_deref().unwrap_or("{}"),
    };

    let mut tx = app.db.begin().await?;
    let allowance = match caller.user_id() {
        Some(user_id) => Some((user_id, db::limits::lock(&mut tx, user_id).await?.ok_or_else(unknown_user)?)),
        None => None,
    };
    if let Some(key) = key
        && let Some(made) = idempotency::judge(key, db::games::replayed(&mut tx, key).await?)?
    {
        return present(&mut tx, made).await;
    }
    if let Some(owner) = new.owner_user_id.filter(|_| caller.user_id().is_none()) {
        // Held: an owner who is deleted or blocked meanwhile loses it with all that they own.
        let sanctions = db::accounts::hold(&mut tx, owner).await?;
        if sanctions.is_none_or(|kinds| kinds.contains(&SanctionKind::PermanentBlock)) {
            return Err(Problem::field("/owner_user_id", "value", "is no account that may own a game"));
        }
    }
    if let Some((user_id, allowance)) = allowance {
        // Blocked for good since the request began: nothing of theirs may begin any more.
        let sanctions = db::accounts::standing(&mut tx, user_id).await?.ok_or_else(unknown_user)?;
        if sanctions.contains(&SanctionKind::PermanentBlock) {
            return Err(unknown_user());
        }
        let allowed = allowance.limits.private_games;
        if db::limits::count_private_games(&mut tx, user_id).await? >= allowed {
            return Err(Problem::new(
                ErrorCode::LimitReached,
                format!("The account ({}) may have {allowed} private games at once.", allowance.plan),
            ));
        }
    }
    check_enrollment_end(&mut tx, wanted.enrollment_ends_at).await?;
    let terms = check_engine_version(&mut tx, &wanted.target_engine_version).await?;
    check_players_of_engine(&terms, wanted.min_players, wanted.max_players)?;
    if !db::games::insert(&mut tx, &new, key).await.map_err(constraint)? {
        let key = key.ok_or_else(|| Problem::internal(&"a game without a key was replayed"))?;
        let made = idempotency::judge(key, db::games::replayed(&mut tx, key).await?)?.ok_or_else(game_not_found)?;
        return present(&mut tx, made).await;
    }
    let game = present(&mut tx, game_id).await?;
    let after = standing(game.status, game.pause_reason);
    let change = Change::of(json!({ "name": new.name }), Value::Null, after);
    caller.audit(&mut tx, "game.create", "game", &game_id.to_string(), change).await?;
    tx.commit().await?;
    Ok(game)
}

/// Changes a game's description, limits, schedule.
///
/// # Errors
/// Those of [`lock_for`], `invalid_request` naming fields, `game_state_conflict`, `engine_version_disabled`.
pub async fn edit(app: &App, caller: &Caller<'_>, game_id: GameId, wanted: &Edit) -> Result<Game, Problem> {
    let (name, description) = check_texts(wanted.name.as_deref(), wanted.description.as_deref())?;
    let zone = time_zone(wanted.time_zone.as_deref())?;
    let settings = check_settings(wanted.settings.as_ref())?;
    let mut tx = app.db.begin().await?;
    let action = if chooses_engine(caller, wanted) { GameAction::ChooseEngine } else { GameAction::Edit };
    let (game, _) = lock_for(&mut tx, caller, game_id, action).await?.granted(action)?;
    check_parts(&game, caller, wanted)?;
    check_players(wanted.min_players.unwrap_or(game.min_players), wanted.max_players.unwrap_or(game.max_players))?;
    if wanted.turn_schedule.is_some() || wanted.time_zone.is_some() {
        let text = wanted.turn_schedule.as_deref().unwrap_or(&game.turn_schedule);
        schedule(app, text, zone.as_deref().unwrap_or(&game.time_zone))?;
    }
    if let Some(at) = wanted.enrollment_ends_at {
        check_enrollment_end(&mut tx, at).await?;
    }
    check_engine(&mut tx, &game, wanted).await?;
    let change = GameChange {
        name: name.as_deref(),
        description: description.as_deref(),
        min_players: wanted.min_players,
        max_players: wanted.max_players,
        enrollment_ends_at: wanted.enrollment_ends_at,
        turn_schedule: wanted.turn_schedule.as_deref().map(str::trim),
        time_zone: zone.as_deref(),
        target_engine_version: wanted.target_engine_version.as_deref(),
        settings: settings.as_deref(),
    };
    let before = present(&mut tx, game_id).await?;
    db::games::change(&mut tx, game_id, &change).await.map_err(constraint)?;
    let game = present(&mut tx, game_id).await?;
    let told = Change::of(trail(wanted), terms(wanted, &before), terms(wanted, &game));
    caller.audit(&mut tx, "game.patch", "game", &game_id.to_string(), told).await?;
    tx.commit().await?;
    Ok(game)
}

/// What is changed, for the trail; of texts only that they are.
fn trail(wanted: &Edit) -> Value {
    let parts = [
        ("name", wanted.name.as_ref().map(|_| json!("changed"))),
        ("description", wanted.description.as_ref().map(|_| json!("changed"))),
        ("min_players", wanted.min_players.map(Into::into)),
        ("max_players", wanted.max_players.map(Into::into)),
        ("enrollment_ends_at", wanted.enrollment_ends_at.map(|at| json!(at))),
        ("turn_schedule", wanted.turn_schedule.as_ref().map(|text| json!(text))),
        ("time_zone", wanted.time_zone.as_ref().map(|text| json!(text))),
        ("target_engine_version", wanted.target_engine_version.as_ref().map(|text| json!(text))),
        ("settings", wanted.settings.as_ref().map(|_| json!("changed"))),
    ];
    parts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// What a game has where it is to be changed, for the trail; none of the texts.
fn terms(wanted: &Edit, game: &Game) -> Value {
    let parts = [
        ("min_players", wanted.min_players.is_some(), json!(game.min_players)),
        ("max_players", wanted.max_players.is_some(), json!(game.max_players)),
        ("enrollment_ends_at", wanted.enrollment_ends_at.is_some(), json!(game.enrollment_ends_at)),
        ("turn_schedule", wanted.turn_schedule.is_some(), json!(game.turn_schedule)),
        ("time_zone", wanted.time_zone.is_some(), json!(game.time_zone)),
        ("target_engine_version", wanted.target_engine_version.is_some(), json!(game.target_engine_version)),
    ];
    parts.into_iter().filter_map(|(name, asked, value)| asked.then(|| (name.to_owned(), value))).collect()
}

/// Whether what is to be changed is not settled yet.
fn check_parts(game: &LockedGame, caller: &Caller<'_>, wanted: &Edit) -> Result<(), Problem> {
    let status = game.status;
    let stopped = game.pause_reason == Some(PauseReason::Stopped);
    let parts = [
        (GamePart::Texts, wanted.name.is_some() || wanted.description.is_some()),
        (GamePart::Schedule, wanted.turn_schedule.is_some() || wanted.time_zone.is_some()),
        (GamePart::Players, wanted.min_players.is_some() || wanted.max_players.is_some()),
        (GamePart::EnrollmentEnd, wanted.enrollment_ends_at.is_some()),
        (GamePart::EngineVersion, wanted.target_engine_version.is_some()),
        (GamePart::Settings, wanted.settings.is_some()),
    ];
    for (part, changed) in parts {
        if changed && !may_change(status, game.started, stopped, part, caller.actor(game)) {
            return Err(Problem::new(
                ErrorCode::GameStateConflict,
                format!("The game is {status}: its {part} cannot be changed now."),
            ));
        }
    }
    Ok(())
}

/// Whether an administrator changes the engine and nothing else: that is theirs to do for private games too, once those
/// ran.
fn chooses_engine(caller: &Caller<'_>, wanted: &Edit) -> bool {
    let texts = wanted.name.is_some() || wanted.description.is_some();
    let players = wanted.min_players.is_some() || wanted.max_players.is_some() || wanted.enrollment_ends_at.is_some();
    let turns = wanted.turn_schedule.is_some() || wanted.time_zone.is_some() || wanted.settings.is_some();
    caller.user_id().is_none() && wanted.target_engine_version.is_some() && !(texts || players || turns)
}

fn unknown_user() -> Problem {
    Problem::new(ErrorCode::UserUnknown, "X-User-ID names nobody who may act.")
}

fn check_players(min: i32, max: i32) -> Result<(), Problem> {
    if min <= max { Ok(()) } else { Err(Problem::field("/max_players", "range", "must not be below min_players")) }
}

/// A time zone that somebody names, in the database's own case; `@every` needs none, and takes no wrong one either.
fn time_zone(text: Option<&str>) -> Result<Option<String>, Problem> {
    let zone = text.map(account::time_zone).transpose();
    zone.map_err(|fault| Problem::fields(vec![FieldError::of("time_zone", fault)]))
}

/// Reads a turn schedule under this installation's limits.
pub(super) fn schedule(app: &App, text: &str, zone: &str) -> Result<Schedule, Problem> {
    Schedule::parse(text, zone, app.config.lobby.min_turn_interval).map_err(|error| match &error {
        ScheduleError::Zone(_) => Problem::field("/time_zone", "value", error.to_string()),
        ScheduleError::TooOften { .. } => Problem::field("/turn_schedule", "range", error.to_string()),
        ScheduleError::Syntax(_) | ScheduleError::Never => {
            Problem::field("/turn_schedule", "format", error.to_string())
        }
    })
}

async fn check_enrollment_end(conn: &mut PgConnection, at: DateTime<Utc>) -> Result<(), Problem> {
    if at > db::games::now(conn).await? {
        Ok(())
    } else {
        Err(Problem::field("/enrollment_ends_at", "range", "must be in the future"))
    }
}

async fn check_engine_version(tx: &mut Tx, version: &str) -> Result<Terms, Problem> {
    match db::engine_versions::hold(tx, version).await? {
        Some(terms) if terms.enabled => Ok(terms),
        Some(_) => {
            Err(Problem::new(ErrorCode::EngineVersionDisabled, "This engine version may not be used for new starts."))
        }
        None => Err(Problem::field("/target_engine_version", "value", "no such engine version")),
    }
}

/// Whether an engine is for so few, and for so many players.
fn check_players_of_engine(terms: &Terms, min: i32, max: i32) -> Result<(), Problem> {
    let mut faults = Vec::new();
    let mut fault = |pointer: &str, detail: String| {
        faults.push(FieldError { pointer: pointer.into(), code: "range".into(), detail });
    };
    if let Some(least) = terms.min_players.filter(|least| min < *least) {
        fault("/min_players", format!("the engine version is for {least} players at least"));
    }
    if let Some(most) = terms.max_players.filter(|most| max > *most) {
        fault("/max_players", format!("the engine version is for {most} players at most"));
    }
    if faults.is_empty() { Ok(()) } else { Err(Problem::fields(faults)) }
}

/// Whether a game's engine version and its players fit each other after a change of either. A game that has run has the players
/// that it has: only the version is looked at then.
async fn check_engine(tx: &mut Tx, game: &LockedGame, wanted: &Edit) -> Result<(), Problem> {
    let players = wanted.min_players.is_some() || wanted.max_players.is_some();
    let terms = match &wanted.target_engine_version {
        Some(version) => Some(check_engine_version(tx, version).await?),
        None if players => db::engine_versions::hold(tx, &game.target_engine_version).await?,
        None => None,
    };
    let Some(terms) = terms.filter(|_| !game.started) else { return Ok(()) };
    let (min, max) = (wanted.min_players.unwrap_or(game.min_players), wanted.max_players.unwrap_or(game.max_players));
    check_players_of_engine(&terms, min, max).map_err(|problem| match players {
        true => problem,
        // The players were there before: it is the version that does not fit them.
        false => {
            Problem::field("/target_engine_version", "value", format!("{} ({min} to {max} players)", problem.detail))
        }
    })
}

fn constraint(error: db::Error) -> Problem {
    match error.constraint() {
        Some("games_approved_count_check") => {
            Problem::field("/max_players", "range", "more members than this are in already")
        }
        Some("games_players_check") => {
            Problem::field("/max_players", "range", "must be 1 to 1000 and not below min_players")
        }
        Some("games_target_engine_version_fkey") => {
            Problem::field("/target_engine_version", "value", "no such engine version")
        }
        _ => error.into(),
    }
}

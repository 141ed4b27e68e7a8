//! What is to be done about what was seen: a pure function of both sides and the time. It knows nothing of Docker or Postgres;
//! `docs/reconciler.md` has its table, and the tests below hold it to every pair.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::domain::game::{GameStatus, PauseReason};
use shared::domain::runtime::RuntimeStatus;
use shared::ids::GameId;

use crate::driver::{Doing, Listed};

/// What is noted of the past lies no further ahead than this: while both sides are read it goes on being noted.
const SLACK: TimeDelta = TimeDelta::seconds(5);

/// A game's recorded side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The game.
    pub game_id: GameId,
    /// Its status.
    pub game: GameStatus,
    /// Why it is paused.
    pub pause_reason: Option<PauseReason>,
    /// The game's last change.
    pub changed_at: DateTime<Utc>,
    /// Whether a job of the game is active: then the runtime is the job's.
    pub busy: bool,
    /// Its record, if it was ever started.
    pub record: Option<Record>,
}

/// A runtime record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whether it is this daemon's; else another's, or released.
    pub ours: bool,
    /// Its status.
    pub status: RuntimeStatus,
    /// The recorded container.
    pub container_id: Option<String>,
    /// The recorded address.
    pub endpoint: Option<String>,
    /// Whether it was well when last seen; `None`: not known.
    pub well: Option<bool>,
    /// How often it was brought back since it was well.
    pub revivals: i32,
    /// Not brought back before this.
    pub revive_at: Option<DateTime<Utc>>,
    /// When it was probed last.
    pub probed_at: Option<DateTime<Utc>>,
    /// Since when probes miss.
    pub ill_since: Option<DateTime<Utc>>,
    /// Since when it cannot be made: something that it is made from is missing.
    pub lacks_since: Option<DateTime<Utc>>,
}

/// Both sides, as they were read.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The database's time.
    pub now: DateTime<Utc>,
    /// Games that have, or should have, an engine here, and those of the containers below.
    pub recorded: Vec<Recorded>,
    /// Our containers.
    pub listed: Vec<Listed>,
    /// Since when this process has seen a container to be unwanted, by its id.
    pub unwanted: HashMap<String, DateTime<Utc>>,
    /// Games about which this process is doing something now.
    pub in_hand: HashSet<GameId>,
}

/// The times and limits that a plan goes by.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// `BACKEND_RUNTIME_ORPHAN_GRACE`.
    pub grace: TimeDelta,
    /// How often an engine is brought back before it is given up.
    pub revivals: i32,
    /// The longest that it waits for that.
    pub revive_within: TimeDelta,
    /// How often an engine that is well is probed.
    pub probe_every: TimeDelta,
    /// How often one that is not well is.
    pub probe_ill_every: TimeDelta,
    /// A running game whose engine has missed all probes for so long is paused.
    pub pause_after: TimeDelta,
    /// A game that was paused because its engine did not answer goes on by itself within this time.
    pub resume_within: TimeDelta,
}

/// Something to be done about one game.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// The recorded address is forgotten, and the container with it where it is gone.
    Forget,
    /// The engine is brought back on its state.
    Revive,
    /// The engine is given up: runtime `removed`, game paused and told.
    GiveUp,
    /// A container of ours that the record does not know, or knows otherwise, is written down.
    Adopt,
    /// An unwanted container: removed where its grace is over.
    Orphan {
        /// When it is, or was, to be removed.
        at: DateTime<Utc>,
    },
    /// A container that was renamed, or made beside the game's own, is removed: nobody else may write its state.
    RemoveStray,
    /// The engine is asked for its status. `resume`: its game goes on if it answers.
    Probe {
        /// Whether the game was paused because of it.
        resume: bool,
    },
    /// It is there and cannot answer: shown `unhealthy`.
    Unwell,
    /// It was not well, or could not be made, for too long: the game is paused and told.
    Pause,
}

impl Deed {
    /// As it is told and logged.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Forget => "forget",
            Self::Revive => "revive",
            Self::GiveUp => "give_up",
            Self::Adopt => "adopt",
            Self::Orphan { .. } => "orphan",
            Self::RemoveStray => "remove_stray",
            Self::Probe { .. } => "probe",
            Self::Unwell => "unwell",
            Self::Pause => "pause",
        }
    }
}

/// A deed, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// The game.
    pub game_id: GameId,
    /// The container that was seen, if one was.
    pub container_id: Option<String>,
    /// What to do.
    pub deed: Deed,
    /// What was seen, for people.
    pub why: String,
}

impl Action {
    /// As the API shows it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let due_at = if let Deed::Orphan { at } = self.deed { Some(at) } else { None };
        json!({
            "action": self.deed.word(),
            "game_id": self.game_id,
            "container_id": self.container_id,
            "detail": self.why,
            "due_at": due_at,
        })
    }
}

/// What is to be done, in order, and when there will be more of it though nothing else changes.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Of one game one after the other.
    pub actions: Vec<Action>,
    /// When to look again.
    pub next_at: Option<DateTime<Utc>>,
}

/// Plans. Each game is judged by itself.
#[must_use]
pub fn plan(world: &World, rules: &Rules) -> Plan {
    let own = || world.listed.iter().filter(|listed| !listed.stray);
    let mut containers: HashMap<GameId, &Listed> = own().map(|listed| (listed.game_id, listed)).collect();
    let strays: HashMap<GameId, &Listed> =
        world.listed.iter().filter(|listed| listed.stray).map(|listed| (listed.game_id, listed)).collect();
    let mut planner = Planner { world, rules, plan: Plan::default() };
    for recorded in &world.recorded {
        let listed = containers.remove(&recorded.game_id);
        if !world.in_hand.contains(&recorded.game_id) && !recorded.busy {
            if let Some(stray) = strays.get(&recorded.game_id) {
                planner.stray(recorded, stray);
            }
            planner.game(recorded, listed);
        }
    }
    // In the order in which they were listed, for the same plan each time.
    for listed in own() {
        if containers.contains_key(&listed.game_id) && !world.in_hand.contains(&listed.game_id) {
            planner.orphan(listed, "there is no such game");
        }
    }
    planner.plan
}

struct Planner<'a> {
    world: &'a World,
    rules: &'a Rules,
    plan: Plan,
}

impl Planner<'_> {
    fn game(&mut self, recorded: &Recorded, listed: Option<&Listed>) {
        let Some(record) = &recorded.record else {
            // What may still get its record is left alone.
            if let Some(listed) = listed.filter(|_| over(recorded.game)) {
                self.orphan(listed, "its game has no engine");
            }
            return;
        };
        if !record.ours {
            // It may be the engine of a daemon that had another id: a start on this one replaces it. What does not run is litter, once
            // the game does not need it.
            let needed = matches!(recorded.game, GameStatus::Starting | GameStatus::Running);
            let litter = listed.filter(|listed| !needed && (listed.doing != Doing::Runs || over(recorded.game)));
            if let Some(listed) = litter {
                self.orphan(listed, "its game's engine is another daemon's");
            }
            return;
        }
        match recorded.game {
            GameStatus::Starting => {}
            GameStatus::Running => self.running(recorded, record, listed),
            GameStatus::Paused => self.paused(recorded, record, listed),
            other => self.unwanted(recorded, record, listed, &format!("its game is {}", other.as_str())),
        }
    }

    /// Beside the game's own engine, or in its place until that is made anew, it writes the game's state under another name.
    fn stray(&mut self, recorded: &Recorded, stray: &Listed) {
        let ours = recorded.record.as_ref().is_some_and(|record| record.ours);
        if ours && recorded.game != GameStatus::Starting {
            let why = format!("it has the labels of its game, and not its name: {}", stray.said);
            self.act(recorded, Some(stray), Deed::RemoveStray, why);
        }
    }

    fn running(&mut self, recorded: &Recorded, record: &Record, listed: Option<&Listed>) {
        use RuntimeStatus as S;
        match record.status {
            S::Running | S::GenerationInProgress | S::EngineUnreachable | S::GenerationFailed => {}
            // A job had it and left it: nobody else brings it back.
            S::Starting | S::Stopped | S::Removed => {
                let why = format!("the game runs, its runtime is {} and no job is at work on it", record.status);
                return self.act(recorded, listed, Deed::GiveUp, why);
            }
            S::Finished => return,
        }
        match listed {
            Some(listed) if reachable(listed) => self.there(recorded, record, listed, false),
            Some(listed) if listed.doing == Doing::Frozen => self.frozen(recorded, record, listed),
            _ => {
                self.forget(recorded, record, listed);
                if self.later(self.within(record.revive_at, self.rules.revive_within)) {
                    // Tried a moment ago, in vain once more. The engine is not given up: when what is missing is back, so is its game.
                    if self.for_long(record.lacks_since) {
                        let why = "what its engine is made from has been missing for long, as the operations log says";
                        self.act(recorded, listed, Deed::Pause, why.to_owned());
                    }
                    return;
                }
                let why = seen(listed);
                if record.revivals >= self.rules.revivals {
                    let why = format!("{why}; it was brought back {} times in vain", record.revivals);
                    self.act(recorded, listed, Deed::GiveUp, why);
                } else {
                    self.act(recorded, listed, Deed::Revive, why);
                }
            }
        }
    }

    fn paused(&mut self, recorded: &Recorded, record: &Record, listed: Option<&Listed>) {
        use RuntimeStatus as S;
        if recorded.pause_reason == Some(PauseReason::Stopped) {
            return self.unwanted(recorded, record, listed, "its game was stopped");
        }
        match record.status {
            S::Running | S::GenerationInProgress | S::EngineUnreachable | S::GenerationFailed => {}
            S::Stopped | S::Removed => return self.unwanted(recorded, record, listed, "its engine was given up"),
            S::Starting | S::Finished => return,
        }
        // Failed generations wait for a person; what only did not answer may go on by itself.
        let hope = record.status == S::EngineUnreachable
            && recorded.pause_reason == Some(PauseReason::EngineUnreachable)
            && self.world.now < recorded.changed_at + self.rules.resume_within;
        match listed {
            Some(listed) if reachable(listed) => self.there(recorded, record, listed, hope),
            Some(listed) if listed.doing == Doing::Frozen => self.frozen(recorded, record, listed),
            _ => {
                self.forget(recorded, record, listed);
                let revive_at = self.within(record.revive_at, self.rules.revive_within);
                if hope && record.revivals < self.rules.revivals && !self.later(revive_at) {
                    self.act(recorded, listed, Deed::Revive, seen(listed));
                }
            }
        }
    }

    /// The container runs: is it the one that is recorded, and does it answer?
    fn there(&mut self, recorded: &Recorded, record: &Record, listed: &Listed, resume: bool) {
        if record.container_id.as_deref() != Some(&listed.container_id) || record.endpoint != listed.endpoint {
            let known = record.container_id.as_deref().unwrap_or("none");
            let at = listed.endpoint.as_deref().unwrap_or("no address");
            let why = format!(
                "it runs at {at}; recorded is {known} at {}",
                record.endpoint.as_deref().unwrap_or("no address")
            );
            return self.act(recorded, Some(listed), Deed::Adopt, why);
        }
        if record.status == RuntimeStatus::GenerationInProgress {
            // Its turn says how it is.
            return;
        }
        let ill = record.well == Some(false);
        if ill && recorded.game == GameStatus::Running && self.for_long(record.ill_since) {
            return self.act(recorded, Some(listed), Deed::Pause, "it has not answered for long".to_owned());
        }
        let probed_at = self.within(record.probed_at, SLACK);
        let at = if ill || record.ill_since.is_some() || resume || record.well.is_none() {
            probed_at.map(|at| at + self.rules.probe_ill_every)
        } else {
            probed_at.map(|at| self.probe_at(recorded.game_id, at))
        };
        if !self.later(at) {
            self.act(recorded, Some(listed), Deed::Probe { resume }, "it is due".to_owned());
        }
    }

    fn frozen(&mut self, recorded: &Recorded, record: &Record, listed: &Listed) {
        if record.container_id.as_deref() != Some(&listed.container_id) || record.endpoint != listed.endpoint {
            return self.act(
                recorded,
                Some(listed),
                Deed::Adopt,
                "its container is paused, and recorded otherwise".to_owned(),
            );
        }
        if record.well != Some(false) || self.within(record.ill_since, SLACK).is_none() {
            self.act(recorded, Some(listed), Deed::Unwell, "somebody has paused its container".to_owned());
        } else if recorded.game == GameStatus::Running
            && record.status != RuntimeStatus::GenerationInProgress
            && self.for_long(record.ill_since)
        {
            self.act(recorded, Some(listed), Deed::Pause, "its container is paused for long".to_owned());
        }
    }

    /// When an engine that is well is probed again: a game's own part of the interval later, so that they spread, and on the beat of a
    /// clock that all share, so that one look serves many.
    fn probe_at(&self, game_id: GameId, probed_at: DateTime<Utc>) -> DateTime<Utc> {
        let every = self.rules.probe_every.num_milliseconds();
        let beat = (every / 3).max(1);
        let part = i64::from(game_id.uuid().as_bytes()[15]);
        let due = probed_at.timestamp_millis() + every * (256 + part) / 512;
        DateTime::from_timestamp_millis((due + beat - 1).div_euclid(beat) * beat).unwrap_or(probed_at)
    }

    fn for_long(&mut self, since: Option<DateTime<Utc>>) -> bool {
        since.is_some() && !self.later(since.map(|since| since + self.rules.pause_after))
    }

    fn unwanted(&mut self, recorded: &Recorded, record: &Record, listed: Option<&Listed>, why: &str) {
        match listed {
            Some(listed) => {
                // What is only paused still has its address.
                if matches!(listed.doing, Doing::Waits | Doing::Ended) {
                    self.forget(recorded, record, Some(listed));
                }
                self.orphan(listed, why);
            }
            None => self.forget(recorded, record, None),
        }
    }

    fn forget(&mut self, recorded: &Recorded, record: &Record, listed: Option<&Listed>) {
        if record.endpoint.is_some() || (listed.is_none() && record.container_id.is_some()) {
            self.act(recorded, listed, Deed::Forget, seen(listed));
        }
    }

    fn orphan(&mut self, listed: &Listed, why: &str) {
        let since = self.world.unwanted.get(&listed.container_id).copied().unwrap_or(self.world.now);
        let since = since.min(self.world.now);
        let at = since + self.rules.grace;
        self.later(Some(at));
        self.plan.actions.push(Action {
            game_id: listed.game_id,
            container_id: Some(listed.container_id.clone()),
            deed: Deed::Orphan { at },
            why: why.to_owned(),
        });
    }

    fn act(&mut self, recorded: &Recorded, listed: Option<&Listed>, deed: Deed, why: String) {
        let container_id = listed.map(|listed| listed.container_id.clone());
        self.plan.actions.push(Action { game_id: recorded.game_id, container_id, deed, why });
    }

    /// A time, if it can be true. One that lies further ahead was set while the database's clock was ahead, and counts as none.
    fn within(&self, at: Option<DateTime<Utc>>, ahead: TimeDelta) -> Option<DateTime<Utc>> {
        at.filter(|at| *at <= self.world.now + ahead)
    }

    /// Whether it is not time yet; notes when it will be.
    fn later(&mut self, at: Option<DateTime<Utc>>) -> bool {
        let Some(at) = at.filter(|at| *at > self.world.now) else { return false };
        self.plan.next_at = Some(self.plan.next_at.map_or(at, |next| next.min(at)));
        true
    }
}

fn over(game: GameStatus) -> bool {
    !matches!(game, GameStatus::Starting | GameStatus::Running | GameStatus::Paused)
}

fn reachable(listed: &Listed) -> bool {
    listed.doing == Doing::Runs && listed.endpoint.is_some()
}

fn seen(listed: Option<&Listed>) -> String {
    match listed {
        None => "its container is gone".to_owned(),
        Some(listed) if listed.doing == Doing::Runs => {
            "its container has no address on the engines' network".to_owned()
        }
        Some(listed) => format!("its container does not run: {}", listed.said),
    }
}

//! A model world in which every deed may be broken off after any of its steps: from any state it comes to rest, where each running
//! game has its one engine or is paused, and nothing unwanted is left.

use chrono::{DateTime, TimeDelta, Utc};
use shared::domain::game::{GameStatus, PauseReason};
use shared::domain::runtime::RuntimeStatus;
use shared::ids::GameId;
use shared::random::Random;

use super::plan::{Deed, Record, Recorded, World, plan};
use super::table::{RULES, noon};
use crate::driver::{Doing, Listed};

/// What an engine is like.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Engine {
    Sound,
    /// Ends a second after each start.
    EndsAtOnce,
    /// Runs and never answers.
    Silent,
    /// Cannot be made: its network is missing.
    Lacking,
}

struct Model {
    now: DateTime<Utc>,
    games: Vec<(Recorded, Engine)>,
    containers: Vec<Listed>,
    unwanted: std::collections::HashMap<String, DateTime<Utc>>,
    made: u32,
    random: Random,
}

impl Model {
    fn one_of<T: Copy>(&self, all: &[T]) -> T {
        all[usize::try_from(self.random.below(all.len() as u64)).unwrap()]
    }

    fn chance(&self, of: u64) -> bool {
        self.random.below(of) == 0
    }

    fn new(seed: u64) -> Self {
        use {GameStatus as G, PauseReason as P};
        let random = Random::seeded(seed);
        let mut model = Self { now: noon(), games: vec![], containers: vec![], unwanted: [].into(), made: 0, random };
        for _ in 0..model.random.below(12) + 1 {
            let (game_id, now, ahead) = (GameId::new(), model.now, TimeDelta::days(1));
            let game = model.one_of(&[G::Running, G::Running, G::Paused, G::Finished, G::Cancelled, G::StartFailed]);
            let status = model.one_of(RuntimeStatus::ALL);
            let reason = model.one_of(&[P::Manual, P::Stopped, P::EngineUnreachable, P::GenerationFailed]);
            let record = Record {
                ours: !model.chance(8),
                status,
                container_id: (!model.chance(3)).then(|| format!("old-{game_id}")),
                endpoint: (!model.chance(3)).then(|| format!("http://old-{game_id}:8080")),
                well: model.one_of(&[None, Some(true), Some(false)]),
                revivals: i32::try_from(model.random.below(7)).unwrap(),
                // Some were set while the clock was ahead.
                revive_at: model.chance(2).then_some(now + model.one_of(&[TimeDelta::seconds(20), ahead])),
                probed_at: model.chance(4).then_some(now + ahead),
                ill_since: model.chance(3).then_some(now + model.one_of(&[TimeDelta::minutes(-20), ahead])),
                lacks_since: None,
            };
            let recorded = Recorded {
                game_id,
                game,
                pause_reason: (game == G::Paused).then_some(reason),
                changed_at: model.now - TimeDelta::minutes(i64::try_from(model.random.below(120)).unwrap()),
                busy: false,
                record: (!model.chance(9)).then_some(record),
            };
            let engines = [Engine::Sound, Engine::Sound, Engine::EndsAtOnce, Engine::Silent, Engine::Lacking];
            let engine = model.one_of(&engines);
            model.games.push((recorded, engine));
            if !model.chance(3) {
                let id = if model.chance(2) { format!("old-{game_id}") } else { format!("other-{game_id}") };
                model.container(game_id, &id);
            }
        }
        if model.chance(2) {
            model.container(GameId::new(), "of-no-game");
        }
        model
    }

    fn container(&mut self, game_id: GameId, id: &str) {
        let doing = self.one_of(&[Doing::Runs, Doing::Frozen, Doing::Waits, Doing::Ended]);
        let there = matches!(doing, Doing::Runs | Doing::Frozen);
        self.containers.push(Listed {
            game_id,
            container_id: id.to_owned(),
            doing,
            endpoint: there.then(|| format!("http://{id}:8080")),
            said: String::new(),
            stray: false,
        });
    }

    fn world(&self) -> World {
        World {
            now: self.now,
            recorded: self.games.iter().map(|(recorded, _)| recorded.clone()).collect(),
            listed: self.containers.clone(),
            unwanted: self.unwanted.clone(),
            in_hand: [].into(),
        }
    }

    /// One pass; answers whether it changed anything but what a probe notes.
    fn pass(&mut self) -> bool {
        let plan = plan(&self.world(), &RULES);
        let mut changed = false;
        for action in plan.actions {
            if let Deed::Orphan { at } = action.deed {
                self.unwanted.entry(action.container_id.clone().unwrap()).or_insert(self.now);
                if at > self.now {
                    continue;
                }
            }
            changed |= !matches!(action.deed, Deed::Probe { resume: false });
            // Broken off after so many of its steps; most are not.
            let steps = if self.chance(3) { self.random.below(4) } else { 9 };
            self.apply(action.game_id, &action.deed, steps);
        }
        changed
    }

    fn apply(&mut self, game_id: GameId, deed: &Deed, steps: u64) {
        let now = self.now;
        let index = self.games.iter().position(|(recorded, _)| recorded.game_id == game_id);
        if matches!(deed, Deed::Orphan { .. }) {
            self.containers.retain(|container| container.game_id != game_id);
            if let Some(record) = index.filter(|_| steps > 1).and_then(|index| self.games[index].0.record.as_mut()) {
                (record.container_id, record.endpoint) = (None, None);
            }
            return;
        }
        let (recorded, engine) = self.games[index.unwrap()].clone();
        let mut recorded = recorded;
        let mut record = recorded.record.clone().unwrap();
        match deed {
            Deed::Forget => {
                record.endpoint = None;
                if !self.containers.iter().any(|container| container.game_id == game_id) {
                    record.container_id = None;
                }
            }
            Deed::Revive if engine == Engine::Lacking => {
                record.endpoint = None;
                record.lacks_since = record.lacks_since.or(Some(now));
                record.revive_at = Some(now + TimeDelta::seconds(16));
            }
            Deed::Revive => {
                record.endpoint = None;
                let pause = TimeDelta::seconds(if record.revivals == 0 { 0 } else { 1 << (record.revivals - 1) });
                record.revivals += 1;
                record.revive_at = Some(now + pause);
                if steps > 1 {
                    self.containers.retain(|container| container.game_id != game_id);
                }
                if steps > 2 {
                    self.made += 1;
                    let id = format!("new-{}-{game_id}", self.made);
                    self.container(game_id, &id);
                    let container = self.containers.last_mut().unwrap();
                    (container.doing, container.endpoint) = (Doing::Runs, Some(format!("http://{id}:8080")));
                    if steps > 3 {
                        (record.container_id, record.endpoint) = (Some(id), container.endpoint.clone());
                    }
                }
            }
            Deed::GiveUp => {
                record.status = RuntimeStatus::Removed;
                (record.container_id, record.endpoint) = (None, None);
                recorded.game = GameStatus::Paused;
                recorded.pause_reason = Some(PauseReason::EngineUnreachable);
                recorded.changed_at = now;
                if steps > 1 {
                    self.containers.retain(|container| container.game_id != game_id);
                }
            }
            Deed::Adopt => {
                let container = self.containers.iter().find(|container| container.game_id == game_id).unwrap();
                record.container_id = Some(container.container_id.clone());
                record.endpoint.clone_from(&container.endpoint);
            }
            Deed::Probe { resume } => {
                record.probed_at = Some(now);
                let answers = engine != Engine::Silent;
                record.well = Some(answers);
                record.ill_since = if answers { None } else { record.ill_since.min(Some(now)).or(Some(now)) };
                if answers && *resume && steps > 1 {
                    record.status = RuntimeStatus::Running;
                    (recorded.game, recorded.pause_reason) = (GameStatus::Running, None);
                }
            }
            Deed::Unwell => {
                (record.well, record.ill_since) = (Some(false), record.ill_since.min(Some(now)).or(Some(now)));
            }
            Deed::Pause => {
                record.status = RuntimeStatus::EngineUnreachable;
                recorded.game = GameStatus::Paused;
                recorded.pause_reason = Some(PauseReason::EngineUnreachable);
                recorded.changed_at = now;
            }
            Deed::Orphan { .. } => unreachable!("it is done above"),
            Deed::RemoveStray => unreachable!("there are none"),
        }
        recorded.record = Some(record);
        self.games[index.unwrap()].0 = recorded;
    }

    /// What happens without us: engines end, and turns.
    fn time_passes(&mut self, by: TimeDelta) {
        self.now += by;
        for (recorded, _) in &mut self.games {
            if let Some(record) =
                recorded.record.as_mut().filter(|record| record.status == RuntimeStatus::GenerationInProgress)
            {
                record.status = RuntimeStatus::Running;
            }
        }
        for container in &mut self.containers {
            let engine = self.games.iter().find(|(recorded, _)| recorded.game_id == container.game_id);
            if container.doing == Doing::Runs && engine.is_some_and(|(_, engine)| *engine == Engine::EndsAtOnce) {
                (container.doing, container.endpoint) = (Doing::Ended, None);
            }
        }
    }

    fn at_rest(&self) {
        for (recorded, engine) in &self.games {
            let container = self.containers.iter().find(|container| container.game_id == recorded.game_id);
            let Some(record) = recorded.record.as_ref().filter(|record| record.ours) else { continue };
            let what = format!("{recorded:?} with a {engine:?} engine: {container:?}");
            if let Some(endpoint) = &record.endpoint {
                let there = container.and_then(|container| container.endpoint.as_ref());
                assert!(
                    there == Some(endpoint)
                        || record.status == RuntimeStatus::Finished
                        || record.status == RuntimeStatus::Starting,
                    "an address that is not there: {what}"
                );
            }
            if recorded.game == GameStatus::Running && record.status != RuntimeStatus::Finished {
                assert!(container.is_some_and(|container| container.doing == Doing::Runs), "no engine: {what}");
                assert!(matches!(engine, Engine::Sound | Engine::Lacking), "{what}");
                assert_eq!(record.container_id.as_ref(), container.map(|container| &container.container_id), "{what}");
            }
            if matches!(recorded.game, GameStatus::Finished | GameStatus::Cancelled | GameStatus::StartFailed) {
                assert!(container.is_none(), "unwanted: {what}");
            }
        }
        let of_no_game =
            |container: &&Listed| !self.games.iter().any(|(recorded, _)| recorded.game_id == container.game_id);
        assert_eq!(self.containers.iter().filter(of_no_game).count(), 0);
    }
}

#[test]
fn any_world_comes_to_rest_though_every_deed_may_be_broken_off_anywhere() {
    for seed in 0..60 {
        let mut model = Model::new(seed);
        let before: Vec<_> = model.games.iter().map(|(recorded, _)| recorded.clone()).collect();
        // Two hours, in which everything that waits for time has had it.
        let mut quiet = 0;
        for _ in 0..720 {
            quiet = if model.pass() { 0 } else { quiet + 1 };
            model.time_passes(TimeDelta::seconds(10));
        }
        assert!(
            quiet > 60,
            "seed {seed}: something is done again and again: {:?}",
            plan(&model.world(), &RULES).actions
        );
        model.at_rest();
        for (was, (is, _)) in before.iter().zip(&model.games) {
            let foreign = was.record.as_ref().is_none_or(|record| !record.ours);
            assert!(
                !foreign || was.game == is.game && was.record.as_ref().is_none_or(|_| is.record.is_some()),
                "seed {seed}: what is another's was changed: {was:?} {is:?}"
            );
        }
    }
}

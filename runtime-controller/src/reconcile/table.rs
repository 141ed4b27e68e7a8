//! Every pair of a recorded and an observed side, some ten thousand of them, made by product and judged by rules that are stated
//! apart from the plan's own way of finding it out.

use chrono::{DateTime, TimeDelta, Utc};
use shared::domain::game::{GameStatus, PauseReason};
use shared::domain::runtime::RuntimeStatus;
use shared::ids::GameId;

use super::plan::{Action, Deed, Plan, Record, Recorded, Rules, World, plan};
use crate::driver::{Doing, Listed};

pub(super) const RULES: Rules = Rules {
    grace: TimeDelta::minutes(5),
    revivals: 6,
    revive_within: TimeDelta::seconds(21),
    probe_every: TimeDelta::seconds(30),
    probe_ill_every: TimeDelta::seconds(2),
    pause_after: TimeDelta::minutes(5),
    resume_within: TimeDelta::hours(1),
};

pub(super) fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

const ADDRESS: &str = "http://10.0.0.2:8080";

#[derive(Debug, Clone, Copy, PartialEq)]
enum Budget {
    Whole,
    Waiting,
    Spent,
    /// It could not be made for long, and is not tried again just now.
    Lacking,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Seen {
    WellJustNow,
    WellLongAgo,
    IllJustNow,
    IllForLong,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Container {
    Same,
    OtherId,
    OtherAddress,
    NoAddress,
    Frozen,
    Waits,
    Ended,
}

#[derive(Debug, Clone)]
struct Case {
    game: GameStatus,
    reason: Option<PauseReason>,
    old: bool,
    /// `None`: no record; `Some(None)`: another daemon's.
    record: Option<Option<RuntimeStatus>>,
    busy: bool,
    budget: Budget,
    seen: Seen,
    container: Option<Container>,
}

impl Case {
    fn world(&self) -> World {
        let (game_id, now) = (GameId::new(), noon());
        let record = self.record.map(|status| Record {
            ours: status.is_some(),
            status: status.unwrap_or(RuntimeStatus::Running),
            container_id: Some("c1".to_owned()),
            endpoint: Some(ADDRESS.to_owned()),
            well: Some(matches!(self.seen, Seen::WellJustNow | Seen::WellLongAgo)),
            revivals: if self.budget == Budget::Spent { RULES.revivals } else { 1 },
            revive_at: match self.budget {
                Budget::Whole => None,
                Budget::Waiting | Budget::Lacking => Some(now + TimeDelta::seconds(1)),
                Budget::Spent => Some(now),
            },
            probed_at: Some(if self.seen == Seen::WellLongAgo { now - TimeDelta::minutes(2) } else { now }),
            ill_since: match self.seen {
                Seen::IllJustNow => Some(now - TimeDelta::seconds(5)),
                Seen::IllForLong => Some(now - TimeDelta::minutes(9)),
                _ => None,
            },
            lacks_since: (self.budget == Budget::Lacking).then_some(now - TimeDelta::minutes(9)),
        });
        let changed_at = now - if self.old { TimeDelta::hours(3) } else { TimeDelta::minutes(3) };
        let recorded =
            Recorded { game_id, game: self.game, pause_reason: self.reason, changed_at, busy: self.busy, record };
        let listed = self.container.map(|container| Listed {
            game_id,
            container_id: if container == Container::OtherId { "c2" } else { "c1" }.to_owned(),
            doing: match container {
                Container::Frozen => Doing::Frozen,
                Container::Waits => Doing::Waits,
                Container::Ended => Doing::Ended,
                _ => Doing::Runs,
            },
            endpoint: match container {
                Container::NoAddress | Container::Waits | Container::Ended => None,
                Container::OtherAddress => Some("http://10.0.0.3:8080".to_owned()),
                _ => Some(ADDRESS.to_owned()),
            },
            said: "Up".to_owned(),
            stray: false,
        });
        World { now, recorded: vec![recorded], listed: listed.into_iter().collect(), ..World::default() }
    }

    fn alive(&self) -> bool {
        use RuntimeStatus as S;
        let alive = [S::Running, S::GenerationInProgress, S::EngineUnreachable, S::GenerationFailed];
        matches!(self.record, Some(Some(status)) if alive.contains(&status))
    }

    fn wanted(&self) -> bool {
        self.game == GameStatus::Running && self.alive() && !self.busy
    }

    /// Paused for nothing but its engine, and not for long.
    fn hopeful(&self) -> bool {
        self.game == GameStatus::Paused
            && self.reason == Some(PauseReason::EngineUnreachable)
            && self.record == Some(Some(RuntimeStatus::EngineUnreachable))
            && !self.old
            && !self.busy
    }

    fn missing(&self) -> bool {
        matches!(self.container, None | Some(Container::NoAddress | Container::Waits | Container::Ended))
    }
}

fn cases() -> Vec<Case> {
    use {GameStatus as G, PauseReason as P};
    let mut games: Vec<(G, Option<PauseReason>, bool)> = [
        G::Draft,
        G::EnrollmentOpen,
        G::ReadyToStart,
        G::Starting,
        G::StartFailed,
        G::Running,
        G::Finished,
        G::Cancelled,
    ]
    .map(|game| (game, None, false))
    .to_vec();
    for reason in [P::Manual, P::Stopped, P::EngineUnreachable, P::GenerationFailed] {
        games.extend([false, true].map(|old| (G::Paused, Some(reason), old)));
    }
    let mut records = vec![None, Some(None)];
    records.extend(RuntimeStatus::ALL.iter().map(|status| Some(Some(*status))));
    let containers = {
        use Container::{Ended, Frozen, NoAddress, OtherAddress, OtherId, Same, Waits};
        [None, Some(Same), Some(OtherId), Some(OtherAddress), Some(NoAddress), Some(Frozen), Some(Waits), Some(Ended)]
    };
    let mut cases = Vec::new();
    for (game, reason, old) in games {
        for record in &records {
            for busy in [false, true] {
                for budget in [Budget::Whole, Budget::Waiting, Budget::Spent, Budget::Lacking] {
                    for seen in [Seen::WellJustNow, Seen::WellLongAgo, Seen::IllJustNow, Seen::IllForLong] {
                        for container in containers {
                            cases.push(Case { game, reason, old, record: *record, busy, budget, seen, container });
                        }
                    }
                }
            }
        }
    }
    cases
}

/// What each rule has against a plan.
fn faults(case: &Case, plan: &Plan) -> Vec<&'static str> {
    let actions = &plan.actions;
    let has = |wanted: fn(&Deed) -> bool| actions.iter().any(|action| wanted(&action.deed));
    let deeds: Vec<&Deed> = actions.iter().map(|action| &action.deed).filter(|deed| **deed != Deed::Forget).collect();
    let ours = matches!(case.record, Some(Some(_)));
    let over = !matches!(case.game, GameStatus::Starting | GameStatus::Running | GameStatus::Paused);
    let orphan = has(|deed| matches!(deed, Deed::Orphan { .. }));
    let revives = has(|deed| *deed == Deed::Revive);
    let gives_up = has(|deed| *deed == Deed::GiveUp);
    let mut faults = Vec::new();
    let mut rule = |name, holds: bool| {
        if !holds {
            faults.push(name);
        }
    };
    rule("what a job has is the job's", !case.busy || actions.is_empty());
    rule("one deed at a time, but for the forgetting", deeds.len() <= 1);
    rule("a game that starts is its start job's", case.game != GameStatus::Starting || actions.is_empty());
    let on_container =
        |action: &&Action| !matches!(action.deed, Deed::Forget | Deed::Revive | Deed::GiveUp | Deed::Pause);
    rule(
        "nothing is done to a container that was not seen",
        case.container.is_some() || !actions.iter().any(|action| on_container(&action)),
    );
    rule(
        "each deed names the container that was seen",
        actions.iter().all(|action| action.container_id.is_some() == case.container.is_some()),
    );
    rule(
        "what is not ours is at most litter",
        ours || actions.iter().all(|action| matches!(action.deed, Deed::Orphan { .. })),
    );
    let runs = !matches!(case.container, None | Some(Container::Frozen | Container::Waits | Container::Ended));
    rule("another daemon's engine that runs is left alone", case.record != Some(None) || over || !runs || !orphan);
    rule("no running game loses its container", !orphan || case.game != GameStatus::Running);
    let kept = case.game == GameStatus::Paused && case.reason != Some(PauseReason::Stopped) && case.alive();
    rule("no paused game loses its container, unless it was stopped or given up", !kept || !orphan);
    rule("the container of a game that is over goes", !over || case.busy || case.container.is_none() || orphan);
    rule(
        "a container that was seen just now has its grace",
        !orphan
            || matches!(actions.last().map(|last| &last.deed), Some(Deed::Orphan { at }) if *at == noon() + RULES.grace),
    );
    let dead = matches!(case.container, None | Some(Container::Waits | Container::Ended));
    let starting = case.game == GameStatus::Starting
        || case.record == Some(Some(RuntimeStatus::Starting))
        || case.record == Some(Some(RuntimeStatus::Finished)) && !over;
    let idle = case.game == GameStatus::Running && !case.alive();
    rule(
        "the address of a dead container is forgotten first",
        !ours
            || case.busy
            || !dead
            || starting
            || idle
            || actions.first().is_some_and(|action| action.deed == Deed::Forget),
    );
    rule("an address where a container runs is kept", !has(|deed| *deed == Deed::Forget) || case.missing());
    if case.wanted() && case.missing() {
        match case.budget {
            Budget::Whole => rule("a running game's engine is brought back", revives),
            Budget::Waiting => rule("a crash loop is waited for", deeds.is_empty() && plan.next_at.is_some()),
            Budget::Spent => rule("a crash loop is given up", gives_up),
            Budget::Lacking => rule("one that cannot be made for long pauses its game", deeds == [&Deed::Pause]),
        }
    } else {
        let hopeful = case.hopeful() && case.missing() && case.budget == Budget::Whole;
        rule("nobody else is brought back", !revives || hopeful);
        let lost = case.game == GameStatus::Running && !case.busy && idle;
        rule("nobody else is given up", !gives_up || lost);
    }
    let lives = (case.wanted() || kept && !case.busy) && runs && case.container != Some(Container::NoAddress);
    let differs = matches!(case.container, Some(Container::OtherId | Container::OtherAddress));
    rule("what runs elsewhere than recorded is adopted", !(lives && differs) || deeds == [&Deed::Adopt]);
    rule("nothing else is", !has(|deed| *deed == Deed::Adopt) || (lives && differs));
    let generating = case.record == Some(Some(RuntimeStatus::GenerationInProgress));
    if lives && case.container == Some(Container::Same) && !generating && !case.hopeful() {
        match case.seen {
            Seen::WellJustNow => {
                rule("an engine that is well is left alone", deeds.is_empty() && plan.next_at.is_some())
            }
            Seen::WellLongAgo => {
                rule("one that was not seen for long is probed", deeds == [&Deed::Probe { resume: false }])
            }
            Seen::IllJustNow => rule(
                "one that is ill is looked at again soon",
                deeds.is_empty() && plan.next_at <= Some(noon() + TimeDelta::seconds(2)),
            ),
            Seen::IllForLong if case.wanted() => {
                rule("one that is ill for long pauses its game", deeds == [&Deed::Pause])
            }
            Seen::IllForLong => rule("of a paused game nothing more is made", !has(|deed| *deed == Deed::Pause)),
        }
    }
    rule(
        "only a game that is paused for its engine goes on by itself",
        !has(|deed| *deed == Deed::Probe { resume: true }) || case.hopeful(),
    );
    rule(
        "no turn that is being generated is disturbed",
        !generating || case.missing() || !has(|deed| matches!(deed, Deed::Probe { .. } | Deed::Pause)),
    );
    let frozen_well = lives_frozen(case) && matches!(case.seen, Seen::WellJustNow | Seen::WellLongAgo);
    rule("a frozen container is unwell", !frozen_well || deeds == [&Deed::Unwell]);
    faults
}

fn lives_frozen(case: &Case) -> bool {
    case.container == Some(Container::Frozen)
        && case.alive()
        && !case.busy
        && matches!(case.game, GameStatus::Running | GameStatus::Paused)
        && case.reason != Some(PauseReason::Stopped)
}

#[test]
fn every_pair_of_recorded_and_observed_is_planned_by_the_rules() {
    let cases = cases();
    assert!(cases.len() > 10_000, "{}", cases.len());
    let mut deeds = std::collections::BTreeSet::new();
    for case in &cases {
        let plan = plan(&case.world(), &RULES);
        let faults = faults(case, &plan);
        assert!(
            faults.is_empty(),
            "{case:?}\n  {:?}\n  next at {:?}\n  breaks: {faults:?}",
            plan.actions,
            plan.next_at
        );
        deeds.extend(plan.actions.iter().map(|action| action.deed.word()));
    }
    let all = ["adopt", "forget", "give_up", "orphan", "pause", "probe", "revive", "unwell"];
    assert_eq!(deeds.into_iter().collect::<Vec<_>>(), all, "each deed is somebody's");
}

#[test]
fn a_container_of_no_game_goes_when_it_was_seen_for_the_grace() {
    let case = &cases()[0];
    let mut world = Case { container: Some(Container::Same), ..case.clone() }.world();
    world.recorded.clear();
    let at = |world: &World| match &plan(world, &RULES).actions[..] {
        [Action { deed: Deed::Orphan { at }, .. }] => *at,
        other => panic!("{other:?}"),
    };
    assert_eq!(at(&world), noon() + RULES.grace);
    world.unwanted.insert("c1".to_owned(), noon() - TimeDelta::minutes(6));
    assert_eq!(at(&world), noon() - TimeDelta::minutes(1));
}

#[test]
fn what_is_in_hand_is_left_to_it_and_every_game_is_judged_by_itself() {
    let running = running();
    let (mut world, other) = (running.world(), running.world());
    let (first, second) = (world.recorded[0].game_id, other.recorded[0].game_id);
    world.recorded.extend(other.recorded);
    let games = |world: &World| {
        let mut games: Vec<_> = plan(world, &RULES).actions.iter().map(|action| action.game_id).collect();
        games.dedup();
        games
    };
    assert_eq!(games(&world), [first, second]);
    world.in_hand.insert(first);
    assert_eq!(games(&world), [second]);
}

/// A game that runs, is recorded so, and was well just now; its container is gone.
fn running() -> Case {
    Case {
        game: GameStatus::Running,
        reason: None,
        old: false,
        record: Some(Some(RuntimeStatus::Running)),
        busy: false,
        budget: Budget::Whole,
        seen: Seen::WellJustNow,
        container: None,
    }
}

/// What is done about a case whose record says something else besides.
fn deeds_with(case: &Case, set: impl FnOnce(&mut Record)) -> Vec<Deed> {
    let mut world = case.world();
    set(world.recorded[0].record.as_mut().unwrap());
    plan(&world, &RULES).actions.into_iter().map(|action| action.deed).collect()
}

/// R20: a clock that was a day ahead for seconds.
#[test]
fn what_a_clock_that_was_ahead_has_set_holds_nothing_up() {
    let case = running();
    let ahead = Some(noon() + TimeDelta::days(1));
    assert_eq!(deeds_with(&case, |record| record.revive_at = ahead), [Deed::Forget, Deed::Revive]);
    let spent = Case { budget: Budget::Spent, ..case.clone() };
    assert_eq!(deeds_with(&spent, |record| record.revive_at = ahead), [Deed::Forget, Deed::GiveUp]);
    let paused = Case {
        game: GameStatus::Paused,
        reason: Some(PauseReason::EngineUnreachable),
        record: Some(Some(RuntimeStatus::EngineUnreachable)),
        ..case.clone()
    };
    assert_eq!(deeds_with(&paused, |record| record.revive_at = ahead), [Deed::Forget, Deed::Revive]);

    let there = Case { container: Some(Container::Same), ..case.clone() };
    assert_eq!(deeds_with(&there, |record| record.probed_at = ahead), [Deed::Probe { resume: false }]);
    // Since when it is ill is not known: the probe counts it from now on.
    let ill = |record: &mut Record| {
        (record.well, record.probed_at, record.ill_since) = (Some(false), ahead, ahead);
    };
    assert_eq!(deeds_with(&there, ill), [Deed::Probe { resume: false }]);
    let frozen = Case { container: Some(Container::Frozen), ..case.clone() };
    assert_eq!(deeds_with(&frozen, ill), [Deed::Unwell]);

    let mut orphan = Case { game: GameStatus::Finished, ..there }.world();
    orphan.unwanted.insert("c1".to_owned(), noon() + TimeDelta::days(1));
    let at = plan(&orphan, &RULES).actions.into_iter().find_map(|action| match action.deed {
        Deed::Orphan { at } => Some(at),
        _ => None,
    });
    assert_eq!(at, Some(noon() + RULES.grace));
}

/// A container that was renamed, or made beside, writes the state of the game whose labels it has.
#[test]
fn a_stray_goes_before_anything_else_and_is_never_taken_for_the_engine() {
    let case = running();
    let deeds = |case: &Case, id: &str| {
        let mut world = case.world();
        world.listed.push(Listed {
            game_id: world.recorded[0].game_id,
            container_id: id.to_owned(),
            doing: Doing::Runs,
            endpoint: None,
            said: "Up".to_owned(),
            stray: true,
        });
        plan(&world, &RULES).actions.into_iter().map(|action| action.deed).collect::<Vec<_>>()
    };
    // The recorded one under another name: its game has no engine until another is made.
    assert_eq!(deeds(&case, "c1"), [Deed::RemoveStray, Deed::Forget, Deed::Revive]);
    let there = Case { container: Some(Container::Same), ..case.clone() };
    assert_eq!(deeds(&there, "c9"), [Deed::RemoveStray]);
    let over = Case { game: GameStatus::Finished, ..case.clone() };
    assert_eq!(deeds(&over, "c1"), [Deed::RemoveStray, Deed::Forget]);
    for left in [
        Case { busy: true, ..case.clone() },
        Case { game: GameStatus::Starting, ..case.clone() },
        Case { record: Some(None), ..case.clone() },
        Case { record: None, ..case },
    ] {
        assert!(deeds(&left, "c9").is_empty(), "{left:?}");
    }

    let mut of_no_game = there.world();
    of_no_game.recorded.clear();
    of_no_game.listed[0].stray = true;
    assert!(plan(&of_no_game, &RULES).actions.is_empty());
}

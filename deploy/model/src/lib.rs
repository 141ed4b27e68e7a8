//! The queue's protocol and the push log as models, searched whole by a model checker.
//!
//! A model is the code's idea without its code: steps are statements and what may happen between them. The checker
//! ([stateright]) walks every order of steps within small bounds. Each guard of a model can be taken out; the tests do so one at
//! a time, and the checker must find what it was for. What step is which statement: docs/queue-and-log.md, section 6.

pub mod log;
pub mod queue;

use std::{collections::HashSet, fmt::Debug, hash::Hash};

use stateright::{Checker as _, HasDiscoveries, Model};

/// Walks all states, and answers how many there are, and which properties do not hold, each with the steps that lead there.
pub fn search<M>(model: M) -> (usize, Vec<(&'static str, Vec<String>)>)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + PartialEq + Hash + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    walk(model, HasDiscoveries::AnyFailures)
}

/// Whether a property breaks in some state.
pub fn breaks<M>(model: M, property: &'static str) -> bool
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + PartialEq + Hash + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let (_, broken) = walk(model, HasDiscoveries::AnyOf([property].into()));
    broken.iter().any(|(name, _)| *name == property)
}

/// The state after a step; `None` where it cannot be done, or changes nothing.
fn after<S: Clone + PartialEq>(state: &S, step: impl FnOnce(&mut S) -> Option<()>) -> Option<S> {
    let mut next = state.clone();
    step(&mut next)?;
    (next != *state).then_some(next)
}

/// Whether one of these steps can be taken.
fn goes_on<M: Model>(model: &M, state: &M::State, counts: impl Fn(&M::Action) -> bool) -> bool {
    let mut actions = Vec::new();
    model.actions(state, &mut actions);
    actions.into_iter().any(|action| counts(&action) && model.next_state(state, action).is_some())
}

fn walk<M>(model: M, until: HasDiscoveries) -> (usize, Vec<(&'static str, Vec<String>)>)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + PartialEq + Hash + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let checker = model.checker().finish_when(until).spawn_bfs().join();
    let found = checker
        .discoveries()
        .into_iter()
        .map(|(name, path)| (name, path.into_actions().iter().map(|action| format!("{action:?}")).collect()));
    let mut broken: Vec<(&'static str, Vec<String>)> = found.collect();
    broken.sort_unstable();
    (checker.unique_state_count(), broken)
}

/// Whether some run never ends: a step leads back to a state that it came from. Where none does, whatever holds in every
/// state without a next step is reached by every run.
pub fn has_endless_run<M>(model: &M) -> bool
where
    M: Model,
    M::State: Clone + Eq + Hash,
{
    let (mut open, mut closed) = (HashSet::new(), HashSet::new());
    let mut path: Vec<(M::State, Vec<M::State>)> = Vec::new();
    for begin in model.init_states() {
        let next = model.next_states(&begin);
        open.insert(begin.clone());
        path.push((begin, next));
    }
    while let Some((state, next)) = path.last_mut() {
        match next.pop() {
            Some(next) if open.contains(&next) => return true,
            Some(next) if closed.contains(&next) => {}
            Some(next) => {
                let after = model.next_states(&next);
                open.insert(next.clone());
                path.push((next, after));
            }
            None => {
                open.remove(state);
                closed.insert(state.clone());
                path.pop();
            }
        }
    }
    false
}

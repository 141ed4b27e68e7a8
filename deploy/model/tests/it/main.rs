//! The models, searched whole: with every guard nothing breaks, and without any one of them something does.

mod log;
mod queue;

use std::{fmt::Debug, hash::Hash};

use galaxy_model::{has_endless_run, search};
use stateright::Model;

/// Nothing is broken in any state, and there are as many states as there were: a model that goes nowhere breaks nothing.
#[track_caller]
fn holds<M>(model: M, states: usize)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Eq + Hash + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    // So what holds in every state without a next step is reached by every run.
    assert!(!has_endless_run(&model), "some run never ends");
    let (found, broken) = search(model);
    assert!(broken.is_empty(), "after {found} states: {broken:#?}");
    assert!(found >= states, "only {found} states, {states} were expected");
}

/// This property does not hold.
#[track_caller]
fn breaks<M>(model: M, property: &'static str)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + PartialEq + Hash + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    assert!(galaxy_model::breaks(model, property), "\"{property}\" holds all the same");
}

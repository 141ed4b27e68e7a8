//! The models, searched whole: with every guard nothing breaks, and without any one of them something does.

mod log;
mod queue;

use std::{fmt::Debug, hash::Hash};

use galaxy_model::{counterexample, search};
use stateright::Model;

/// Nothing is broken in any state, and there are as many states as there were: a model that goes nowhere breaks nothing.
#[track_caller]
fn holds<M>(model: M, states: usize)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + PartialEq + Hash + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
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
    assert!(counterexample(model, property).is_some(), "\"{property}\" holds all the same");
}

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

/// A guard that no test takes out may be missing from the model without anybody knowing.
#[test]
fn each_guard_is_taken_out_by_some_test() {
    for (model, tests, guards) in [
        (include_str!("../../src/queue/mod.rs"), include_str!("queue.rs"), 14),
        (include_str!("../../src/log/mod.rs"), include_str!("log.rs"), 12),
    ] {
        let (_, rest) = model.split_once("pub struct Guards {\n").unwrap();
        let fields = rest.lines().take_while(|line| *line != "}");
        let names: Vec<&str> =
            fields.filter_map(|line| line.trim().strip_prefix("pub ")?.strip_suffix(": bool,")).collect();
        assert!(names.len() >= guards, "only {names:?} were found: are they still written so?");
        for name in names {
            assert!(tests.contains(&format!("guards.{name} = false")), "no test takes {name} out");
        }
    }
}

//! Waiting for a condition with a deadline, in place of sleeping for luck.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

const FIRST_STEP: Duration = Duration::from_millis(2);
const LAST_STEP: Duration = Duration::from_millis(50);

/// What a probe of [`eventually`] may answer: whether the condition holds, and if not, what was seen instead.
pub trait Probe {
    /// What the wait gives back once the condition holds.
    type Value;
    /// The value, or a description of the state that does not do yet.
    fn judge(self) -> Result<Self::Value, String>;
}

impl Probe for bool {
    type Value = ();
    fn judge(self) -> Result<(), String> {
        if self { Ok(()) } else { Err("the condition is still false".to_owned()) }
    }
}

impl<T> Probe for Option<T> {
    type Value = T;
    fn judge(self) -> Result<T, String> {
        self.ok_or_else(|| "nothing there yet".to_owned())
    }
}

impl<T, E: Debug> Probe for Result<T, E> {
    type Value = T;
    fn judge(self) -> Result<T, String> {
        self.map_err(|e| format!("{e:?}"))
    }
}

/// Asks `probe` again and again, in steps of 2 to 50 ms, until it answers `true`, `Some(value)` or `Ok(value)`.
///
/// # Panics
/// When `deadline` has passed, with `what` and the last state seen (the `Err` of a `Result` probe says most). A probe
/// that hangs is cut off at the deadline too.
#[track_caller]
pub fn eventually<F, Fut, P>(deadline: Duration, what: impl AsRef<str>, probe: F) -> impl Future<Output = P::Value>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = P>,
    P: Probe,
{
    let caller = std::panic::Location::caller();
    poll(deadline, what, probe, caller)
}

async fn poll<F, Fut, P>(
    deadline: Duration,
    what: impl AsRef<str>,
    mut probe: F,
    caller: &'static std::panic::Location<'static>,
) -> P::Value
where
    F: FnMut() -> Fut,
    Fut: Future<Output = P>,
    P: Probe,
{
    let end = Instant::now() + deadline;
    let mut step = FIRST_STEP;
    let mut last = "the probe never answered".to_owned();
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left.max(FIRST_STEP), probe()).await {
            Ok(answer) => match answer.judge() {
                Ok(value) => return value,
                Err(state) => last = state,
            },
            Err(_) => last = format!("the probe hung; before that: {last}"),
        }
        if Instant::now() >= end {
            panic!("{}: did not happen within {deadline:?} (asked at {caller}); last state: {last}", what.as_ref());
        }
        tokio::time::sleep(step).await;
        step = (step * 2).min(LAST_STEP);
    }
}

/// [`eventually`] for code outside a runtime.
///
/// # Panics
/// When `deadline` has passed.
#[track_caller]
pub fn eventually_blocking<P: Probe>(
    deadline: Duration,
    what: impl AsRef<str>,
    mut probe: impl FnMut() -> P,
) -> P::Value {
    let end = Instant::now() + deadline;
    let mut step = FIRST_STEP;
    loop {
        match probe().judge() {
            Ok(value) => return value,
            Err(last) if Instant::now() >= end => {
                panic!("{}: did not happen within {deadline:?}; last state: {last}", what.as_ref())
            }
            Err(_) => std::thread::sleep(step),
        }
        step = (step * 2).min(LAST_STEP);
    }
}

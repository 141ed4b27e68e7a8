//! A conformance test of the engine API that any image can be run against (SPEC §9).
//!
//! It takes a freshly started engine, plays a whole game on it, and says of each rule whether it holds. It knows nothing
//! of the game: orders and commands are empty, reports opaque. What cannot be seen from outside it cannot say: whether
//! a game survives `kill -9` is for the image's own tests.

mod caller;
mod checks;
mod play;
mod refusals;

use std::fmt;

pub use caller::Target;

/// One rule, and whether the engine keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The rule.
    pub name: String,
    /// What was seen instead, if it is broken.
    pub fault: Option<String>,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            None => write!(f, "ok    {}", self.name),
            Some(fault) => write!(f, "FAIL  {}\n      {fault}", self.name),
        }
    }
}

/// Runs every check in order, telling of each as it is done; answers them all.
pub async fn run(target: &Target, mut tell: impl FnMut(&Check)) -> Vec<Check> {
    let mut checks = checks::Checks::new(&mut tell);
    refusals::before_init(target, &mut checks).await;
    if play::begin(target, &mut checks).await {
        refusals::after_init(target, &mut checks).await;
        play::turns(target, &mut checks).await;
    }
    checks.done()
}

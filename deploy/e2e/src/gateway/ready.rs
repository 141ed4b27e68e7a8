//! Which replicas are ready, as a balancer in front of them knows it: each is asked again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use testkit::stack::Summary;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How often each is asked: a fraction of any delay that a leaving replica serves on for.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// One that does not answer for so long is not ready.
const PATIENCE: Duration = Duration::from_secs(1);

/// The api-servers of a stack. Asks until it is dropped.
pub(super) struct Ready {
    replicas: Vec<Arc<AtomicBool>>,
    _ends: DropGuard,
}

impl Ready {
    /// Of so many replicas, each taken to be ready until it says otherwise. One whose probes the summary does not name, behind a
    /// balancer of its own, is never asked.
    ///
    /// # Errors
    /// When there can be no HTTP client.
    pub(super) fn watch(summary: &Summary, replicas: usize) -> reqwest::Result<Ready> {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let end = CancellationToken::new();
        let mut watched = Vec::new();
        for replica in 0..replicas {
            let ready = Arc::new(AtomicBool::new(true));
            watched.push(Arc::clone(&ready));
            let label = format!("api-server-{replica}");
            if let Some((_, ops)) = summary.ops.iter().find(|(name, _)| *name == label) {
                let asking = ask(client.clone(), format!("{ops}/readyz"), ready);
                tokio::spawn(end.clone().run_until_cancelled_owned(asking));
            }
        }
        Ok(Ready { replicas: watched, _ends: end.drop_guard() })
    }

    /// The replica whose turn it is among those that are ready; where none is, among all.
    pub(super) fn pick(&self, turn: usize) -> usize {
        let is_ready = |replica: &usize| self.replicas.get(*replica).is_some_and(|ready| ready.load(Ordering::Relaxed));
        let ready: Vec<usize> = (0..self.replicas.len()).filter(is_ready).collect();
        let none = || turn % self.replicas.len().max(1);
        ready.get(turn % ready.len().max(1)).copied().unwrap_or_else(none)
    }
}

async fn ask(client: reqwest::Client, url: String, ready: Arc<AtomicBool>) {
    loop {
        let answer = client.get(&url).send().await;
        ready.store(answer.is_ok_and(|answer| answer.status().is_success()), Ordering::Relaxed);
        tokio::time::sleep(ASK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_ones_have_their_turns_and_where_none_is_all_have() {
        let ready = |states: &[bool]| Ready {
            replicas: states.iter().map(|state| Arc::new(AtomicBool::new(*state))).collect(),
            _ends: CancellationToken::new().drop_guard(),
        };
        let picks = |states: &[bool]| (0..4).map(|turn| ready(states).pick(turn)).collect::<Vec<_>>();
        assert_eq!(picks(&[true, true]), [0, 1, 0, 1]);
        assert_eq!(picks(&[false, true]), [1, 1, 1, 1]);
        assert_eq!(picks(&[true, false, true]), [0, 2, 0, 2]);
        assert_eq!(picks(&[false, false]), [0, 1, 0, 1]);
    }
}

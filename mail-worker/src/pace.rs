//! How fast a process may go: so many mails a second, for a relay that takes no more.

use std::time::Duration;

use opentelemetry::metrics::Counter;
use parking_lot::Mutex;
use shared::service::telemetry;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

/// What may be made up for at once: timers are late by a millisecond or two, and the rate would stay below what is allowed.
const SLACK: Duration = Duration::from_millis(20);

/// Lets one mail after the other pass. Urgent ones pass before all others that wait.
pub struct Pace {
    /// From one mail to the next; `None`: nobody waits.
    every: Option<Duration>,
    state: Mutex<State>,
    /// Whose turn it is to wait for the clock, among urgent mails and among the others.
    urgent: Semaphore,
    common: Semaphore,
    waited: Counter<u64>,
}

struct State {
    /// When the next mail may pass.
    free_at: Instant,
    /// Urgent mails that wait.
    urgent: usize,
}

impl Pace {
    /// So many mails a second, above 0; `None`: as many as there are. To be made after telemetry.
    pub fn new(rate: Option<f64>) -> Self {
        let waited = telemetry::meter()
            .u64_counter("mail_paced_total")
            .with_description("Mails that waited for the rate that is allowed")
            .build();
        telemetry::from_nought(&waited, [[]]);
        Self {
            // A rate without a sensible pause is none: the configuration refuses it.
            every: rate.and_then(|rate| Duration::try_from_secs_f64(rate.recip()).ok()),
            state: Mutex::new(State { free_at: Instant::now(), urgent: 0 }),
            urgent: Semaphore::new(1),
            common: Semaphore::new(1),
            waited,
        }
    }

    /// Waits until this mail may pass. Who stops waiting takes nobody's turn.
    pub async fn turn(&self, urgent: bool) {
        let Some(every) = self.every else { return };
        let _counted = urgent.then(|| Waiting::new(self));
        let lane = if urgent { &self.urgent } else { &self.common };
        // An error would say that it was closed, which nobody does.
        let _first = lane.acquire().await;
        let mut told = false;
        loop {
            let until = {
                let (mut state, now) = (self.state.lock(), Instant::now());
                if now < state.free_at {
                    state.free_at
                } else if !urgent && state.urgent > 0 {
                    // The clock is free, and somebody else's.
                    now + every
                } else {
                    let owed = now.checked_sub(SLACK).unwrap_or(now);
                    state.free_at = state.free_at.max(owed) + every;
                    return;
                }
            };
            if !std::mem::replace(&mut told, true) {
                self.waited.add(1, &[]);
            }
            sleep_until(until).await;
        }
    }
}

/// One urgent mail that waits.
struct Waiting<'a>(&'a Pace);

impl<'a> Waiting<'a> {
    fn new(pace: &'a Pace) -> Self {
        pace.state.lock().urgent += 1;
        Self(pace)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state.lock().urgent -= 1;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use futures::future::join_all;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_pass_than_so_many_a_second() {
        let (pace, began) = (Pace::new(Some(5.0)), Instant::now());
        join_all((0..11).map(|_| pace.turn(false))).await;
        assert!(began.elapsed() >= Duration::from_millis(1_980), "{:?}", began.elapsed());
        assert!(began.elapsed() < Duration::from_millis(2_100), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_after_a_rest_waits_for_nobody_and_saved_nothing_up() {
        let pace = Pace::new(Some(1.0));
        pace.turn(false).await;
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(pace.turn(false).now_or_never().is_some());
        assert!(pace.turn(false).now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn urgent_mails_pass_before_all_others_that_wait() {
        let (own, order) = (Pace::new(Some(10.0)), Mutex::new(Vec::new()));
        let (pace, passed) = (&own, &order);
        pace.turn(false).await;
        let turn = |name: &'static str, urgent: bool| async move {
            pace.turn(urgent).await;
            passed.lock().push(name);
        };
        let mut common = Box::pin(join_all([turn("a", false), turn("b", false)]));
        assert!(common.as_mut().now_or_never().is_none());
        // These come later.
        tokio::join!(common, join_all([turn("1", true), turn("2", true)]));
        assert_eq!(*passed.lock(), ["1", "2", "a", "b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_waiting_takes_no_turn() {
        let pace = Pace::new(Some(10.0));
        pace.turn(false).await;
        assert!(pace.turn(true).now_or_never().is_none());
        assert!(pace.turn(false).now_or_never().is_none());
        tokio::time::advance(Duration::from_millis(150)).await;
        assert!(pace.turn(false).now_or_never().is_some(), "nobody urgent waits any more");
    }

    #[tokio::test]
    async fn without_a_rate_nobody_waits() {
        let pace = Pace::new(None);
        assert!((0..1_000).all(|_| pace.turn(false).now_or_never().is_some()));
    }
}

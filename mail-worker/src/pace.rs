//! How fast all mail-workers together may go: so many mails a second, for a relay that takes no more. Each has an equal part.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::Counter;
use parking_lot::Mutex;
use shared::db::{Db, workers};
use shared::queue::Worker;
use shared::service::telemetry;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// Whose parts there are, as their rows in `workers` name them.
const PROCESS: &str = "mail-worker";

/// Between two looks for the others.
const LOOK: Duration = Duration::from_secs(1);

/// How long a newcomer waits for the others to have found it.
const FOUND: Duration = Duration::from_secs(2);

/// How soon a mail looks again that came before it was known how many there are.
const UNKNOWN: Duration = Duration::from_millis(50);

/// What may be made up for at once: timers are late by a millisecond or two, and the rate would stay below what is allowed.
const SLACK: Duration = Duration::from_millis(20);

/// Lets one mail after the other pass. Urgent ones pass before all others that wait.
pub struct Pace {
    /// From one mail to the next, of all processes; `None`: nobody waits.
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
    /// How many processes go; `None`: it is not known yet, and nobody passes.
    processes: Option<u32>,
}

impl Pace {
    /// So many mails a second of all processes, above 0; `None`: as many as there are. To be made after telemetry. With a
    /// rate nobody passes before [`Pace::share`] has looked.
    pub fn new(rate: Option<f64>) -> Self {
        let waited = telemetry::meter()
            .u64_counter("mail_paced_total")
            .with_description("Mails that waited for the rate that is allowed")
            .build();
        telemetry::from_nought(&waited, [[]]);
        Self {
            // A rate without a sensible pause is none: the configuration refuses it.
            every: rate.and_then(|rate| Duration::try_from_secs_f64(rate.recip()).ok()),
            state: Mutex::new(State { free_at: Instant::now(), urgent: 0, processes: None }),
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
                let processes = state.processes;
                match processes {
                    None => now + UNKNOWN,
                    Some(_) if now < state.free_at => state.free_at,
                    // The clock is free, and somebody else's.
                    Some(_) if !urgent && state.urgent > 0 => now + every,
                    Some(processes) => {
                        let owed = now.checked_sub(SLACK).unwrap_or(now);
                        state.free_at = state.free_at.max(owed) + every * processes;
                        return;
                    }
                }
            };
            if !std::mem::replace(&mut told, true) {
                self.waited.add(1, &[]);
            }
            sleep_until(until).await;
        }
    }

    /// Looks again and again how many processes go, until stopped. It only counts while this one has its lease, by which the
    /// others find it; and a newcomer begins when they have had the time to.
    pub async fn share(self: Arc<Self>, db: Db, worker: Worker, stop: CancellationToken) {
        let looking = async {
            let (mut since, mut told) = (None, false);
            loop {
                if worker.lease_valid() {
                    let since: Instant = *since.get_or_insert_with(Instant::now);
                    match db.try_within(live(&db)).await {
                        Ok(processes) if since.elapsed() >= FOUND => self.known(Some(processes)),
                        Ok(_) => {}
                        Err(error) if error.is_unavailable() => {
                            tracing::debug!(%error, "the other mail-workers were not counted this time");
                        }
                        // A missing right, say. Mails go out all the same.
                        Err(error) => {
                            if !std::mem::replace(&mut told, true) {
                                tracing::warn!(%error, "the other mail-workers cannot be counted: this one takes the whole rate");
                            }
                            self.known(Some(1));
                        }
                    }
                } else {
                    since = None;
                    self.known(None);
                }
                sleep(LOOK).await;
            }
        };
        stop.run_until_cancelled(looking).await;
    }

    fn known(&self, processes: Option<u32>) {
        self.state.lock().processes = processes;
    }
}

/// How many processes go, this one among them.
async fn live(db: &Db) -> Result<u32, shared::db::Error> {
    let mut conn = db.acquire().await?;
    let processes = workers::live(&mut conn, PROCESS).await?;
    Ok(u32::try_from(processes).unwrap_or(u32::MAX).max(1))
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

    fn alone(rate: f64) -> Pace {
        let pace = Pace::new(Some(rate));
        pace.known(Some(1));
        pace
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_pass_than_so_many_a_second() {
        let (pace, began) = (alone(5.0), Instant::now());
        join_all((0..11).map(|_| pace.turn(false))).await;
        assert!(began.elapsed() >= Duration::from_millis(1_980), "{:?}", began.elapsed());
        assert!(began.elapsed() < Duration::from_millis(2_100), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_after_a_rest_waits_for_nobody_and_saved_nothing_up() {
        let pace = alone(1.0);
        pace.turn(false).await;
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(pace.turn(false).now_or_never().is_some());
        assert!(pace.turn(false).now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn urgent_mails_pass_before_all_others_that_wait() {
        let (own, order) = (alone(10.0), Mutex::new(Vec::new()));
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
        let pace = alone(10.0);
        pace.turn(false).await;
        assert!(pace.turn(true).now_or_never().is_none());
        assert!(pace.turn(false).now_or_never().is_none());
        tokio::time::advance(Duration::from_millis(150)).await;
        assert!(pace.turn(false).now_or_never().is_some(), "nobody urgent waits any more");
    }

    #[tokio::test(start_paused = true)]
    async fn each_of_two_processes_has_half() {
        let (pace, began) = (alone(10.0), Instant::now());
        pace.known(Some(2));
        join_all((0..11).map(|_| pace.turn(false))).await;
        assert!(began.elapsed() >= Duration::from_millis(1_980), "{:?}", began.elapsed());
        assert!(began.elapsed() < Duration::from_millis(2_100), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_passes_before_it_is_known_how_many_there_are() {
        let pace = Pace::new(Some(10.0));
        assert!(pace.turn(true).now_or_never().is_none());
        pace.known(Some(1));
        assert!(pace.turn(true).now_or_never().is_some());
        pace.known(None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(pace.turn(true).now_or_never().is_none());
    }

    #[tokio::test]
    async fn without_a_rate_nobody_waits() {
        let pace = Pace::new(None);
        assert!((0..1_000).all(|_| pace.turn(false).now_or_never().is_some()));
    }
}

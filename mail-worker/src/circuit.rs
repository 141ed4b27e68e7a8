//! When the relay is down, the worker backs off as a whole instead of burning every mail's attempts (SPEC §11).

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::Gauge;
use parking_lot::Mutex;
use shared::random::Random;
use shared::service::health::PartHandle;
use shared::service::telemetry;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::smtp::{Failure, Pool, Reply, Step};

/// The first pause before the relay is tried again; they double from here.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A relay that dealt with a mail this recently is not down because it turns another one away.
const RECENT: Duration = Duration::from_secs(10);

/// Closed: mails flow. Open: nothing is claimed, a probe connects now and then.
pub struct Circuit {
    closed: watch::Sender<bool>,
    state: Mutex<State>,
    random: Random,
    health: PartHandle,
    up: Gauge<u64>,
}

#[derive(Default)]
struct State {
    /// Failures since a mail was last dealt with: the pauses' exponent.
    failures: u32,
    served: Option<Instant>,
    /// The log says that it is down.
    told: bool,
}

impl Circuit {
    /// A closed circuit: until proven otherwise the relay is there. To be made after telemetry.
    pub fn new(random: Random, health: PartHandle) -> Arc<Self> {
        health.set_ok();
        let up = telemetry::meter()
            .u64_gauge("mail_relay_up")
            .with_description("Whether the relay can be used, as this worker found it last: 1, else 0")
            .build();
        up.record(1, &[]);
        Arc::new(Self { closed: watch::Sender::new(true), state: Mutex::default(), random, health, up })
    }

    /// Waits until mails may not flow; at once where they may not now.
    pub async fn opened(&self) {
        let mut watch = self.watch();
        // An error would say that the circuit is gone, which it is not while somebody asks it.
        let _ = watch.wait_for(|closed| !closed).await;
    }

    /// Follows the circuit: `true` while it is closed.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.closed.subscribe()
    }

    /// Notes that the relay dealt with a mail, be it by refusing it.
    pub fn served(&self) {
        let mut state = self.state.lock();
        (state.failures, state.served) = (0, Some(Instant::now()));
    }

    /// Whether the relay dealt with a mail a moment ago.
    pub fn served_recently(&self) -> bool {
        self.state.lock().served.is_some_and(|at| at.elapsed() < RECENT)
    }

    /// Opens the circuit: the relay cannot be used. A connection that failed once is no alarm yet: the first probe, a moment
    /// later, tells. One that failed where a probe does not come to is.
    pub fn open(&self, reply: &Reply) {
        let opened = self.closed.send_if_modified(|closed| std::mem::replace(closed, false));
        if opened {
            self.state.lock().failures += 1;
        }
        if reply.step >= Step::MailFrom {
            self.down(reply);
        }
    }

    fn down(&self, reply: &Reply) {
        if !std::mem::replace(&mut self.state.lock().told, true) {
            tracing::warn!(reason = %reply, "the relay is down: mails wait until it is back");
        }
        self.health.set_failed(format!("relay: {reply}"));
        self.up.record(0, &[]);
    }

    /// Probes the relay while the circuit is open, and closes it when the relay answers.
    pub async fn tend(&self, pool: &Pool, stop: CancellationToken) {
        let mut watch = self.watch();
        loop {
            tokio::select! {
                opened = watch.wait_for(|closed| !closed) => if opened.is_err() { return },
                () = stop.cancelled() => return,
            }
            let probe = async {
                sleep(self.pause()).await;
                pool.connect().await
            };
            let probed = tokio::select! { probed = probe => probed, () = stop.cancelled() => return };
            match probed {
                Ok(pooled) => {
                    // The probe's connection carries the first mail.
                    pool.give_back(pooled.session, false).await;
                    if std::mem::take(&mut self.state.lock().told) {
                        tracing::info!("the relay answers: mails flow again");
                    }
                    self.health.set_ok();
                    self.up.record(1, &[]);
                    self.closed.send_replace(true);
                }
                Err(failure) => self.still_down(&failure),
            }
        }
    }

    fn still_down(&self, failure: &Failure) {
        let mut state = self.state.lock();
        state.failures = state.failures.saturating_add(1);
        drop(state);
        self.down(failure.reply());
    }

    /// Between half of the present pause and all of it.
    fn pause(&self) -> Duration {
        let doubled = self.state.lock().failures.saturating_sub(1).min(16);
        let pause = FIRST_PAUSE.saturating_mul(1 << doubled).min(LONGEST_PAUSE);
        pause.mul_f64(0.5 + self.random.unit() / 2.0)
    }
}

/// A gate that is open while the given one is and the circuit is closed.
pub fn behind(mut gate: watch::Receiver<bool>, circuit: &Circuit, stop: CancellationToken) -> watch::Receiver<bool> {
    let mut closed = circuit.watch();
    let both = watch::Sender::new(*gate.borrow() && *closed.borrow());
    let joined = both.subscribe();
    tokio::spawn(async move {
        let mut gate_lives = true;
        while !both.is_closed() {
            let open = *gate.borrow_and_update() && *closed.borrow_and_update();
            both.send_if_modified(|was| std::mem::replace(was, open) != open);
            tokio::select! {
                changed = gate.changed(), if gate_lives => gate_lives = changed.is_ok(),
                changed = closed.changed() => if changed.is_err() { return },
                () = stop.cancelled() => return,
            }
        }
    });
    joined
}

#[cfg(test)]
mod tests {
    use shared::service::health::{Health, PartKind};

    use super::*;

    fn circuit() -> (Arc<Circuit>, Health) {
        let health = Health::new();
        let part = health.part("smtp", PartKind::Degraded);
        (Circuit::new(Random::seeded(1), part), health)
    }

    #[tokio::test]
    async fn pauses_double_with_jitter_and_end_at_the_cap() {
        let (circuit, _) = circuit();
        for (failures, most) in [(1, 0.5), (2, 1.0), (3, 2.0), (7, 30.0), (1000, 30.0)] {
            circuit.state.lock().failures = failures;
            for _ in 0..50 {
                let pause = circuit.pause().as_secs_f64();
                assert!((most / 2.0..=most).contains(&pause), "{failures}: {pause}");
            }
        }
    }

    #[tokio::test]
    async fn opening_degrades_readiness_and_closes_the_gate() {
        let (circuit, health) = circuit();
        let stop = CancellationToken::new();
        let (schema, gate) = watch::channel(true);
        let mut both = behind(gate, &circuit, stop.clone());
        assert!(*both.borrow());
        assert_eq!(health.report().http_status(), 200);
        circuit.open(&Reply::new(Step::Connect, None, "refused"));
        both.wait_for(|open| !open).await.unwrap();
        assert!(!format!("{:?}", health.report()).contains("Degraded"), "one connection is no alarm yet");
        circuit.still_down(&Failure::local(Step::Connect, "refused"));
        assert_eq!(health.report().http_status(), 200);
        assert!(format!("{:?}", health.report()).contains("Degraded"));
        circuit.closed.send_replace(true);
        both.wait_for(|open| *open).await.unwrap();
        schema.send_replace(false);
        both.wait_for(|open| !open).await.unwrap();
        stop.cancel();
    }
}

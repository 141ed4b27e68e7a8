//! The receiving half: one connection that does nothing but listen, and only sets flags.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{Topic, WakeTiming, Waker};
use crate::postgres::Error;
use crate::{
    queue::{background, backoff::Reconnect, metrics, notify_health::NotifyHealth},
    random::Random,
    service::lifecycle::Lifecycle,
};

/// Nothing short of a dead network makes connecting or LISTEN take this long.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// So many lost round trips in a row, and the connection is made anew: it may be half open.
const LOST_PROBES: u32 = 3;

/// Gives out signals by topic. Cheap to clone.
#[derive(Clone)]
pub struct Listener(Arc<Inner>);

struct Inner {
    subscribers: Mutex<Vec<(Topic, Weak<Notify>)>>,
    subscribed: Notify,
    health: watch::Sender<NotifyHealth>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Listener {{ state: {:?} }}", self.state())
    }
}

/// One subscriber's flag for one or more topics: set by every wake-up, cleared by waiting.
#[derive(Debug)]
pub struct Signal(Arc<Notify>);

impl Signal {
    /// Waits until a wake-up came since the last wait ended. One that comes between a query and this call is not lost:
    /// the flag stays set. Cancel-safe.
    pub async fn notified(&self) {
        self.0.notified().await;
    }
}

impl Listener {
    pub(super) fn new() -> Self {
        Self(Arc::new(Inner {
            subscribers: Mutex::default(),
            subscribed: Notify::new(),
            health: watch::Sender::new(NotifyHealth::Off),
        }))
    }

    /// A flag that every wake-up of the topic sets, and every (re)connection. It starts set: look first, then wait.
    #[must_use]
    pub fn subscribe(&self, topic: Topic) -> Signal {
        self.subscribe_all(&[topic])
    }

    /// One flag for several topics.
    #[must_use]
    pub fn subscribe_all(&self, topics: &[Topic]) -> Signal {
        let flag = Arc::new(Notify::new());
        flag.notify_one();
        self.0.subscribers.lock().extend(topics.iter().map(|t| (*t, Arc::downgrade(&flag))));
        self.0.subscribed.notify_one();
        Signal(flag)
    }

    /// Whether notifications are known to arrive.
    #[must_use]
    pub fn state(&self) -> NotifyHealth {
        *self.0.health.borrow()
    }

    /// The state and its changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<NotifyHealth> {
        self.0.health.subscribe()
    }

    pub(super) fn signal(&self, topic: Topic) {
        self.signal_where(|t| t == topic);
    }

    fn signal_where(&self, wanted: impl Fn(Topic) -> bool) {
        self.0.subscribers.lock().retain(|(topic, flag)| match flag.upgrade() {
            Some(flag) => {
                if wanted(*topic) {
                    flag.notify_one();
                }
                true
            }
            None => false,
        });
    }

    fn topics(&self) -> Vec<Topic> {
        let mut topics: Vec<Topic> = self.0.subscribers.lock().iter().map(|(topic, _)| *topic).collect();
        topics.sort_unstable();
        topics.dedup();
        topics
    }

    fn set(&self, health: NotifyHealth) {
        let changed = self.0.health.send_if_modified(|h| std::mem::replace(h, health) != health);
        if changed {
            metrics::engine().notify_state(health);
            match health {
                NotifyHealth::Healthy => tracing::info!("notifications arrive"),
                other => {
                    tracing::warn!(state = other.as_str(), "notifications are not known to arrive: scanning faster")
                }
            }
        }
    }
}

pub(super) fn spawn(
    listener: &Listener,
    waker: Waker,
    options: PgConnectOptions,
    lifecycle: &Lifecycle,
    random: Random,
    timing: WakeTiming,
) {
    let listener = listener.clone();
    metrics::engine().notify_state(NotifyHealth::Off);
    background::spawn(lifecycle, "listener", Duration::from_secs(1), |stop| async move {
        let mut reconnect = Reconnect::new(random.clone(), timing.reconnect_cap);
        let channel = format!("galaxy_ping_{}", hex::encode(random.bytes::<8>()));
        let session = Session { listener: &listener, waker: &waker, timing: &timing, channel: &channel };
        while !stop.is_cancelled() {
            let ended = tokio::select! {
                ended = session.serve(&options, &mut reconnect) => ended,
                () = stop.cancelled() => return,
            };
            listener.set(NotifyHealth::Off);
            if let Err(error) = ended {
                tracing::debug!(%error, "the listening connection was lost");
            }
            tokio::select! { () = sleep(reconnect.pause()) => {}, () = stop.cancelled() => {} }
        }
    });
}

/// One listening connection, from making to losing it.
struct Session<'a> {
    listener: &'a Listener,
    waker: &'a Waker,
    timing: &'a WakeTiming,
    channel: &'a str,
}

impl Session<'_> {
    async fn serve(&self, options: &PgConnectOptions, reconnect: &mut Reconnect) -> Result<(), Error> {
        let topics = self.listener.topics();
        let mut conn = timeout(CONNECT_LIMIT, self.connect(options, &topics)).await.map_err(timed_out)??;
        let mut heard = topics;
        self.listener.set(NotifyHealth::Degraded);
        // Whatever was notified before LISTEN is lost: everything is dirty.
        self.listener.signal_where(|_| true);

        let (mut nonce, mut sent, mut outstanding, mut lost) = (0u64, Instant::now(), false, 0);
        let mut next_probe = Instant::now();
        loop {
            tokio::select! {
                // Cancel-safe: sqlx takes a message out of its buffer only when it is whole.
                message = conn.try_recv() => {
                    // try_recv would reconnect in silence; we want to know, so the connection is thrown away instead.
                    let Some(message) = message? else { return Err(closed()) };
                    if message.channel() != self.channel {
                        if let Some(topic) = heard.iter().find(|t| t.channel() == message.channel()) {
                            self.listener.signal(*topic);
                        }
                    } else if outstanding && message.payload() == nonce.to_string() {
                        (outstanding, lost) = (false, 0);
                        metrics::engine().round_trip(sent.elapsed());
                        self.listener.set(NotifyHealth::Healthy);
                        reconnect.reset();
                        next_probe = Instant::now() + self.timing.probe_healthy;
                    }
                }
                () = self.listener.0.subscribed.notified() => {
                    let fresh: Vec<Topic> = self.listener.topics().into_iter().filter(|t| !heard.contains(t)).collect();
                    if !fresh.is_empty() {
                        let listening = conn.listen_all(fresh.iter().map(|t| t.channel()));
                        timeout(CONNECT_LIMIT, listening).await.map_err(timed_out)??;
                        self.listener.signal_where(|t| fresh.contains(&t));
                        heard.extend(fresh);
                    }
                }
                () = sleep_until(next_probe) => {
                    if outstanding {
                        lost += 1;
                        self.listener.set(NotifyHealth::Degraded);
                        if lost >= LOST_PROBES {
                            return Err(closed());
                        }
                    }
                    nonce += 1;
                    (outstanding, sent) = (true, Instant::now());
                    self.waker.probe(self.channel, nonce.to_string());
                    // Until it comes back this is how long it may take; then the next follows later.
                    let wait = if lost == 0 { self.timing.probe_timeout } else { self.timing.probe_degraded };
                    next_probe = sent + wait;
                }
            }
        }
    }

    async fn connect(&self, options: &PgConnectOptions, topics: &[Topic]) -> Result<PgListener, Error> {
        // PgListener wants a pool. This one has a single connection that never changes under us.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_lazy_with(options.clone().application_name("galaxy listener"));
        let mut conn = PgListener::connect_with(&pool).await?;
        conn.eager_reconnect(false);
        conn.ignore_pool_close_event(true);
        conn.listen_all(topics.iter().map(|t| t.channel()).chain([self.channel])).await?;
        Ok(conn)
    }
}

fn closed() -> Error {
    Error::Lost
}

fn timed_out(_: tokio::time::error::Elapsed) -> Error {
    Error::Silent
}

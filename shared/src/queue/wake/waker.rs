//! The sending half: one dirty flag a topic, one task that turns flags into NOTIFYs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Listener, Topic, WakeTiming};
use crate::postgres::Error;
use crate::{
    queue::{background, backoff::Reconnect},
    random::Random,
    service::lifecycle::Lifecycle,
};

/// No NOTIFY takes this long on a connection that lives.
const SEND_LIMIT: Duration = Duration::from_secs(5);

/// The last ones, at the end of the process: others look at the tables anyway.
const LAST_LIMIT: Duration = Duration::from_millis(500);

/// Tells every process that there is work of a topic. Cheap to clone.
#[derive(Clone)]
pub struct Waker(Arc<Inner>);

struct Inner {
    dirty: AtomicU32,
    /// The channel and nonce of a round trip that the listener wants measured.
    probe: Mutex<Option<(String, String)>>,
    pending: Notify,
    listener: Listener,
}

impl std::fmt::Debug for Waker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Waker {{ dirty: {:#b} }}", self.0.dirty.load(Ordering::Relaxed))
    }
}

impl Waker {
    pub(super) fn new(listener: Listener) -> Self {
        Self(Arc::new(Inner { dirty: AtomicU32::new(0), probe: Mutex::new(None), pending: Notify::new(), listener }))
    }

    /// Wakes whoever waits for the topic: this process's own subscribers at once, the other processes within
    /// milliseconds. To be called after the commit that made the work. Never blocks, never fails: a wake-up that gets
    /// lost costs a scan interval.
    pub fn wake(&self, topic: Topic) {
        self.0.listener.signal(topic);
        self.0.dirty.fetch_or(topic.bit(), Ordering::AcqRel);
        self.0.pending.notify_one();
    }

    /// Sends a nonce; the latest replaces one that was not sent yet.
    pub(super) fn probe(&self, channel: &str, nonce: String) {
        *self.0.probe.lock() = Some((channel.to_owned(), nonce));
        self.0.pending.notify_one();
    }
}

pub(super) fn spawn(
    waker: &Waker,
    options: PgConnectOptions,
    lifecycle: &Lifecycle,
    random: Random,
    timing: WakeTiming,
) {
    let inner = Arc::clone(&waker.0);
    background::spawn(lifecycle, "waker", Duration::from_secs(1), |stop| run(inner, options, random, timing, stop));
}

async fn run(
    inner: Arc<Inner>,
    options: PgConnectOptions,
    random: Random,
    timing: WakeTiming,
    stop: CancellationToken,
) {
    let mut reconnect = Reconnect::new(random, timing.reconnect_cap);
    let mut conn = None;
    let mut failing = false;
    loop {
        // When stopping, what is still pending is sent, once.
        let stopping = tokio::select! {
            biased;
            () = inner.pending.notified() => stop.is_cancelled(),
            () = stop.cancelled() => true,
        };
        let bits = inner.dirty.swap(0, Ordering::AcqRel);
        let probe = inner.probe.lock().take();
        if bits != 0 || probe.is_some() {
            let (channels, payloads) = messages(bits, probe);
            let sent = tokio::select! {
                sent = timeout(SEND_LIMIT, send(&mut conn, &options, &channels, &payloads)) => sent.ok(),
                () = async { stop.cancelled().await; sleep(LAST_LIMIT).await } => None,
            };
            let stopping = stopping || stop.is_cancelled();
            match sent.unwrap_or_else(|| Err(Error::Silent)) {
                Ok(()) => {
                    if std::mem::take(&mut failing) {
                        tracing::info!("wake-ups are being sent again");
                    }
                    reconnect.reset();
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "wake-ups cannot be sent; the tables are scanned meanwhile");
                    }
                    conn = None;
                    // The flags stay dirty; the nonce does not, it would only measure the outage.
                    inner.dirty.fetch_or(bits, Ordering::AcqRel);
                    inner.pending.notify_one();
                    if stopping {
                        return;
                    }
                    tokio::select! { () = sleep(reconnect.pause()) => {}, () = stop.cancelled() => {} }
                    continue;
                }
            }
        }
        if stopping {
            if let Some(conn) = conn {
                let _ = timeout(LAST_LIMIT / 2, conn.close()).await;
            }
            return;
        }
        // At once for the first, then at most one every few milliseconds: NOTIFY takes a lock across the whole cluster.
        sleep(timing.coalesce).await;
    }
}

fn messages(bits: u32, probe: Option<(String, String)>) -> (Vec<String>, Vec<String>) {
    let topics = Topic::ALL.iter().filter(|t| bits & t.bit() != 0).map(|t| (t.channel().to_owned(), String::new()));
    topics.chain(probe).unzip()
}

async fn send(
    conn: &mut Option<PgConnection>,
    options: &PgConnectOptions,
    channels: &[String],
    payloads: &[String],
) -> Result<(), Error> {
    let mut live = match conn.take() {
        Some(live) => live,
        None => options.connect().await?,
    };
    sqlx::query("SELECT pg_notify(channel, payload) FROM unnest($1::text[], $2::text[]) AS n (channel, payload)")
        .bind(channels)
        .bind(payloads)
        .execute(&mut live)
        .await?;
    *conn = Some(live);
    Ok(())
}

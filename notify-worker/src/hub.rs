//! The push hub, seen from a worker: one connection, batches that are all or nothing, and a pause for all when it is away.

use std::ops::Range;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tracing::Instrument as _;

use shared::proto::push::{ClientEvent, PublishRequest, push_hub_client::PushHubClient};
use shared::queue::backoff::full_jitter;
use shared::queue::{Topic, Waker};
use shared::random::Random;
use shared::service::health::PartHandle;
use shared::service::telemetry;

use crate::config::{HubConfig, HubTls};

/// The hub takes 1 000 events and 4 MiB at once, and 64 KiB of payload each (SPEC §12).
pub const MAX_EVENTS: usize = 1_000;
/// See [`MAX_EVENTS`]; the rest is room for names and framing.
pub const MAX_BYTES: usize = 3 << 20;
/// See [`MAX_EVENTS`].
pub const MAX_PAYLOAD: usize = 64 << 10;

/// What the call is called in traces.
const RPC: &str = "galaxy.push.v1.PushHub/Publish";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection is asked for a sign of life so often, calls under way or not, and closed when it gives none: what is published
/// on a dead one fails within the two together, and is published on another.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(2);
const PAUSE_BASE: Duration = Duration::from_millis(250);
/// A hub that is away is asked about once a second at the least: events wait for it, and one small question costs nothing.
const PAUSE_CAP: Duration = Duration::from_secs(1);
const PROBE_INTERVAL: Duration = Duration::from_secs(15);

/// The way to the hub; shared by all batches.
pub struct Hub {
    endpoint: Endpoint,
    /// Replaced by a new one whenever the hub seems away: the next try must not go over the connection that failed.
    channel: Mutex<Channel>,
    token: Option<MetadataValue<Ascii>>,
    random: Random,
    state: Mutex<State>,
    fell: Notify,
    health: PartHandle,
}

#[derive(Default)]
struct State {
    /// Failures in a row since the last publish that the hub answered.
    failures: u32,
    /// Nothing is sent before then, nor until a probe has been answered.
    away_until: Option<Instant>,
}

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is in the log.
    Published,
    /// The hub refuses this very event, for good.
    Refused(String),
    /// Not sent, or nobody knows: to be tried again after the pause; `counts`: the hub took offence at what we sent.
    Later {
        /// What happened.
        error: String,
        /// How long to wait; none: as the queue has it.
        after: Option<Duration>,
        /// Whether it burns the attempt budget.
        counts: bool,
    },
}

impl Hub {
    /// A hub that connects when first used, and again whenever it must. `health` tells how it is.
    ///
    /// # Errors
    /// When the URL or the token cannot be used as such.
    pub fn new(config: &HubConfig, random: Random, health: PartHandle) -> anyhow::Result<Self> {
        let mut endpoint = Endpoint::from_shared(config.url.clone())?;
        if config.url.starts_with("https:") {
            endpoint = endpoint.tls_config(client_tls(&config.tls))?;
        }
        let endpoint = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .tcp_nodelay(true);
        let token = config.token.as_ref().map(|t| format!("Bearer {}", t.expose()).parse()).transpose()?;
        Ok(Self {
            channel: Mutex::new(endpoint.connect_lazy()),
            endpoint,
            token: token.map(|mut t: MetadataValue<Ascii>| {
                t.set_sensitive(true);
                t
            }),
            random,
            state: Mutex::default(),
            fell: Notify::new(),
            health,
        })
    }

    /// Whether events may be sent now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state.lock().away_until.is_none()
    }

    /// Publishes events and says of each what became of it. A request that the hub refuses as a whole is halved until the
    /// culprits stand alone.
    pub async fn publish(&self, events: &[ClientEvent]) -> Vec<Sent> {
        let mut sent = vec![Sent::Published; events.len()];
        let mut parts = requests(events);
        parts.reverse();
        while let Some(part) = parts.pop() {
            let Err(status) = self.send(events.get(part.clone()).unwrap_or_default()).await else { continue };
            let poison = matches!(status.code(), Code::InvalidArgument | Code::OutOfRange | Code::FailedPrecondition);
            if poison && part.len() > 1 {
                let middle = part.start + part.len() / 2;
                parts.push(middle..part.end);
                parts.push(part.start..middle);
                continue;
            }
            let what = if poison { Sent::Refused(told(&status)) } else { self.later(&status) };
            // What an unwell hub did not get is not tried on it either.
            let hit = if poison { vec![part] } else { std::iter::once(part).chain(parts.drain(..)).collect() };
            for part in hit {
                sent.get_mut(part).unwrap_or_default().fill(what.clone());
            }
        }
        sent
    }

    async fn send(&self, events: &[ClientEvent]) -> Result<(), Status> {
        if events.is_empty() {
            return Ok(());
        }
        let mut request = Request::new(PublishRequest { events: events.to_vec() });
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        let channel = self.channel.lock().clone();
        let mut client = PushHubClient::new(channel).max_encoding_message_size(MAX_BYTES + (1 << 20));
        let span = tracing::info_span!("publish", otel.name = RPC, otel.kind = "client", events = events.len());
        if let Some(traceparent) = telemetry::traceparent_of(&span).and_then(|text| text.parse().ok()) {
            request.metadata_mut().insert("traceparent", traceparent);
        }
        let answer = client.publish(request).instrument(span).await;
        // Whatever it said, it is there and talks to us.
        if answer.as_ref().err().is_none_or(|status| !is_away(status)) {
            *self.state.lock() = State::default();
            self.health.set_ok();
        }
        answer.map(|_| ())
    }

    fn later(&self, status: &Status) -> Sent {
        let error = told(status);
        if is_away(status) {
            Sent::Later { error, after: Some(self.fall(status)), counts: false }
        } else {
            Sent::Later { error, after: None, counts: true }
        }
    }

    /// Notes that the hub is away and answers for how long nothing is sent. Batches that fail together are one failure.
    fn fall(&self, status: &Status) -> Duration {
        let now = Instant::now();
        let mut state = self.state.lock();
        if let Some(until) = state.away_until {
            return until.saturating_duration_since(now).max(PAUSE_BASE);
        }
        state.failures = state.failures.saturating_add(1);
        let pause = self.pause(state.failures);
        state.away_until = Some(now + pause);
        drop(state);
        self.reconnect();
        self.health.set_failed(told(status));
        self.fell.notify_one();
        pause
    }

    /// The next call makes a connection of its own. Calls under way on the former one end as they end.
    fn reconnect(&self) {
        *self.channel.lock() = self.endpoint.connect_lazy();
    }

    /// Half of it for certain, half by chance: the jitter spreads the replicas, it must not let one of them hammer.
    fn pause(&self, failures: u32) -> Duration {
        let bound = PAUSE_BASE.saturating_mul(1 << failures.saturating_sub(1).min(6)).min(PAUSE_CAP);
        bound / 2 + full_jitter(&self.random, PAUSE_BASE, PAUSE_CAP, failures) / 2
    }

    /// Finds out how the hub is, at the start, now and then, and after each pause; dispatch goes on when it answers. Runs
    /// until `stop`.
    pub async fn watch(&self, waker: Waker, stop: CancellationToken) {
        let watch = async {
            loop {
                let until = self.state.lock().away_until;
                if let Some(until) = until {
                    tokio::time::sleep_until(until).await;
                }
                if !self.look().await {
                    continue;
                }
                if until.is_some() {
                    // Not healthy yet: only a publish shows that our events are taken.
                    self.state.lock().away_until = None;
                    waker.wake(Topic::Routes);
                }
                let _ = tokio::time::timeout(PROBE_INTERVAL, self.fell.notified()).await;
            }
        };
        stop.run_until_cancelled(watch).await;
    }

    /// Asks the hub whether it serves, and notes when it does not answer.
    async fn look(&self) -> bool {
        let mut probe = HealthClient::new(self.channel.lock().clone());
        let asked = probe.check(HealthCheckRequest { service: String::new() }).await;
        let failed = match asked {
            Ok(answer) if answer.get_ref().status() == ServingStatus::Serving => None,
            Ok(answer) => Some(Status::unavailable(format!("it says {:?}", answer.get_ref().status()))),
            // Any answer of a gRPC server is a sign of life; whether it serves us, publishing shows.
            Err(status) if is_away(&status) && status.code() != Code::Unimplemented => Some(status),
            Err(_) => None,
        };
        let Some(status) = failed else {
            if self.state.lock().failures == 0 {
                self.health.set_ok();
            }
            return true;
        };
        let mut state = self.state.lock();
        state.failures = state.failures.saturating_add(1);
        state.away_until = Some(Instant::now() + self.pause(state.failures));
        drop(state);
        self.reconnect();
        self.health.set_failed(told(&status));
        false
    }
}

fn client_tls(files: &HubTls) -> ClientTlsConfig {
    let mut tls = ClientTlsConfig::new();
    tls = match &files.roots {
        Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
        None => tls.with_native_roots(),
    };
    match (&files.cert, &files.key) {
        (Some(cert), Some(key)) => tls.identity(Identity::from_pem(cert, key.expose())),
        _ => tls,
    }
}

/// Whether the answer says that the hub, or the way to it, does not work, as opposed to what we sent. A status with a source
/// was made on this side, from what the connection said.
fn is_away(status: &Status) -> bool {
    if std::error::Error::source(status).is_some() {
        return true;
    }
    matches!(
        status.code(),
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Unauthenticated
            | Code::PermissionDenied
            | Code::Unimplemented
    )
}

fn told(status: &Status) -> String {
    format!("push hub: {:?}: {}", status.code(), status.message())
}

/// Cuts events into requests that the hub takes.
fn requests(events: &[ClientEvent]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, event) in events.iter().enumerate() {
        let size = size(event);
        if at > start && (at - start == MAX_EVENTS || bytes + size > MAX_BYTES) {
            parts.push(start..at);
            (start, bytes) = (at, 0);
        }
        bytes += size;
    }
    parts.push(start..events.len());
    parts
}

fn size(event: &ClientEvent) -> usize {
    event.payload.len() + event.kind.len() + event.request_id.len() + 256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_hold_no_more_than_the_hub_takes() {
        let event = |bytes: usize| ClientEvent { payload: vec![0; bytes].into(), ..ClientEvent::default() };
        assert_eq!(requests(&[event(1), event(1)]), vec![0..2]);
        assert_eq!(requests(&vec![event(0); 2_001]), [0..1_000, 1_000..2_000, 2_000..2_001]);
        let big = vec![event(MAX_PAYLOAD); 100];
        let parts = requests(&big);
        assert_eq!(parts.iter().map(ExactSizeIterator::len).sum::<usize>(), 100);
        assert!(parts.iter().all(|p| big[p.clone()].iter().map(size).sum::<usize>() <= MAX_BYTES), "{parts:?}");
    }
}

//! The push stream: one subscriber over all replicas that are ready, which resumes wherever it can reach the log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use chrono::Utc;
use parking_lot::Mutex;
use shared::proto::push::GatewaySubscribeRequest;
use shared::proto::push::push_client::PushClient;
use testkit::stack::Summary;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Endpoint;

use super::journal::Journal;
use super::ready::Ready;

/// Bookmarks come at least every 5 s (SPEC §12); a stream that is silent for this long is dead.
const SILENCE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(100);

/// A gateway's subscription. Ends when dropped.
pub struct Subscriber {
    journal: Arc<Mutex<Journal>>,
    changes: watch::Receiver<u64>,
    hang_up: mpsc::UnboundedSender<Duration>,
    _ends: DropGuard,
}

impl Subscriber {
    /// Subscribes, from now on, and waits until the stream is open.
    ///
    /// # Errors
    /// When no replica opens one in time.
    pub async fn open(summary: &Summary, client_id: &str, patience: Duration) -> Result<Subscriber> {
        let (changed, changes) = watch::channel(0);
        let (hang_up, hang_ups) = mpsc::unbounded_channel();
        let end = CancellationToken::new();
        let journal = Arc::new(Mutex::new(Journal::default()));
        let follower = Follower {
            replicas: summary.grpc.clone(),
            ready: Ready::watch(summary, summary.grpc.len())?,
            client_id: client_id.to_owned(),
            authorization: format!("Bearer {}", summary.gateway_token).parse().context("the token")?,
            journal: journal.clone(),
            changed,
            hang_ups,
        };
        ensure!(!follower.replicas.is_empty(), "the stack has no push hub");
        tokio::spawn(end.clone().run_until_cancelled_owned(follower.follow()));
        let subscriber = Subscriber { journal, changes, hang_up, _ends: end.drop_guard() };
        subscriber.wait("a push stream", patience, |journal| (!journal.cursor().is_empty()).then_some(())).await?;
        Ok(subscriber)
    }

    /// Drops the connection, stays away for `away`, and resumes.
    pub fn hang_up(&self, away: Duration) {
        // A follower that is gone has ended with us.
        let _ = self.hang_up.send(away);
    }

    /// Looks at the journal.
    pub fn look<T>(&self, at: impl FnOnce(&Journal) -> T) -> T {
        at(&self.journal.lock())
    }

    /// Waits until the journal answers.
    ///
    /// # Errors
    /// When it does not within `limit`, naming `what`; at once when the stream broke its contract.
    pub async fn wait<T>(&self, what: &str, limit: Duration, mut seen: impl FnMut(&Journal) -> Option<T>) -> Result<T> {
        let mut changes = self.changes.clone();
        let end = Instant::now() + limit;
        loop {
            changes.mark_unchanged();
            {
                let journal = self.journal.lock();
                if let Some(fault) = &journal.fault {
                    bail!("the push stream broke its contract: {fault}");
                }
                if let Some(found) = seen(&journal) {
                    return Ok(found);
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("{what}: expected on the push stream within {limit:?}, and did not come");
            }
            let _ = tokio::time::timeout(left, changes.changed()).await;
        }
    }
}

struct Follower {
    replicas: Vec<String>,
    ready: Ready,
    client_id: String,
    authorization: MetadataValue<Ascii>,
    journal: Arc<Mutex<Journal>>,
    changed: watch::Sender<u64>,
    hang_ups: mpsc::UnboundedReceiver<Duration>,
}

impl Follower {
    async fn follow(mut self) {
        let mut replica = 0;
        loop {
            let url = self.replicas.get(self.ready.pick(replica)).cloned().unwrap_or_default();
            replica += 1;
            let away = self.one_stream(url).await.unwrap_or(PAUSE);
            tokio::time::sleep(away).await;
        }
    }

    /// Follows one stream to its end; answers how long to stay away, if not just for a moment.
    async fn one_stream(&mut self, url: String) -> Option<Duration> {
        let endpoint = Endpoint::from_shared(url)
            .ok()?
            .connect_timeout(Duration::from_secs(1))
            .http2_keep_alive_interval(Duration::from_secs(5))
            .keep_alive_timeout(Duration::from_secs(5))
            .keep_alive_while_idle(true);
        let channel = endpoint.connect().await.ok()?;
        let authorization = self.authorization.clone();
        let mut client = PushClient::with_interceptor(channel, move |mut request: tonic::Request<()>| {
            request.metadata_mut().insert("authorization", authorization.clone());
            Ok(request)
        });
        let cursor = self.journal.lock().cursor();
        let request = GatewaySubscribeRequest { gateway_client_id: self.client_id.clone(), cursor };
        let opening = tokio::time::timeout(Duration::from_secs(5), client.subscribe_push(request)).await.ok()?;
        let mut stream = match opening {
            Ok(response) => response.into_inner(),
            Err(status) => {
                // Anything but "not now" is the gateway's own mistake or ours.
                if !matches!(status.code(), tonic::Code::Unavailable | tonic::Code::Unknown | tonic::Code::Cancelled) {
                    self.change(|journal| {
                        journal.fault.get_or_insert_with(|| format!("subscribing was refused: {status}"));
                    });
                }
                return None;
            }
        };
        self.journal.lock().opened();
        let mut first = true;
        let away = loop {
            tokio::select! {
                away = self.hang_ups.recv() => break away,
                frame = tokio::time::timeout(SILENCE, stream.message()) => match frame {
                    Ok(Ok(Some(frame))) => {
                        let at = Utc::now();
                        self.change(|journal| journal.take(frame, std::mem::take(&mut first), at));
                    }
                    Ok(Ok(None) | Err(_)) => break None,
                    Err(_) => {
                        self.journal.lock().silences += 1;
                        break None;
                    }
                }
            }
        };
        self.change(Journal::closed);
        away
    }

    fn change(&self, how: impl FnOnce(&mut Journal)) {
        how(&mut self.journal.lock());
        self.changed.send_modify(|n| *n += 1);
    }
}

//! A stream: a task that holds a position and feeds a small channel, and what tonic reads from it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use parking_lot::Mutex;
use shared::db::push_log::{self, Bounds, Cursor};
use shared::proto::push::{Bookmark, Hello, PushEvent, ResumeGap, push_event::Kind, resume_gap::Reason};
use shared::service::telemetry;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};
use tonic::Status;
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use super::Hub;
use super::frame;
use super::log::{Entry, Head, Tail};
use super::metrics::Step;

/// Frames between the task and the connection. With HTTP/2's own window it is all that a slow reader costs.
const CHANNEL: usize = 16;
const PAGE_ROWS: i32 = 200;
const PAGE_BYTES: i64 = 256 << 10;
/// Pause after a failed read of the table.
const RETRY: Duration = Duration::from_millis(250);

/// How a stream begins.
pub(super) struct Opening {
    pub(super) gateway_client_id: String,
    pub(super) stream_id: Uuid,
    pub(super) start: Cursor,
    pub(super) gap: Option<Reason>,
    pub(super) bounds: Bounds,
}

/// The frames of one stream, as tonic reads them. Dropped when the client goes, which ends the task.
pub(super) struct Frames {
    frames: mpsc::Receiver<PushEvent>,
    /// Looked at before the frames: a reader that lags must not be served on after it was replaced, or while nobody knows
    /// whether what it reads still holds. `None` once it has been told.
    ends: Option<Ends>,
    _gone: DropGuard,
}

/// Why a stream ends at once, other than by its reader.
struct Ends {
    replaced: Pin<Box<WaitForCancellationFutureOwned>>,
    blind: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// What a stream, and who wants one, is told by a replica that does not see the log.
pub(super) fn blind() -> Status {
    Status::unavailable("this replica does not see the push log; subscribe at another one")
}

impl Stream for Frames {
    type Item = Result<PushEvent, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(ends) = &mut self.ends else { return Poll::Ready(None) };
        let status = if ends.replaced.as_mut().poll(cx).is_ready() {
            Some(Status::aborted("the same gateway_client_id has subscribed again"))
        } else {
            ends.blind.as_mut().poll(cx).is_ready().then(blind)
        };
        if let Some(status) = status {
            self.ends = None;
            return Poll::Ready(Some(Err(status)));
        }
        self.frames.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

/// Starts a stream's task.
pub(super) fn open(hub: Arc<Hub>, opening: Opening) -> Frames {
    let (sender, frames) = mpsc::channel(CHANNEL);
    let (replaced, gone, unseen) = (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
    let client = opening.gateway_client_id.clone();
    let shown = hub.streams.insert(opening.stream_id, client, replaced.clone(), opening.start);
    hub.metrics.opened(&opening.gateway_client_id);
    let head = hub.log.head();
    let mut feeder = Feeder {
        position: opening.start,
        shown,
        last: String::new(),
        last_at: Instant::now(),
        troubled_since: None,
        opened: Instant::now(),
        sender,
        head,
        client: opening.gateway_client_id,
        hub: hub.clone(),
    };
    let (stream_id, gap, bounds) = (opening.stream_id, opening.gap, opening.bounds);
    let (soft, hard) = (hub.lifecycle.soft(), hub.lifecycle.hard());
    let (ended, dropped, unseen_now) = (replaced.clone(), gone.clone(), unseen.clone());
    hub.clone().lifecycle.spawn_detached_ok("push stream", async move {
        // First, whatever happens: the channel is empty, so this never waits. A stream that was opened in the moment of
        // the soft stop must say hello, and tell its gap, before the farewell names a cursor behind it.
        let _ = feeder.greet(gap, bounds).await;
        tokio::select! {
            biased;
            () = ended.cancelled() => tracing::info!(gateway_client_id = feeder.client, "push stream replaced"),
            () = dropped.cancelled() => tracing::debug!(gateway_client_id = feeder.client, "push stream closed by its client"),
            () = soft.cancelled() => {
                tokio::select! {
                    () = feeder.farewell() => {}
                    () = dropped.cancelled() => {}
                    () = hard.cancelled() => {}
                }
            }
            () = hub.log.blind(hub.config.blind_limit) => feeder.lost_sight(&unseen_now),
            end = feeder.feed() => if let End::Blind = end { feeder.lost_sight(&unseen_now) },
        }
        hub.streams.remove(stream_id);
        hub.metrics.closed();
        Ok(())
    });
    // Looks at once whether it replaces, or is itself replaced already.
    let ends = Ends { replaced: Box::pin(replaced.cancelled_owned()), blind: Box::pin(unseen.cancelled_owned()) };
    Frames { frames, ends: Some(ends), _gone: gone.drop_guard() }
}

/// Why a stream cannot be fed any more.
enum End {
    /// The reader is gone.
    Gone,
    /// What follows its position could not be read for [`blind_limit`](super::PushConfig::blind_limit).
    Blind,
}

struct Feeder {
    hub: Arc<Hub>,
    client: String,
    sender: mpsc::Sender<PushEvent>,
    head: watch::Receiver<Head>,
    /// After the last event sent, or the gap told.
    position: Cursor,
    /// The same, for whoever tells administrators.
    shown: Arc<Mutex<Cursor>>,
    /// The cursor of the last frame, and when that was.
    last: String,
    last_at: Instant,
    /// Since when what follows the position cannot be read.
    troubled_since: Option<Instant>,
    opened: Instant,
}

impl Feeder {
    /// Where the stream starts, and what was lost by it.
    async fn greet(&mut self, gap: Option<Reason>, bounds: Bounds) -> Result<(), End> {
        self.send(Kind::Hello(Hello {
            resumed_from: self.position.to_string(),
            oldest: bounds.head.at(bounds.oldest).to_string(),
            head: bounds.head.to_string(),
        }))
        .await?;
        match gap {
            Some(reason) => self.gap(reason, self.position.at(bounds.oldest)).await,
            None => Ok(()),
        }
    }

    async fn feed(&mut self) -> End {
        loop {
            self.head.mark_unchanged();
            let fed = match self.hub.log.after(self.position, CHANNEL) {
                Tail::Entries(entries) => self.events(entries).await,
                Tail::Nothing => self.wait().await,
                Tail::Older => self.page().await,
                Tail::OtherEpoch => self.reconsider().await,
            };
            if let Err(end) = fed {
                return end;
            }
        }
    }

    fn lost_sight(&self, told: &CancellationToken) {
        tracing::warn!(gateway_client_id = self.client, "a push stream ends: this replica does not see the log");
        told.cancel();
    }

    async fn events(&mut self, entries: Vec<Arc<Entry>>) -> Result<(), End> {
        // The first has waited longest. What was there before the stream waited for nobody.
        let mut waited = entries.first().map(|entry| entry.read).filter(|read| *read >= self.opened);
        for entry in entries {
            self.event(&entry).await?;
            if let Some(read) = waited.take() {
                self.hub.metrics.step(Step::Stream, read.elapsed().as_secs_f64());
            }
        }
        Ok(())
    }

    /// The last frame before a planned close: where to resume at another replica.
    async fn farewell(&mut self) {
        // Half of the budget: the connection needs the rest to bring it to the client.
        let _ = timeout(self.hub.config.shutdown_timeout / 2, self.send(Kind::Bookmark(Bookmark {}))).await;
    }

    async fn event(&mut self, entry: &Entry) -> Result<(), End> {
        // The position moves with the frame, not before: a farewell in between must name what was handed over.
        let at = self.position.at(entry.seq);
        let mut kind = entry.kind.clone();
        let span = self.span(&mut kind);
        self.frame(at, kind).instrument(span).await
    }

    /// The span of sending a frame, where the trace of what it tells is recorded. The gateway's goes on from there.
    fn span(&self, kind: &mut Kind) -> Span {
        if !frame::traceparent(kind).is_some_and(|cause| telemetry::is_recorded(cause)) {
            return Span::none();
        }
        let label = frame::label(kind).to_owned();
        let span = tracing::info_span!(
            parent: None,
            "push.frame",
            otel.kind = "producer",
            kind = label,
            gateway_client_id = self.client
        );
        if let Some(traceparent) = frame::traceparent(kind) {
            telemetry::set_parent(&span, traceparent);
            if let Some(ours) = telemetry::traceparent_of(&span) {
                *traceparent = ours;
            }
        }
        span
    }

    async fn send(&mut self, kind: Kind) -> Result<(), End> {
        self.frame(self.position, kind).await
    }

    async fn frame(&mut self, at: Cursor, kind: Kind) -> Result<(), End> {
        let permit = self.sender.reserve().await.map_err(|_| End::Gone)?;
        self.hub.metrics.sent(frame::label(&kind));
        let cursor = at.to_string();
        permit.send(PushEvent {
            prev_cursor: std::mem::replace(&mut self.last, cursor.clone()),
            cursor,
            kind: Some(kind),
        });
        self.position = at;
        *self.shown.lock() = at;
        self.last_at = Instant::now();
        self.troubled_since = None;
        Ok(())
    }

    async fn gap(&mut self, reason: Reason, oldest: Cursor) -> Result<(), End> {
        let gap = ResumeGap { reason: reason.into(), oldest: oldest.to_string() };
        self.frame(oldest.at(oldest.seq - 1), Kind::ResumeGap(gap)).await
    }

    /// Until there may be something new, with bookmarks meanwhile. A bookmark says that there was nothing: that is known by
    /// a look at the log since the last frame, and by nothing else.
    async fn wait(&mut self) -> Result<(), End> {
        self.troubled_since = None;
        let (mut looks, since) = (self.hub.log.looks(), self.last_at);
        let nothing_new = async {
            sleep_until(since + self.hub.config.bookmark_interval).await;
            looks.wait_for(|began| began.is_some_and(|began| began > since)).await.map(drop)
        };
        tokio::select! {
            biased;
            changed = self.head.changed() => return changed.map_err(|_| End::Gone),
            known = nothing_new => known.map_err(|_| End::Gone)?,
        }
        // What that look found stands in the ring before it is told.
        match self.head.has_changed() {
            Ok(false) => self.send(Kind::Bookmark(Bookmark {})).await,
            Ok(true) => Ok(()),
            Err(_) => Err(End::Gone),
        }
    }

    /// Reads on in the table.
    async fn page(&mut self) -> Result<(), End> {
        let read = async {
            let _slot = self.hub.table_reads.acquire().await;
            let mut conn = self.hub.db.acquire().await?;
            push_log::events_after(&mut conn, self.position, PAGE_ROWS, PAGE_BYTES).await
        };
        match self.hub.db.try_within(read).await {
            Ok(page) if page.first().is_some_and(|stored| stored.seq == self.position.seq + 1) => {
                for stored in page {
                    if stored.seq != self.position.seq + 1 {
                        break; // a hole is looked at with the next page
                    }
                    self.event(&frame::entry(stored)).await?;
                }
                Ok(())
            }
            Ok(_) => self.reconsider().await,
            Err(error) => self.troubled(&error).await,
        }
    }

    /// What should follow the position is not there: looks why.
    async fn reconsider(&mut self) -> Result<(), End> {
        let read = async {
            let mut conn = self.hub.db.acquire().await?;
            push_log::bounds(&mut conn, self.hub.config.freshness_window).await
        };
        match self.hub.db.try_within(read).await {
            // Only forward: a restored database shows its old epoch until a follower has opened the next one.
            Ok(Some(bounds)) if bounds.head.epoch > self.position.epoch => {
                tracing::warn!(
                    gateway_client_id = self.client,
                    epoch = bounds.head.epoch,
                    "a push stream goes on in a new epoch"
                );
                self.gap(Reason::Epoch, bounds.head.at(bounds.oldest_readable)).await
            }
            Ok(Some(bounds))
                if bounds.head.epoch == self.position.epoch && self.position.seq + 1 < bounds.oldest_readable =>
            {
                let lost = bounds.oldest_readable - self.position.seq - 1;
                self.hub.metrics.dropped(&self.client, lost);
                tracing::warn!(gateway_client_id = self.client, lost, "a push stream was too slow and lost events");
                self.gap(Reason::Lagged, bounds.head.at(bounds.oldest_readable)).await
            }
            Ok(_) => self.pause().await,
            Err(error) => self.troubled(&error).await,
        }
    }

    async fn troubled(&mut self, error: &shared::db::Error) -> Result<(), End> {
        tracing::debug!(%error, gateway_client_id = self.client, "a push stream cannot read the log");
        self.pause().await
    }

    /// Before the next try. There is something that this stream does not know yet, so it gets no bookmark; and where that
    /// does not end, the gateway is better off elsewhere.
    async fn pause(&mut self) -> Result<(), End> {
        let since = *self.troubled_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= self.hub.config.blind_limit {
            return Err(End::Blind);
        }
        sleep(RETRY).await;
        Ok(())
    }
}

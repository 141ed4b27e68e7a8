//! A stream: a task that holds a position and feeds a small channel, and what tonic reads from it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use shared::db::push_log::{self, Bounds, Cursor};
use shared::proto::push::{Bookmark, Hello, PushEvent, ResumeGap, push_event::Kind, resume_gap::Reason};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};
use tonic::Status;
use uuid::Uuid;

use super::Hub;
use super::frame;
use super::log::{Entry, Head, Tail};

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
    /// Looked at before the frames: a reader that lags must not be served on after it was replaced.
    replaced: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    _gone: DropGuard,
}

impl Stream for Frames {
    type Item = Result<PushEvent, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(replaced) = &mut self.replaced else { return Poll::Ready(None) };
        if replaced.as_mut().poll(cx).is_ready() {
            self.replaced = None;
            return Poll::Ready(Some(Err(Status::aborted("the same gateway_client_id has subscribed again"))));
        }
        self.frames.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

/// Starts a stream's task.
pub(super) fn open(hub: Arc<Hub>, opening: Opening) -> Frames {
    let (sender, frames) = mpsc::channel(CHANNEL);
    let (replaced, gone) = (CancellationToken::new(), CancellationToken::new());
    hub.streams.insert(opening.stream_id, opening.gateway_client_id.clone(), replaced.clone());
    hub.metrics.opened(&opening.gateway_client_id);
    let head = hub.log.head();
    let mut feeder = Feeder {
        position: opening.start,
        last: String::new(),
        last_at: Instant::now(),
        sender,
        head,
        client: opening.gateway_client_id,
        hub: hub.clone(),
    };
    let (stream_id, gap, bounds) = (opening.stream_id, opening.gap, opening.bounds);
    let (soft, hard) = (hub.lifecycle.soft(), hub.lifecycle.hard());
    let (ended, dropped) = (replaced.clone(), gone.clone());
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
            // Ends only with its reader.
            () = feeder.feed() => {}
        }
        hub.streams.remove(stream_id);
        hub.metrics.closed();
        Ok(())
    });
    // Looks at once whether it replaces, or is itself replaced already.
    Frames { frames, replaced: Some(Box::pin(replaced.cancelled_owned())), _gone: gone.drop_guard() }
}

/// The reader is gone.
struct Gone;

struct Feeder {
    hub: Arc<Hub>,
    client: String,
    sender: mpsc::Sender<PushEvent>,
    head: watch::Receiver<Head>,
    /// After the last event sent, or the gap told.
    position: Cursor,
    /// The cursor of the last frame, and when that was.
    last: String,
    last_at: Instant,
}

impl Feeder {
    /// Where the stream starts, and what was lost by it.
    async fn greet(&mut self, gap: Option<Reason>, bounds: Bounds) -> Result<(), Gone> {
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

    async fn feed(&mut self) {
        let _: Result<(), Gone> = async {
            loop {
                self.head.mark_unchanged();
                match self.hub.log.after(self.position, CHANNEL) {
                    Tail::Entries(entries) => {
                        for entry in entries {
                            self.event(&entry).await?;
                        }
                    }
                    Tail::Nothing => self.wait().await?,
                    Tail::Older => self.page().await?,
                    Tail::OtherEpoch => self.reconsider().await?,
                }
            }
        }
        .await;
    }

    /// The last frame before a planned close: where to resume at another replica.
    async fn farewell(&mut self) {
        // Half of the budget: the connection needs the rest to bring it to the client.
        let _ = timeout(self.hub.config.shutdown_timeout / 2, self.send(Kind::Bookmark(Bookmark {}))).await;
    }

    async fn event(&mut self, entry: &Entry) -> Result<(), Gone> {
        // The position moves with the frame, not before: a farewell in between must name what was handed over.
        let at = self.position.at(entry.seq);
        self.frame(at, entry.kind.clone()).await
    }

    async fn send(&mut self, kind: Kind) -> Result<(), Gone> {
        self.frame(self.position, kind).await
    }

    async fn frame(&mut self, at: Cursor, kind: Kind) -> Result<(), Gone> {
        let permit = self.sender.reserve().await.map_err(|_| Gone)?;
        self.hub.metrics.sent(frame::label(&kind));
        let cursor = at.to_string();
        permit.send(PushEvent {
            prev_cursor: std::mem::replace(&mut self.last, cursor.clone()),
            cursor,
            kind: Some(kind),
        });
        self.position = at;
        self.last_at = Instant::now();
        Ok(())
    }

    async fn gap(&mut self, reason: Reason, oldest: Cursor) -> Result<(), Gone> {
        let gap = ResumeGap { reason: reason.into(), oldest: oldest.to_string() };
        self.frame(oldest.at(oldest.seq - 1), Kind::ResumeGap(gap)).await
    }

    /// Until there may be something new, with bookmarks meanwhile.
    async fn wait(&mut self) -> Result<(), Gone> {
        let silent_until = self.last_at + self.hub.config.bookmark_interval;
        tokio::select! {
            changed = self.head.changed() => changed.map_err(|_| Gone),
            () = sleep_until(silent_until) => self.send(Kind::Bookmark(Bookmark {})).await,
        }
    }

    /// Reads on in the table.
    async fn page(&mut self) -> Result<(), Gone> {
        let read = async {
            let _slot = self.hub.table_reads.acquire().await;
            let mut conn = self.hub.db.acquire().await?;
            push_log::events_after(&mut conn, self.position, PAGE_ROWS, PAGE_BYTES).await
        };
        match read.await {
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
    async fn reconsider(&mut self) -> Result<(), Gone> {
        let read = async {
            let mut conn = self.hub.db.acquire().await?;
            push_log::bounds(&mut conn, self.hub.config.freshness_window).await
        };
        match read.await {
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

    async fn troubled(&mut self, error: &sqlx::Error) -> Result<(), Gone> {
        tracing::debug!(%error, gateway_client_id = self.client, "a push stream cannot read the log");
        self.pause().await
    }

    /// Before the next try; the client hears that the stream lives.
    async fn pause(&mut self) -> Result<(), Gone> {
        sleep(RETRY).await;
        match self.last_at.elapsed() < self.hub.config.bookmark_interval {
            true => Ok(()),
            false => self.send(Kind::Bookmark(Bookmark {})).await,
        }
    }
}

//! One request and its answer: how long the answer may lie unread, and what is held until its last byte has gone.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::activity::Activity;
use super::budget::Permit;
use crate::domain::network::Network;

/// What is handed on at a time; an answer's bytes are shared, never copied, when it is cut up.
const PIECE: usize = 16 << 10;
/// How slowly an answer may be read, in bytes a second.
const SLOWEST: u64 = 64 << 10;

/// What an answer costs (places, bytes of budgets), put into its extensions: given back when the kernel has its last
/// byte, or when the peer is given up.
#[derive(Clone)]
pub struct Costs {
    _held: Option<Arc<dyn Any + Send + Sync>>,
}

impl Costs {
    /// Permits, guards: whatever gives back on drop.
    #[must_use]
    pub fn new(held: impl Any + Send + Sync) -> Self {
        Self { _held: Some(Arc::new(held)) }
    }
}

/// Put into an answer's extensions: what kind of stream it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// It goes on for as long as both sides like: a subscription of somebody who showed a token.
    Subscription,
    /// It goes on too, but anybody may open it; a connection with nothing else is idle.
    Watch,
    /// It is made while it is read: each part has its own time to be read, once it is there.
    Parts,
}

/// By when something must be over.
pub(super) struct Until(watch::Sender<Option<Instant>>);

tokio::task_local! {
    /// The deadline of the exchange that is polled: the stream's with HTTP/2, the connection's with HTTP/1.
    pub(super) static UNTIL: Arc<Until>;
}

impl Until {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(None)))
    }

    pub(super) fn set(&self, at: Option<Instant>) {
        self.0.send_replace(at);
    }

    pub(super) async fn passed(&self) {
        let mut at = self.0.subscribe();
        loop {
            let now = *at.borrow_and_update();
            let over = async {
                match now {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = over => return,
                changed = at.changed() => if changed.is_err() { std::future::pending::<()>().await },
            }
        }
    }

    /// Runs `work` with this deadline; `None` when it passed.
    pub(super) async fn bound<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = UNTIL.scope(Arc::clone(self), work) => Some(done),
            () = self.passed() => None,
        }
    }
}

/// An exchange under way; over when dropped.
pub(super) struct Exchange(Arc<Inner>);

struct Inner {
    activity: Arc<Activity>,
    until: OnceLock<Arc<Until>>,
    state: Mutex<State>,
}

struct State {
    /// It keeps its connection.
    counted: bool,
    /// It waits for the peer.
    waiting: bool,
    over: bool,
    /// It was asked back, and is to end.
    ended: bool,
    /// What it holds of the listener's exchanges.
    place: Option<Permit<Network>>,
}

impl Exchange {
    pub(super) fn begin(activity: &Arc<Activity>, place: Option<Permit<Network>>) -> Self {
        activity.begin();
        let state = Mutex::new(State { counted: true, waiting: false, over: false, ended: false, place });
        Self(Arc::new(Inner { activity: Arc::clone(activity), until: OnceLock::new(), state }))
    }

    /// Must be over in `limit`; called within the exchange's own task.
    pub(super) fn must_end(&self, limit: Option<Duration>) {
        if self.0.until.get().is_none()
            && let Ok(until) = UNTIL.try_with(Arc::clone)
        {
            let _ = self.0.until.set(until);
        }
        if let Some(until) = self.0.until.get() {
            until.set(limit.map(|limit| Instant::now() + limit));
        }
    }

    /// Another part of its answer is there, and has a time of its own to be read. What was asked back ends all the same.
    fn part(&self, limit: Duration) {
        let state = self.0.state.lock();
        if !state.ended {
            self.must_end(Some(limit));
        }
    }

    /// From now on it keeps its connection no longer.
    pub(super) fn let_go(&self) {
        let mut state = self.0.state.lock();
        if std::mem::take(&mut state.counted) {
            self.0.activity.finish(state.waiting);
        }
    }

    /// What its handler sees of it.
    pub(super) fn underway(&self) -> Underway {
        Underway(Arc::clone(&self.0))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.let_go();
        let mut state = self.0.state.lock();
        state.over = true;
        state.place = None;
        if let Some(until) = self.0.until.get() {
            until.set(None);
        }
    }
}

/// The exchange that a request belongs to, in the request's extensions.
#[derive(Clone)]
pub struct Underway(Arc<Inner>);

impl Underway {
    /// The peer is waited for until [`Underway::goes_on`]: meanwhile it may end, where somebody else needs its place.
    pub fn waits(&self) {
        let mut state = self.0.state.lock();
        if !std::mem::replace(&mut state.waiting, true) {
            if state.counted {
                self.0.activity.waits();
            }
            let ended = self.clone();
            if let Some(place) = &mut state.place {
                place.lend(move || ended.end());
            }
        }
    }

    /// The peer has sent what was waited for.
    pub fn goes_on(&self) {
        let mut state = self.0.state.lock();
        if std::mem::replace(&mut state.waiting, false) {
            if state.counted {
                self.0.activity.goes_on();
            }
            // If it was asked back in this moment, it ends at once.
            if let Some(place) = &mut state.place {
                let _ = place.keep();
            }
        }
    }

    /// Ends it: a stream of HTTP/2 is reset, a connection of HTTP/1 is hung up on.
    pub fn end(&self) {
        let mut state = self.0.state.lock();
        state.ended = true;
        // The deadline of a connection of HTTP/1 is the next exchange's by then.
        if let (false, Some(until)) = (state.over, self.0.until.get()) {
            until.set(Some(Instant::now()));
        }
    }
}

/// An answer's body: it hands on small pieces, and each of them holds the exchange and its costs for as long as it lies
/// anywhere in this process.
pub(super) struct Answer<B> {
    body: Pin<Box<B>>,
    rest: Bytes,
    held: Arc<(Exchange, Option<Costs>)>,
    /// How long each part may lie unread, beside what its size takes; `None` where there is one deadline, or none.
    parts: Option<Duration>,
}

impl<B> Answer<B> {
    pub(super) fn new(body: B, exchange: Exchange, costs: Option<Costs>, parts: Option<Duration>) -> Self {
        Self { body: Box::pin(body), rest: Bytes::new(), held: Arc::new((exchange, costs)), parts }
    }
}

/// How long so many bytes may lie unread, where an empty answer may for `unread`.
pub(super) fn time_to_read(unread: Duration, bytes: u64) -> Duration {
    unread + Duration::from_secs(bytes / SLOWEST)
}

/// Bytes with what they hold.
struct Holding {
    bytes: Bytes,
    _held: Arc<(Exchange, Option<Costs>)>,
}

impl AsRef<[u8]> for Holding {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<B: Body<Data = Bytes>> Body for Answer<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.rest.is_empty() {
            match ready!(self.body.as_mut().poll_frame(cx)).transpose()?.map(Frame::into_data) {
                None => return Poll::Ready(None),
                Some(Err(trailers)) => return Poll::Ready(Some(Ok(trailers))),
                Some(Ok(bytes)) => {
                    if let Some(unread) = self.parts {
                        self.held.0.part(time_to_read(unread, bytes.len() as u64));
                    }
                    self.rest = Bytes::from_owner(Holding { bytes, _held: Arc::clone(&self.held) });
                }
            }
        }
        let here = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(here);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let inner = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

/// Runs each HTTP/2 stream under a deadline of its own: what passes it is reset, and the connection's other streams go
/// on.
#[derive(Clone)]
pub(super) struct Streams {
    pub(super) passed: Arc<dyn Fn() + Send + Sync>,
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let passed = Arc::clone(&self.passed);
        tokio::spawn(async move {
            if Until::new().bound(stream).await.is_none() {
                passed();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(5);

    /// Hands on a part every four seconds, which have five each; what is done in the middle is done after the second.
    async fn parts(middle: impl FnOnce(&Exchange)) -> Option<()> {
        let network = Network::of(std::net::Ipv4Addr::LOCALHOST.into());
        let exchange = Exchange::begin(&Arc::new(Activity::new(network)), None);
        let read = async {
            exchange.must_end(Some(TIME));
            let mut middle = Some(middle);
            for n in 0..5 {
                tokio::time::sleep(Duration::from_secs(4)).await;
                exchange.part(TIME);
                if let Some(middle) = middle.take_if(|_| n == 1) {
                    middle(&exchange);
                }
            }
        };
        Until::new().bound(read).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_has_a_time_of_its_own_but_not_where_its_place_was_asked_back() {
        assert_eq!(parts(|_| {}).await, Some(()));
        assert_eq!(parts(|exchange| exchange.underway().end()).await, None);
        assert_eq!(
            parts(|exchange| {
                exchange.underway().end();
                exchange.part(TIME);
            })
            .await,
            None
        );
    }
}

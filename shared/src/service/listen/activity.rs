//! What a connection is doing, as far as it decides whether the connection may stay.

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Limits;
use crate::domain::network::Network;

/// Why a connection is ended by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// No request was under way for the idle limit.
    Idle,
    /// It was the longest idle, or had waited longest for its peer, and a newcomer needed its place.
    GaveWay,
    /// Its first words, its TLS handshake, or the head of a request did not come in time.
    Silent,
    /// It does not read what it is sent.
    Unread,
    /// Frames of HTTP/2 that carry nothing, or a head that does not end.
    Flood,
}

impl End {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::GaveWay => "gave_way",
            Self::Silent => "silent",
            Self::Unread => "unread",
            Self::Flood => "flood",
        }
    }
}

/// One connection's state, shared by its task, its socket, its exchanges and the listener's shares.
pub(super) struct Activity {
    pub(super) network: Network,
    /// Fires when we want the connection to end; why, says [`Activity::reason`].
    pub(super) end: CancellationToken,
    unblocked: Notify,
    state: Mutex<State>,
}

struct State {
    /// Requests under way: from the end of a head until the last byte of the answer has been handed to the kernel.
    open: usize,
    /// Those of them that wait for the peer: for the rest of a body, or for an answer to be read.
    waiting: usize,
    /// Since when there is none under way, or all of them wait.
    idle_since: Instant,
    /// Since when the peer owes us the end of a head: from the accept on, and from the first byte of each further one.
    awaited_since: Option<Instant>,
    /// Since when the socket takes nothing more.
    blocked_since: Option<Instant>,
    reason: Option<End>,
}

impl Activity {
    pub(super) fn new(network: Network) -> Self {
        let now = Instant::now();
        let state =
            State { open: 0, waiting: 0, idle_since: now, awaited_since: Some(now), blocked_since: None, reason: None };
        Self { network, end: CancellationToken::new(), unblocked: Notify::new(), state: Mutex::new(state) }
    }

    /// An exchange begins.
    pub(super) fn begin(&self) {
        let mut state = self.state.lock();
        state.open += 1;
        state.awaited_since = None;
    }

    /// An exchange is over, which waited for the peer or not.
    pub(super) fn finish(&self, waited: bool) {
        let mut state = self.state.lock();
        let stalled = state.open == state.waiting;
        state.open = state.open.saturating_sub(1);
        state.waiting = state.waiting.saturating_sub(usize::from(waited));
        if state.open == 0 || !stalled && state.open == state.waiting {
            state.idle_since = Instant::now();
        }
    }

    /// An exchange waits for the peer from now on.
    pub(super) fn waits(&self) {
        let mut state = self.state.lock();
        state.waiting += 1;
        if state.open == state.waiting {
            state.idle_since = Instant::now();
        }
    }

    /// It does so no longer.
    pub(super) fn goes_on(&self) {
        let mut state = self.state.lock();
        state.waiting = state.waiting.saturating_sub(1);
    }

    /// HTTP/2 was begun in full: from here on silence is idleness.
    pub(super) fn begun(&self) {
        self.state.lock().awaited_since = None;
    }

    /// Bytes came that belong to a head of HTTP/1, if nothing is under way.
    pub(super) fn heard(&self) {
        let mut state = self.state.lock();
        if state.open == 0 && state.awaited_since.is_none() {
            state.awaited_since = Some(Instant::now());
        }
    }

    /// Whether the socket took what we wrote.
    pub(super) fn wrote(&self, taken: bool) {
        let mut state = self.state.lock();
        if !taken {
            state.blocked_since.get_or_insert_with(Instant::now);
        } else if state.blocked_since.take().is_some() {
            drop(state);
            self.unblocked.notify_waiters();
        }
    }

    /// Waits until the socket takes more. A peer of HTTP/1 that sends requests and reads no answers must not make us
    /// answer the next one, or the answers pile up.
    pub(super) async fn unblocked(&self) {
        loop {
            let notified = self.unblocked.notified();
            if self.state.lock().blocked_since.is_none() {
                return;
            }
            notified.await;
        }
    }

    /// How long it has been idle; `None` while something is under way.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.state.lock();
        (state.open == 0).then_some(state.idle_since)
    }

    /// Since when all that is under way waits for the peer.
    pub(super) fn stalled_since(&self) -> Option<Instant> {
        let state = self.state.lock();
        (state.open > 0 && state.open == state.waiting).then_some(state.idle_since)
    }

    /// Which limit it has passed.
    pub(super) fn overdue(&self, limits: &Limits, now: Instant) -> Option<End> {
        let state = self.state.lock();
        let passed = |since: Instant, limit| now.saturating_duration_since(since) >= limit;
        if state.blocked_since.is_some_and(|since| passed(since, limits.unread)) {
            return Some(End::Unread);
        }
        if state.open > 0 {
            return None;
        }
        if state.awaited_since.is_some_and(|since| passed(since, limits.opening)) {
            return Some(End::Silent);
        }
        passed(state.idle_since, limits.idle).then_some(End::Idle)
    }

    /// Asks the connection to end; whether it was not asked before.
    pub(super) fn end(&self, reason: End) -> bool {
        let mut state = self.state.lock();
        if state.reason.is_some() {
            return false;
        }
        state.reason = Some(reason);
        drop(state);
        self.end.cancel();
        true
    }

    pub(super) fn reason(&self) -> Option<End> {
        self.state.lock().reason
    }
}

//! The log's tail in memory: a ring bounded in bytes that all streams share, and the head that they wait on.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::RwLock;
use shared::db::push_log::Cursor;
use shared::proto::push::push_event::Kind;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// An event as the streams send it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) seq: i64,
    pub(super) kind: Kind,
    pub(super) bytes: usize,
    /// When this replica read it from the table.
    pub(super) read: Instant,
}

/// How far this replica knows the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Head {
    /// The newest event read; `None` before the first look.
    pub(super) cursor: Option<Cursor>,
    /// gRPC is bound.
    pub(super) bound: bool,
}

/// What the ring has for a position.
#[derive(Debug)]
pub(super) enum Tail {
    /// The events that follow.
    Entries(Vec<Arc<Entry>>),
    /// Nothing yet: wait for the head to move.
    Nothing,
    /// The position is older than the ring: read the table.
    Older,
    /// Another epoch has begun.
    OtherEpoch,
}

pub(super) struct Log {
    ring: RwLock<Ring>,
    head: watch::Sender<Head>,
    /// When the last look at the log began that went well.
    looked: watch::Sender<Option<Instant>>,
    limit: usize,
}

#[derive(Default)]
struct Ring {
    epoch: i32,
    /// The number after the newest entry; with the entries dense, it places each of them.
    next: i64,
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
}

impl Log {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            ring: RwLock::default(),
            head: watch::Sender::new(Head::default()),
            looked: watch::Sender::new(None),
            limit,
        }
    }

    /// To be waited on; a receiver taken before a look at the ring misses nothing.
    pub(super) fn head(&self) -> watch::Receiver<Head> {
        self.head.subscribe()
    }

    pub(super) fn bound(&self) {
        self.head.send_modify(|head| head.bound = true);
    }

    /// Notes a look that began then and whose events are all in the ring.
    pub(super) fn looked(&self, began: Instant) {
        self.looked.send_replace(Some(began));
    }

    /// To wait for a look with. A look is told after what it found.
    pub(super) fn looks(&self) -> watch::Receiver<Option<Instant>> {
        self.looked.subscribe()
    }

    /// Whether the log has not been seen for longer than `limit`.
    pub(super) fn is_blind(&self, limit: Duration) -> bool {
        self.looked.borrow().is_some_and(|began| began.elapsed() > limit)
    }

    /// Returns once the log has not been seen for longer than `limit`.
    pub(super) async fn blind(&self, limit: Duration) {
        let mut seen = Instant::now();
        loop {
            let latest = self.looked.borrow().unwrap_or(seen);
            if latest + limit <= Instant::now() {
                return;
            }
            seen = latest;
            sleep_until(latest + limit).await;
        }
    }

    /// Starts over at a position, with nothing in memory.
    pub(super) fn restart(&self, at: Cursor) {
        *self.ring.write() = Ring { epoch: at.epoch, next: at.seq + 1, ..Ring::default() };
        self.head.send_modify(|head| head.cursor = Some(at));
    }

    /// Adds the events that follow the newest; they must be dense. Streams hear of them all at once.
    pub(super) fn push(&self, entries: Vec<Entry>) {
        let mut ring = self.ring.write();
        for entry in entries {
            debug_assert_eq!(entry.seq, ring.next);
            ring.next = entry.seq + 1;
            ring.bytes += entry.bytes;
            ring.entries.push_back(Arc::new(entry));
        }
        while ring.bytes > self.limit
            && let Some(oldest) = ring.entries.pop_front()
        {
            ring.bytes -= oldest.bytes;
        }
        let at = Cursor { epoch: ring.epoch, seq: ring.next - 1 };
        drop(ring);
        self.head.send_modify(|head| head.cursor = Some(at));
    }

    /// Up to `max` events after a position.
    pub(super) fn after(&self, position: Cursor, max: usize) -> Tail {
        let ring = self.ring.read();
        if position.epoch != ring.epoch {
            // A stream may know of a newer epoch than this replica's follower does yet.
            return if position.epoch > ring.epoch { Tail::Nothing } else { Tail::OtherEpoch };
        }
        if position.seq + 1 >= ring.next {
            return Tail::Nothing;
        }
        let first = ring.entries.front().map_or(ring.next, |entry| entry.seq);
        match usize::try_from(position.seq + 1 - first) {
            Ok(skip) => Tail::Entries(ring.entries.iter().skip(skip).take(max).cloned().collect()),
            Err(_) => Tail::Older,
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::proto::push::Bookmark;

    use super::*;

    fn entries(range: std::ops::RangeInclusive<i64>) -> Vec<Entry> {
        range.map(|seq| Entry { seq, kind: Kind::Bookmark(Bookmark {}), bytes: 10, read: Instant::now() }).collect()
    }

    fn seqs(tail: Tail) -> Vec<i64> {
        match tail {
            Tail::Entries(entries) => entries.iter().map(|e| e.seq).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_ring_holds_the_newest_within_its_bytes_and_sends_older_positions_to_the_table() {
        let log = Log::new(30);
        let at = |seq| Cursor { epoch: 7, seq };
        log.restart(at(100));
        assert!(matches!(log.after(at(100), 10), Tail::Nothing));
        assert!(matches!(log.after(at(99), 10), Tail::Older));
        log.push(entries(101..=105));
        assert_eq!(seqs(log.after(at(102), 10)), [103, 104, 105]);
        assert_eq!(seqs(log.after(at(103), 1)), [104]);
        assert!(matches!(log.after(at(101), 10), Tail::Older));
        assert!(matches!(log.after(at(105), 10), Tail::Nothing));
        assert_eq!(log.head().borrow().cursor, Some(at(105)));
    }

    #[test]
    fn another_epoch_is_told_and_a_newer_one_waited_for() {
        let log = Log::new(30);
        log.restart(Cursor { epoch: 7, seq: 5 });
        assert!(matches!(log.after(Cursor { epoch: 6, seq: 90 }, 10), Tail::OtherEpoch));
        assert!(matches!(log.after(Cursor { epoch: 8, seq: 0 }, 10), Tail::Nothing));
    }

    #[test]
    fn an_event_larger_than_the_ring_goes_to_the_table() {
        let log = Log::new(5);
        log.restart(Cursor { epoch: 1, seq: 0 });
        log.push(entries(1..=1));
        assert!(matches!(log.after(Cursor { epoch: 1, seq: 0 }, 10), Tail::Older));
    }
}

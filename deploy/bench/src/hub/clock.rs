//! When each event was sent, by its number, which its payload begins with.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Bytes of a payload.
pub const PAYLOAD: usize = 64;

/// The times of the events of one round.
pub struct Clock {
    began: Instant,
    /// Microseconds since then, by number.
    sent: Vec<AtomicU64>,
}

impl Clock {
    /// Of so many events, none of which was sent.
    pub fn new(events: usize) -> Self {
        Self { began: Instant::now(), sent: (0..events).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Notes that an event was sent, or should have been.
    pub fn sent(&self, number: usize, at: Instant) {
        if let Some(sent) = self.sent.get(number) {
            sent.store(micros(self.began, at), Ordering::Relaxed);
        }
    }

    /// For how long the event has been under way that begins so, in microseconds; 0 for one that this clock has no time of.
    pub fn late(&self, payload: &[u8]) -> u32 {
        let Some(sent) = number(payload).and_then(|number| self.sent.get(number)) else { return 0 };
        let late = micros(self.began, Instant::now()).saturating_sub(sent.load(Ordering::Relaxed));
        u32::try_from(late).unwrap_or(u32::MAX)
    }
}

fn micros(since: Instant, at: Instant) -> u64 {
    u64::try_from(at.saturating_duration_since(since).as_micros()).unwrap_or(u64::MAX)
}

/// A payload of so many bytes that begins with the number.
pub fn payload(number: usize, bytes: usize) -> Vec<u8> {
    let mut payload = u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes().to_vec();
    payload.resize(bytes.max(payload.len()), 0);
    payload
}

fn number(payload: &[u8]) -> Option<usize> {
    let (first, _) = payload.split_first_chunk::<4>()?;
    usize::try_from(u32::from_be_bytes(*first)).ok()
}

//! The push log (SPEC §12, QUEUE-AND-LOG §4; docs/push.md tells it whole).
//!
//! Events are insert-only. A *tick* is one row that holds a snapshot; the events of a tick are those visible to its
//! snapshot and not to the one before, numbered densely in the order of `ev_id`. Whoever reads a tick, whenever, reads
//! the same events with the same numbers.

mod append;
mod cursor;
mod epoch;
mod position;
mod read;
mod retain;
mod subscribers;
mod tick;

pub use append::{NewEvent, append_events, append_invalidation};
pub use cursor::{Cursor, MalformedCursor};
pub use epoch::open_epoch;
pub use position::{Place, positions};
pub use read::{Bounds, LogEvent, Stored, bounds, events_after};
pub use retain::{MAX_WINDOW, empty_slot, expire_ticks, filled_slots, forget_ids};
pub use subscribers::{
    Subscriber, forget_subscribers, register_subscriber, report_positions, subscriber_streams, subscribers,
};
pub use tick::{Tick, tick};

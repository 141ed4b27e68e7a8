//! Notifications and their routes (SPEC §13): how they are produced, expanded and dispatched.
//!
//! Producers need [`produce()`] alone. Administrators look at them and set dead ones going again. The rest belongs to
//! notify-worker. `docs/notifications.md` has the states.

mod browse;
mod dispatch;
mod expand;
mod produce;
mod redrive;

pub use browse::{
    DeadLetter, DeadLetterFilter, Notification, NotificationFilter, Route, dead_letter, dead_letters, notification,
    notifications,
};

pub use dispatch::{Dispatch, Notice, load_routes, renew_successors as renew_route_successors, skip_route};
pub use expand::{Chunk, Expansion, expand_chunk, load_expansions, renew_successors as renew_notification_successors};
pub use produce::{NewNotification, produce, produce_at, produce_unmailed};
pub use redrive::{Picked, dismiss, pick, pick_one, redrive};

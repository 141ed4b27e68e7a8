//! Notifications and their routes (SPEC §13): how they are produced, expanded and dispatched.
//!
//! Producers need [`produce`] alone. The rest belongs to notify-worker. `docs/notifications.md` has the states.

mod produce;

pub use produce::{NewNotification, produce};

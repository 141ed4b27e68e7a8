//! The mail outbox (SPEC §11): `mail_deliveries` and what hangs on it. The states and rows are drawn in `docs/mail.md`.

mod enqueue;

pub use enqueue::{NewMail, enqueue};

//! The mail outbox (SPEC §11): `mail_deliveries` and what hangs on it. The states and rows are drawn in `docs/mail.md`.

mod enqueue;
mod finish;
mod letter;

pub use enqueue::{NewMail, enqueue};
pub use finish::{Attempt, AttemptOutcome, Decision, Record, lost_attempts, record};
pub use letter::{Letter, Recipient, RecipientStatus, data_begins, letters};

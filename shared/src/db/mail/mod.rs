//! The mail outbox (SPEC §11): `mail_deliveries` and what hangs on it. The states and rows are drawn in `docs/mail.md`.

mod alarm;
mod browse;
mod enqueue;
mod finish;
mod letter;
mod resend;

pub use browse::{
    Content, Delivery, DeliveryFilter, DeliveryRecipient, PastAttempt, Readable, content, deliveries, delivery,
    past_attempts,
};
pub use enqueue::{NewMail, enqueue};
pub use finish::{Attempt, Decision, Record, lost_attempts, record};
pub use letter::{Letter, Recipient, data_begins, data_begins_together, letters};
pub use resend::{HeldDelivery, Picked, dismiss, hold, pick, pick_dead, resend};

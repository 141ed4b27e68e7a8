//! What the rows of every queue may be, beside the words of their own.

use super::word::words;

words! {
    /// A state that every queue has, and that its engine decides by.
    QueueState, "state of a queue's row" {
        /// Waits for its first attempt, or for its time.
        Pending = "pending",
        /// Waits for another attempt.
        Retrying = "retrying",
        /// Its workers died of it.
        Quarantined = "quarantined",
    }
}

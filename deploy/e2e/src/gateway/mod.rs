//! A client of the platform as an edge gateway would be: it spreads its calls over all replicas that are ready, repeats
//! what got lost, and follows the push stream from cursor to cursor. It believes nothing: whatever breaks the contract is a fault.

mod journal;
mod push;
mod ready;
mod rest;

pub use journal::{Cursor, Entry, Journal, News};
pub use push::Subscriber;
pub use rest::{Answer, As, Call, Rest, Traced};

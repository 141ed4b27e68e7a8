//! What carries requests and answers: the listener, and whether a request was read to its end.

pub mod server;
pub mod unread;

//! Connections to Postgres: a pool that hands them out without a round trip, a limit on silent ones, and what a session must be like before
//! it is worked with. What is asked over them stands in [`db`](crate::db) and [`queue`](crate::queue).

mod connection;
mod deadline;
mod error;
mod fitness;
mod maker;
pub mod pool;
mod rehearsal;
pub mod session;
pub mod statement;

pub use connection::{Conn, InTransaction, Savepoint, Tx, savepoint};
pub use error::{Error, ensure_affected_rows};
pub use pool::Db;
pub use rehearsal::{Written, is_rehearsed, rehearse};

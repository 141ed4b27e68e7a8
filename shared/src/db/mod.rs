//! All SQL, one module per noun. Functions take a connection and never begin or commit: the transaction belongs to the caller.

pub mod mail;
pub mod notifications;
pub mod pool;

pub use pool::Db;

//! All SQL, one module per noun. Functions take a connection and never begin or commit: the transaction belongs to the caller.

pub mod accounts;
pub mod admin;
pub mod auth;
pub mod game_runtime;
pub mod mail;
pub mod notifications;
pub mod pool;
pub mod push_log;
pub mod runtime;
pub mod sessions;

pub use pool::Db;

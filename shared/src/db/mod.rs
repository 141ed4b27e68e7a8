//! All SQL, one module per noun. Functions take a connection and never begin or commit: the transaction belongs to the caller.

pub mod pool;

pub use pool::Db;

//! What is read from a request before an operation acts on it, and who is let in: every check that the frame makes, and the
//! extractors of the operations.

pub mod administrator;
pub mod admission;
pub mod body;
pub mod context;
pub mod cors;
pub mod cross_site;
pub mod filters;
pub mod guard;
pub mod headers;
pub mod idempotency;
pub mod json;
pub mod listed;
pub mod operation;
pub mod page;
pub mod parameter;
pub mod paths;
pub mod purpose;
pub mod raw;
pub mod rights;
pub mod schema;

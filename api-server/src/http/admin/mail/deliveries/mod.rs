//! Deliveries.

pub mod attempts;
pub mod content;
pub mod export;
pub mod get;
pub mod list;
pub mod resend;
pub mod resend_many;

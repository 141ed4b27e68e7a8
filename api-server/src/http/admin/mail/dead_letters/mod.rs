//! Mails that died.

pub mod dismiss;
pub mod dismiss_many;
pub mod export;
pub mod list;

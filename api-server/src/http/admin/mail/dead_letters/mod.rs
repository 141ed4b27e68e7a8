//! Mails that died.

pub mod list;

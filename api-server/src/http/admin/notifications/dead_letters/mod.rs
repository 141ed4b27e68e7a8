//! Routes and notifications that died.

pub mod dismiss;
pub mod dismiss_many;
pub mod export;
pub mod list;
pub mod redrive;
pub mod redrive_many;

//! Routes and notifications that died.

pub mod list;
pub mod redrive;
pub mod redrive_many;

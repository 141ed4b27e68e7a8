//! Figures of each minute.

pub mod get;

//! Pure types and rules: no SQL, no I/O.

pub mod account;
pub mod admin_access;
pub mod administrator;
pub mod challenge;
pub mod country;
pub mod crockford;
pub mod delivery;
pub mod email;
pub mod engine_version;
pub mod excerpt;
pub mod fault;
#[cfg(test)]
mod fuzz;
pub mod game;
pub mod game_settings;
pub mod image_reference;
pub mod invite_code;
pub mod lobby;
pub mod login_code;
pub mod name;
pub mod network;
pub mod notification;
pub mod plan;
pub mod queue;
pub mod race_name;
pub mod runtime;
pub mod schedule;
pub mod search;
pub mod stats;
#[cfg(test)]
mod table;
pub mod text;
pub mod timeline;
pub mod word;

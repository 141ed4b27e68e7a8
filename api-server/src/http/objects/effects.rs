//! What a call would change (SPEC §4 "Administrators").

use poem_openapi::Object;
use shared::postgres::Written;

/// The media type of it: the answer of a call that was only tried is told from that of one that was made.
pub const MEDIA_TYPE: &str = "application/vnd.galaxy.effects+json";

/// Rows of one table.
#[derive(Debug, Object)]
pub struct Effect {
    /// The table, by its name.
    pub what: String,
    /// How many of its rows would be made, changed or removed; one that is changed twice counts twice.
    pub count: i64,
}

/// What a call would change: it was made, and taken back.
#[derive(Debug, Object)]
pub struct Effects {
    /// By table; those that stay as they are are missing, and so is the trail.
    pub effects: Vec<Effect>,
}

impl From<Written> for Effects {
    fn from(written: Written) -> Self {
        Self { effects: written.into_iter().map(|(what, count)| Effect { what, count }).collect() }
    }
}

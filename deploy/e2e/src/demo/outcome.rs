//! What came of the games, and of everything that was to be told about them.

use super::cast::Table;

/// A game that was played to its end.
#[derive(Debug, Clone)]
pub struct Finish {
    pub(super) table: Table,
    /// Turns that were generated.
    pub turns: u32,
    /// The winners' race names.
    pub winners: Vec<String>,
    /// Orders that were taken.
    pub orders: usize,
    /// Times that somebody ordered for a closed turn.
    pub late: usize,
}

impl Finish {
    /// The game's name.
    pub fn name(&self) -> &str {
        &self.table.name
    }
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    pub(super) mails: usize,
    pub(super) repeated_mails: usize,
    pub(super) events: usize,
    pub(super) resumes: usize,
}

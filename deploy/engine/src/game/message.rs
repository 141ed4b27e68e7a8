//! Diplomacy: notes between races.

use serde::{Deserialize, Serialize};

use super::race::RaceId;

/// Characters that a note may have.
pub const MAX_MESSAGE: usize = 1000;
/// Notes that one race may write in a turn, which bounds the state.
pub const MAX_MESSAGES_PER_TURN: usize = 50;
/// Notes that one race may write to another in a turn: nobody fills another's post alone.
pub const MAX_MESSAGES_TO_ONE: usize = 10;
/// Notes that one race gets in a turn, from all others. A report shows those of two turns, and stays below the platform's 1 MiB with
/// the longest of them (SPEC §9).
pub const MAX_MESSAGES_RECEIVED: usize = 40;

/// A note, readable in both races' reports of the turn in which it was written and of the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The turn in which it was written.
    pub turn: u32,
    /// Who wrote it.
    pub from: RaceId,
    /// The race that it is addressed to.
    pub to: RaceId,
    /// What it says.
    pub text: String,
}

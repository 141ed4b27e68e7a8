//! What is refused, as values; the HTTP side gives them status codes.

use serde::Serialize;

/// One thing that is wrong with an order, a command or a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where, as a JSON pointer into the request's body.
    pub pointer: String,
    /// A stable machine word: 1 to 64 of `a-z0-9_`.
    pub code: &'static str,
    /// The same for people.
    pub detail: String,
}

impl Fault {
    /// A fault whose place is filled in by whoever knows it.
    #[must_use]
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer: String::new(), code, detail: detail.into() }
    }

    /// The same fault at a place.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = pointer.into();
        self
    }
}

/// Why a request was not carried out. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `init` has not happened yet.
    #[error("the game has not been initialised")]
    NotInitialised,
    /// `init` with other content than the first time.
    #[error("the game was initialised with other races or settings")]
    AlreadyInitialised,
    /// `init` for another game than the one this engine was started for.
    #[error("this engine runs the game {0}")]
    WrongGame(String),
    /// `expected_turn` is neither the current turn nor the one before.
    #[error("the game is at turn {current}, not {expected}")]
    TurnMismatch {
        /// The turn that the game is at.
        current: u32,
        /// The turn that the caller expected to close.
        expected: u32,
    },
    /// Orders for a turn that is not the current one.
    #[error("orders are taken for turn {current} only, not {wanted}")]
    TurnAlreadyClosed {
        /// The turn that the game is at.
        current: u32,
        /// The turn that the orders were for.
        wanted: u32,
    },
    /// The game is over.
    #[error("the game is finished")]
    GameFinished,
    /// No race of that name plays.
    #[error("no race of that name plays in this game")]
    UnknownRace,
    /// The race is out of the game.
    #[error("the race is extinct")]
    RaceExtinct,
    /// A report for a turn that has not come.
    #[error("there is no report for turn {0}")]
    NoReport(u32),
    /// The game could not do it, for a reason that is nobody's request: 500, and the words reach whoever can mend it.
    #[error("{0}")]
    Failed(String),
    /// `init` with names or settings that cannot be used.
    #[error("the request is not valid")]
    InvalidInit(Vec<Fault>),
    /// Orders that cannot be carried out.
    #[error("at least one order is not valid")]
    InvalidOrders(Vec<Fault>),
    /// Commands that cannot be carried out.
    #[error("at least one command is not valid")]
    InvalidCommands(Vec<Fault>),
}

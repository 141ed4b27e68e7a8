//! `galaxyctl`: what administrators do, on the command line (docs/operations.md, "galaxyctl").
//!
//! A table of commands over one generic call of the API: a new operation is a line of what [`commands::all`] gives.

pub mod call;
pub mod commands;
pub mod csv;
pub mod output;
pub mod settings;

use std::fmt;

/// Why a command was not done, and the exit code that says so.
#[derive(Debug)]
pub enum Fault {
    /// Settings or arguments that cannot be used.
    Usage(String),
    /// The API was not reached, or what answered is not it.
    Unreached(String),
    /// The API refused: its status, and its problem's code and detail.
    Refused(u16, String),
}

impl Fault {
    /// The process's exit code.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Unreached(_) => 3,
            Self::Refused(401, _) => 4,
            Self::Refused(404, _) => 5,
            Self::Refused(500.., _) => 7,
            Self::Refused(..) => 6,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) | Self::Unreached(what) | Self::Refused(_, what) => f.write_str(what),
        }
    }
}

/// The exit codes, for `--help`.
pub const EXIT_CODES: &str = "Exit codes: 0 done, 2 wrong arguments or settings, 3 not reached, 4 credentials refused, 5 not found, \
    6 refused for another reason, 7 the server cannot just now.";

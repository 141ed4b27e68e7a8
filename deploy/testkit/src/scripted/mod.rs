//! An engine that does what a script says: slow, deaf, late, lying, dying, or honest (SPEC §9).
//!
//! `scripted-engine` is its binary. It reads `script.json` in its state directory anew at every call, so that a test changes its mind
//! while it runs; where there is none it reads `GALAXY_SCRIPT` (JSON), which the process driver passes on to every engine; where there
//! is neither it answers the contract honestly. `GALAXY_TURN_LIMIT` ends the game, as in the reference engine.
//!
//! What it did stands in its state directory. `journal.jsonl` has a line for each generated turn, and that line *is* the turn: an engine
//! that is killed anywhere comes back at the last whole line. `calls.jsonl` has a line for each call but `/healthz`.

mod conn;
mod script;
mod serve;
mod state;

pub use self::script::{Boot, Call, Die, Rule, Script};
pub use self::serve::serve;
pub use self::state::{journal, seen};

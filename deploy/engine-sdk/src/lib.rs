//! For game authors in Rust: implement [`Game`], call [`main`], and have an engine that keeps the contract
//! (`docs/engine-contract.md`): the HTTP side with its token, limits and problem+json errors, a state that survives `kill -9`,
//! the rule that a turn is made once, the `GALAXY_*` environment, a graceful end.
//!
//! What is left to the author is the game: pure functions from one state to the next.
//!
//! ```no_run
//! use galaxy_engine_sdk::{Beginning, Game, Race, Refusal, Status};
//! use serde::{Deserialize, Serialize};
//! use serde_json::{Value, json};
//!
//! /// Whoever waits longest wins.
//! struct Patience;
//!
//! #[derive(Clone, Serialize, Deserialize)]
//! struct State {
//!     turn: u32,
//!     /// Each race, and whether it is out.
//!     races: Vec<(String, bool)>,
//! }
//!
//! impl Game for Patience {
//!     type State = State;
//!     const FORMAT: u32 = 1;
//!
//!     fn init(&self, begin: &Beginning) -> Result<State, Refusal> {
//!         Ok(State { turn: 0, races: begin.races.iter().map(|race| (race.clone(), false)).collect() })
//!     }
//!     fn turn(&self, state: &State) -> Result<State, Refusal> {
//!         Ok(State { turn: state.turn + 1, ..state.clone() })
//!     }
//!     fn banish(&self, state: &State, race_name: &str) -> Result<State, Refusal> {
//!         let races = state.races.iter().map(|(race, out)| (race.clone(), *out || race == race_name));
//!         Ok(State { races: races.collect(), ..*state })
//!     }
//!     fn command(&self, state: &State, _race_name: &str, _commands: &[Value]) -> Result<State, Refusal> {
//!         Ok(state.clone())
//!     }
//!     fn order(&self, state: &State, _race_name: &str, _orders: &[Value]) -> Result<State, Refusal> {
//!         Ok(state.clone())
//!     }
//!     fn report(&self, state: &State, race_name: &str) -> Value {
//!         json!({"turn": state.turn, "you": race_name})
//!     }
//!     fn status(&self, state: &State) -> Status {
//!         let finished = state.turn >= 10;
//!         let left = state.races.iter().filter(|(_, out)| !out).map(|(race, _)| race.clone());
//!         Status {
//!             finished,
//!             winners: if finished { left.collect() } else { Vec::new() },
//!             races: state.races.iter().map(|(race, out)| Race::new(race, *out)).collect(),
//!         }
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     galaxy_engine_sdk::main(Patience)
//! }
//! ```

mod contract;
pub mod engine;
mod game;
pub mod http;
pub mod log;
mod process;
mod refusal;
pub mod settings;
mod store;

pub use engine::Engine;
pub use game::{Beginning, Game, Race, Status};
pub use process::{healthcheck, main, serve};
pub use refusal::{Fault, Refusal};
pub use settings::{Faults, Settings};

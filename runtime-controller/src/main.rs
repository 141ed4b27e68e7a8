//! The runtime-controller's process.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::service::run::main(
        "runtime-controller",
        "Starts game engines, generates their turns, and looks after them",
        shared::SCHEMA_VERSION,
        runtime_controller::run,
    )
}

//! The runtime-controller's process.

use std::process::ExitCode;

use runtime_controller::driver::kubernetes;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    // Not for people: what a pod of this image does on a game's volume.
    if arguments.next().is_some_and(|first| first == kubernetes::SUBCOMMAND) {
        return kubernetes::copy_state(arguments);
    }
    shared::service::run::main(
        "runtime-controller",
        "Starts game engines, generates their turns, and looks after them",
        shared::SCHEMA_VERSION,
        runtime_controller::run,
    )
}

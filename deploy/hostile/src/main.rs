//! `galaxy-hostile DEED`: an engine that answers the engine API in the smallest way that is taken, and tries beside it what a
//! container must not let it. Static and alone in its image, as the reference engine is.
//!
//! What it finds out it writes into its state directory (`probe.json`, a new one at each boot), and nowhere else.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is no part of the product, and it floods its log")]

mod deeds;
mod probe;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let deed = std::env::args().nth(1).unwrap_or_default();
    let state_dir = PathBuf::from(std::env::var("GALAXY_STATE_DIR").unwrap_or_default());
    let done = match deed.as_str() {
        // Run by itself, from a file that has root's setuid bit.
        "who" => {
            println!("{} {}", nix::unistd::geteuid(), nix::unistd::getegid());
            return ExitCode::SUCCESS;
        }
        // Run by a health check that nobody may run.
        "mark" => {
            return std::fs::write(state_dir.join("marked"), "").map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
        }
        "greed" => {
            let dir = state_dir.clone();
            deeds::beside(move || deeds::greed(&dir))
        }
        "hold" => deeds::hold(),
        "hog" => deeds::hog(),
        "probe" => {
            let dir = state_dir.clone();
            deeds::beside(move || {
                // Some of it takes seconds: the engine answers meanwhile.
                let _ = std::fs::write(dir.join("probe.json"), probe::all(&dir).to_string());
            })
        }
        "forks" => deeds::beside(deeds::forks),
        "memory" => deeds::beside(deeds::memory),
        "shm" => deeds::beside(deeds::shm),
        "log" => deeds::beside(deeds::log),
        "disk" => {
            let dir = state_dir.clone();
            deeds::beside(move || deeds::disk(&dir))
        }
        other => Err(std::io::Error::other(format!("no such deed: {other:?}"))),
    };
    match done.and_then(|()| serve::forever(&state_dir)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("galaxy-hostile: {error}");
            ExitCode::FAILURE
        }
    }
}

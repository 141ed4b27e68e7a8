//! `runtime-controller state-copy ROOT fits|take|restore|drop GAME [NAME]`: what a pod of this image does on a game's volume. It knows no
//! settings, no database and no cluster.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use shared::ids::GameId;

use super::super::Snapshots;

/// The word by which `main` knows that it is meant.
pub const SUBCOMMAND: &str = "state-copy";
/// Exit code: there is no copy of that name.
pub(super) const NO_COPY: i32 = 3;
/// Exit code: it could not be done; why stands on standard error.
const FAILED: u8 = 1;

/// Does what the arguments after the subcommand say.
#[must_use]
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<String> = arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let done = runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(run(&arguments)));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(u8::try_from(NO_COPY).unwrap_or(FAILED)),
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "{why}");
            ExitCode::from(FAILED)
        }
    }
}

async fn run(arguments: &[String]) -> Result<bool, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let usage = || format!("usage: runtime-controller {SUBCOMMAND} ROOT fits|take|restore|drop GAME [NAME]");
    let [root, deed, game_id, name @ ..] = words.as_slice() else { return Err(usage()) };
    let game_id: GameId = game_id.parse().map_err(|_| usage())?;
    let snapshots = Snapshots::new(PathBuf::from(root));
    let done = match (*deed, name) {
        ("fits", []) => snapshots.fits(game_id).await.map(|()| true),
        ("take", [name]) => snapshots.take(game_id, name).await.map(|()| true),
        ("restore", [name]) => snapshots.restore(game_id, name).await,
        ("drop", []) => snapshots.drop_all(game_id).await.map(|()| true),
        _ => return Err(usage()),
    };
    // Whoever reads it says what could not be done.
    done.map_err(|error| {
        error.to_string().split_once(": ").map_or_else(|| error.to_string(), |(_, why)| why.to_owned())
    })
}

//! What the engines wrote themselves: their state directories are the one account of a game that the platform has no hand in.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use uuid::Uuid;

use crate::fields::{number, text};

/// Holds the turns of a game, as its engine kept them below `games`, against the turn at which the platform has it: each was closed
/// once, in order, and none is missing. The engine keeps one file for each turn that it closed, written at that moment; a turn that
/// was closed again would have a younger file than its successor.
///
/// # Errors
/// What is wrong.
pub(super) fn judge(games: &Path, game: Uuid, turn: i32) -> Result<()> {
    let dir = games.join(game.to_string());
    let stands = turn_of(&dir.join("state.json"), game)?;
    ensure!(i64::from(turn) == i64::try_from(stands)?, "the engine stands at turn {stands}, the platform at {turn}");
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(dir.join("turns"))? {
        files.push(entry?.path());
    }
    files.sort();
    ensure!(files.len() as u64 == stands, "the engine stands at turn {stands}, and closed {}", files.len());
    let mut before = SystemTime::UNIX_EPOCH;
    for (expected, file) in (0_u64..).zip(&files) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        ensure!(name == format!("turn-{expected:07}.json"), "expected turn {expected}, and {name} is there");
        let found = turn_of(file, game)?;
        ensure!(found == expected, "{name} holds turn {found}");
        let closed = file.metadata()?.modified()?;
        ensure!(closed >= before, "turn {expected} was closed after the one that follows it, or twice");
        before = closed;
    }
    Ok(())
}

fn turn_of(file: &Path, game: Uuid) -> Result<u64> {
    let read = std::fs::read(file).with_context(|| file.display().to_string())?;
    let kept: Value = serde_json::from_slice(&read).with_context(|| file.display().to_string())?;
    let of = text(&kept, "game_id")?;
    ensure!(of == game.to_string(), "{} is of game {of}", file.display());
    number(&kept, "turn").with_context(|| file.display().to_string())
}

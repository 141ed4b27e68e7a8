//! What the engines wrote themselves: their state directories are the one account of a game that the platform has no hand in.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use uuid::Uuid;

use super::database::Game;
use crate::fields::{number, text};

/// Holds the turns of a game, as its engine kept them below `games`, against what the platform has: none is missing, they were closed
/// in order, and each was settled once. The engine keeps one file for each turn that it closed, written at that moment; a turn that
/// was closed again after its successor would have a younger file than that. One that was closed twice before its successor leaves
/// no trace here: its file is written over. Nor is it seen whether two turns were made for one due time.
///
/// # Errors
/// What is wrong.
pub(super) fn judge(games: &Path, &Game { id: game, turn, ref settled }: &Game) -> Result<()> {
    settled_once(turn, settled)?;
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

/// A turn is settled in the transaction that moves the game on, which writes it down. What is written twice was settled twice.
fn settled_once(turn: i32, settled: &[i32]) -> Result<()> {
    for turn in 1..=turn {
        let times = settled.iter().filter(|settled| **settled == turn).count();
        ensure!(times == 1, "turn {turn} was settled {times} times");
    }
    ensure!(settled.iter().all(|settled| (1..=turn).contains(settled)), "at turn {turn}, {settled:?} were settled");
    Ok(())
}

fn turn_of(file: &Path, game: Uuid) -> Result<u64> {
    let read = std::fs::read(file).with_context(|| file.display().to_string())?;
    let kept: Value = serde_json::from_slice(&read).with_context(|| file.display().to_string())?;
    let of = text(&kept, "game_id")?;
    ensure!(of == game.to_string(), "{} is of game {of}", file.display());
    number(&kept, "turn").with_context(|| file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_turn_is_settled_once_and_no_other() {
        assert!(settled_once(0, &[]).is_ok() && settled_once(3, &[1, 2, 3]).is_ok());
        for wrong in [&[1, 2][..], &[1, 2, 2, 3], &[1, 2, 3, 4], &[0, 1, 2, 3]] {
            assert!(settled_once(3, wrong).is_err(), "{wrong:?}");
        }
    }
}

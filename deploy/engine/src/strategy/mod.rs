//! A player of the reference game: pure functions from a race's own report to sensible orders. The demo plays by it,
//! and so may a bot. It knows no more than the report says.

mod plan;
mod view;

use serde_json::Value;

/// The orders for the turn of a report, `aggressiveness` from 0 (settles what is free nearby, builds, learns) to 1
/// (builds ships and conquers). None for a report that cannot be read, of a race that is out, or of a finished game.
#[must_use]
pub fn orders(report: &Value, aggressiveness: f64) -> Vec<Value> {
    match view::read(report) {
        Some(view) if !view.finished && !view.extinct => plan::plan(view, aggressiveness.clamp(0.0, 1.0)),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;

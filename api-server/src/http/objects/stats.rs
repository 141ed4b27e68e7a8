//! Figures of each minute, gathered in steps (SPEC §5 objects).

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db::stats::Bin;
use shared::domain::stats::StatSeries;

/// Figures over a time.
#[derive(Debug, Object)]
pub struct Stats {
    /// From when on.
    pub from: DateTime<Utc>,
    /// Until when: now, on the database's clock.
    pub to: DateTime<Utc>,
    /// How many minutes a step has.
    pub step: u16,
    /// Each series that was asked for, in the order of their names.
    pub series: Vec<StatHistory>,
}

/// One series over a time.
#[derive(Debug, Object)]
pub struct StatHistory {
    /// Which figure.
    pub name: String,
    /// Its steps, the oldest first; those in which nothing was written are left out.
    pub points: Vec<StatPoint>,
}

/// One step of a series.
#[derive(Debug, Object)]
pub struct StatPoint {
    /// When the step begins.
    pub at: DateTime<Utc>,
    /// The mean of its minutes.
    pub mean: f64,
    /// The greatest of its minutes.
    pub max: f64,
}

impl Stats {
    /// Puts together what was asked for and what was found.
    pub fn new(asked: &[StatSeries], from: DateTime<Utc>, to: DateTime<Utc>, step: u16, bins: Vec<Bin>) -> Self {
        let mut series: Vec<StatHistory> =
            asked.iter().map(|series| StatHistory { name: series.to_string(), points: Vec::new() }).collect();
        for bin in bins {
            if let Some(history) = series.iter_mut().find(|history| history.name == bin.series) {
                history.points.push(StatPoint { at: bin.at, mean: bin.mean, max: bin.max });
            }
        }
        Self { from, to, step, series }
    }
}

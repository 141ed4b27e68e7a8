//! The parts of a report that the strategy reads. Unknown fields are skipped, so that a report may grow.

use serde::Deserialize;
use serde_json::Value;

use crate::game::map::{Map, Position};
use crate::game::planet::Focus;
use crate::game::race::Technologies;

#[derive(Deserialize)]
pub(super) struct View {
    pub(super) finished: bool,
    pub(super) extinct: bool,
    pub(super) map: Map,
    pub(super) technologies: Technologies,
    pub(super) planets: Vec<Own>,
    pub(super) neighbours: Vec<Seen>,
    pub(super) unexplored: Vec<Star>,
    pub(super) fleets: Vec<Fleet>,
    pub(super) incoming: Vec<Incoming>,
}

#[derive(Deserialize)]
pub(super) struct Own {
    pub(super) id: u32,
    #[serde(flatten)]
    pub(super) position: Position,
    pub(super) population: u32,
    pub(super) industry: u32,
    pub(super) ships: u32,
    pub(super) focus: Focus,
}

#[derive(Deserialize)]
pub(super) struct Seen {
    pub(super) id: u32,
    #[serde(flatten)]
    pub(super) position: Position,
    pub(super) owner: Option<String>,
    pub(super) size: u32,
    pub(super) population: u32,
    pub(super) ships: u32,
}

#[derive(Deserialize)]
pub(super) struct Star {
    pub(super) id: u32,
    #[serde(flatten)]
    pub(super) position: Position,
}

#[derive(Deserialize)]
pub(super) struct Fleet {
    pub(super) ships: u32,
    pub(super) to: u32,
}

#[derive(Deserialize)]
pub(super) struct Incoming {
    pub(super) ships: u32,
    pub(super) to: u32,
}

pub(super) fn read(report: &Value) -> Option<View> {
    View::deserialize(report).ok()
}

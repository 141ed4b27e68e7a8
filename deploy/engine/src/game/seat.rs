//! The number by which all else names a race.

use serde::{Deserialize, Serialize};

/// A race's seat in [`super::state::Game::races`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RaceId(pub u16);

//! What those who write pods and those who read them call alike.

use std::fmt;

use shared::ids::GameId;

use super::copier::SUBCOMMAND;

/// The name of the one container of every pod.
pub(super) const CONTAINER: &str = "engine";
/// Where a pod that copies has a game's volume.
pub(super) const VOLUME: &str = "/volume";
/// Annotation of a pod that copies: what it is to do.
pub(super) const ANNOTATION_DEED: &str = "galaxy.copy";

/// Something to be done on a game's volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    Fits,
    Take(String),
    Restore(String),
    Drop,
}

impl Deed {
    /// What a pod of the controller's image is told.
    pub(super) fn arguments(&self, game_id: GameId) -> Vec<String> {
        let mut all = vec![SUBCOMMAND.to_owned(), VOLUME.to_owned(), self.word().to_owned(), game_id.to_string()];
        if let Self::Take(name) | Self::Restore(name) = self {
            all.push(name.clone());
        }
        all
    }

    const fn word(&self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Take(_) => "take",
            Self::Restore(_) => "restore",
            Self::Drop => "drop",
        }
    }

    /// Whether the state, or the copy, is another one afterwards.
    pub(super) const fn changes(&self) -> bool {
        matches!(self, Self::Take(_) | Self::Restore(_))
    }

    pub(super) const fn verb(&self) -> &'static str {
        match self {
            Self::Fits | Self::Take(_) => "be copied",
            Self::Restore(_) => "be put back",
            Self::Drop => "be dropped",
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Take(name) | Self::Restore(name) => write!(f, "{} {name}", self.word()),
            Self::Fits | Self::Drop => f.write_str(self.word()),
        }
    }
}

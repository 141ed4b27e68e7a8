//! What an engine is started with.

use sha2::{Digest as _, Sha256};
use shared::db::runtime::{EngineFacts, PinnedImage};
use shared::ids::GameId;
use shared::secret::Secret;

/// One game's engine: image and secrets. Limits and paths are the driver's configuration.
#[derive(Debug, Clone)]
pub struct EngineSpec {
    /// The game.
    pub game_id: GameId,
    /// Image reference, or with the process driver the path of a binary.
    pub image: String,
    /// The image that it is made from, where the driver knows images and one was met.
    pub pinned: Option<PinnedImage>,
    /// `GALAXY_ENGINE_TOKEN`.
    pub token: Secret,
}

impl EngineSpec {
    /// What the game's container is to be made from by its record.
    #[must_use]
    pub fn recorded(game_id: GameId, facts: &EngineFacts) -> Self {
        let (image, pinned) = (facts.image.clone(), facts.pinned.clone());
        Self { game_id, image, pinned, token: facts.engine_token.clone() }
    }

    /// What a container of it is made from, for the operations log: `galaxy/engine:1, sha256:…`.
    #[must_use]
    pub fn made_from(&self) -> String {
        let pinned = self.pinned.as_ref().and_then(|image| image.digest.as_deref());
        pinned.map_or_else(|| self.image.clone(), |digest| format!("{}, {digest}", self.image))
    }

    /// A short text that differs when anything that the container was made from does: a container with another one is
    /// made anew by the next start. `driver` is what the driver adds (limits, mounts, network). Tells nothing of the token:
    /// that has 256 random bits.
    #[must_use]
    pub fn fingerprint(&self, driver: &str) -> String {
        let mut hash = Sha256::new();
        let image = self.pinned.as_ref().map_or(&self.image, |image| &image.id);
        for part in [self.game_id.to_string().as_str(), image, self.token.expose(), driver] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_that_differs_makes_another_fingerprint() {
        let spec =
            EngineSpec { game_id: GameId::new(), image: "a".into(), pinned: None, token: Secret::new("t".to_owned()) };
        let print = spec.fingerprint("x");
        assert_eq!(print, spec.clone().fingerprint("x"));
        assert_eq!(print.len(), 32);
        let image = EngineSpec { image: "b".into(), ..spec.clone() };
        let token = EngineSpec { token: Secret::new("u".to_owned()), ..spec.clone() };
        let shifted = EngineSpec { image: "at".into(), token: Secret::new(String::new()), ..spec.clone() };
        let pin = |id: &str| Some(PinnedImage { id: id.to_owned(), digest: None });
        let pinned = EngineSpec { pinned: pin("sha256:1"), ..spec.clone() };
        let moved = EngineSpec { image: "b".into(), ..pinned.clone() };
        assert_eq!(moved.fingerprint("x"), pinned.fingerprint("x"), "the image counts, not what it is called");
        for other in [
            pinned.fingerprint("x"),
            image.fingerprint("x"),
            token.fingerprint("x"),
            spec.fingerprint("y"),
            shifted.fingerprint("x"),
        ] {
            assert_ne!(print, other);
        }
    }
}

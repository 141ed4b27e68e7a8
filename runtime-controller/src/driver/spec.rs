//! What an engine is started with.

use sha2::{Digest as _, Sha256};
use shared::ids::GameId;
use shared::secret::Secret;

/// One game's engine: image and secrets. Limits and paths are the driver's configuration.
#[derive(Debug, Clone)]
pub struct EngineSpec {
    /// The game.
    pub game_id: GameId,
    /// Image reference, or with the process driver the path of a binary.
    pub image: String,
    /// `GALAXY_ENGINE_TOKEN`.
    pub token: Secret,
}

impl EngineSpec {
    /// A short text that differs when anything that the container was made from does: a container with another one is
    /// made anew by the next start. `driver` is what the driver adds (limits, mounts, network). Tells nothing of the token:
    /// that has 256 random bits.
    #[must_use]
    pub fn fingerprint(&self, driver: &str) -> String {
        let mut hash = Sha256::new();
        for part in [self.game_id.to_string().as_str(), &self.image, self.token.expose(), driver] {
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
        let spec = EngineSpec { game_id: GameId::new(), image: "a".into(), token: Secret::new("t".to_owned()) };
        let print = spec.fingerprint("x");
        assert_eq!(print, spec.clone().fingerprint("x"));
        assert_eq!(print.len(), 32);
        let image = EngineSpec { image: "b".into(), ..spec.clone() };
        let token = EngineSpec { token: Secret::new("u".to_owned()), ..spec.clone() };
        let shifted = EngineSpec { image: "at".into(), token: Secret::new(String::new()), ..spec.clone() };
        for other in [image.fingerprint("x"), token.fingerprint("x"), spec.fingerprint("y"), shifted.fingerprint("x")] {
            assert_ne!(print, other);
        }
    }
}

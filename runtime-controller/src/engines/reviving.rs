//! Who brings back which engine now: one at a time for each game, and no game waits for another one.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use shared::ids::GameId;
use tokio::sync::{OwnedMutexGuard, Semaphore, SemaphorePermit};

/// So many containers are made and started at once.
const AT_ONCE: usize = 8;

/// The games whose engines are being brought back in this process.
#[derive(Debug)]
pub struct Reviving {
    games: Mutex<HashMap<GameId, Arc<tokio::sync::Mutex<()>>>>,
    places: Semaphore,
}

impl Default for Reviving {
    fn default() -> Self {
        Self { games: Mutex::default(), places: Semaphore::new(AT_ONCE) }
    }
}

impl Reviving {
    /// Waits until nobody else of this process brings this game's engine back. It lasts as long as the answer is held.
    pub async fn enter(&self, game_id: GameId) -> OwnedMutexGuard<()> {
        let game = {
            let mut games = self.games.lock();
            // Those that nobody holds or waits for.
            games.retain(|_, game| Arc::strong_count(game) > 1);
            games.entry(game_id).or_default().clone()
        };
        game.lock_owned().await
    }

    /// A place at the daemon, for making and starting a container: not for its image, nor for waiting for a node, or until it answers.
    pub async fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.places.acquire().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_game_is_entered_by_one_and_keeps_no_other_out() {
        let (reviving, game, other) = (Reviving::default(), GameId::new(), GameId::new());
        let first = reviving.enter(game).await;
        assert!(reviving.enter(game).now_or_never().is_none());
        assert!(reviving.enter(other).now_or_never().is_some());
        drop(first);
        assert!(reviving.enter(game).now_or_never().is_some());
        let _next = reviving.enter(other).await;
        assert_eq!(reviving.games.lock().len(), 1, "what nobody holds is forgotten");
    }
}

//! What keeps a slow engine alone with it (SPEC §8; `docs/turns.md` has the picture).
//!
//! A queue's slots are for what is quick. Work that lasts longer than [`Tuning::slow_after`](crate::config::Tuning::slow_after) gives
//! its slot back and goes on in a lane, where it keeps nobody out but its likes. A lane is bounded, and of its places no engine version
//! has more than half: a bad release does not fill it. Which games were slow is remembered, in this process alone: their next work takes
//! a place before it begins. Where there is none it is put off, and burns no attempt.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use shared::db::runtime;
use shared::ids::GameId;
use shared::queue::{Claim, WorkContext};
use tokio::time::{Instant, timeout};

use crate::engines::Engines;

/// A suspect is worked with nothing beside it, so that its queue stands still meanwhile: for no longer than this where a lane has a
/// place for it. A hundred that hang cost the others twenty seconds.
const ALONE: Duration = Duration::from_millis(200);
/// For how long a game is remembered as slow that has not been worked since.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// A lane beside the slots of one queue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Lane(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    places: usize,
    slow_after: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    /// Places by engine version; a version without any is not kept.
    versions: HashMap<String, usize>,
    slow: HashMap<GameId, Instant>,
}

/// A place in a lane, until it is dropped.
#[derive(Debug)]
pub struct Place {
    lane: Arc<Inner>,
    version: String,
}

/// The lane has no place for this version: the work was not begun, or was broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many engines are slow just now: it is put off")]
pub struct Full;

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.lane.state.lock();
        state.taken = state.taken.saturating_sub(1);
        if let Some(taken) = state.versions.get_mut(&self.version) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                state.versions.remove(&self.version);
            }
        }
    }
}

impl Lane {
    /// A lane with so many places, for what lasts longer than `slow_after`.
    #[must_use]
    pub fn new(places: usize, slow_after: Duration) -> Self {
        Self(Arc::new(Inner { places, slow_after, state: Mutex::default() }))
    }

    /// A place for an engine of this version, if there is one.
    #[must_use]
    pub fn enter(&self, version: &str) -> Option<Place> {
        let mut state = self.0.state.lock();
        let share = self.0.places.div_ceil(2);
        let mine = state.versions.get(version).copied().unwrap_or(0);
        if state.taken >= self.0.places || mine >= share {
            return None;
        }
        state.taken += 1;
        state.versions.insert(version.to_owned(), mine + 1);
        Some(Place { lane: Arc::clone(&self.0), version: version.to_owned() })
    }

    /// Does `work` for a game: in a slot while it is quick, in the lane when it is not.
    ///
    /// # Errors
    /// [`Full`]: `work` was not begun, or, where nobody knew that the game is slow, was dropped in its midst, as by a crash.
    pub async fn patient<T>(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        engines: &Engines,
        game_id: GameId,
        work: impl Future<Output = T>,
    ) -> Result<T, Full> {
        let began = Instant::now();
        tokio::pin!(work);
        let mut place = None;
        if !self.is_slow(game_id) {
            let quick = self.quick(claim);
            if let Ok(done) = timeout(quick, &mut work).await {
                return Ok(done);
            }
            if quick < self.0.slow_after {
                place = self.enter(&version(engines, game_id).await);
                // Where there is none it stays alone for as long as any other has a slot: it may still be quick.
                if place.is_none()
                    && let Ok(done) = timeout(self.0.slow_after.saturating_sub(quick), &mut work).await
                {
                    return Ok(done);
                }
            }
            self.remember(game_id);
        }
        let place = match place {
            Some(place) => place,
            None => self.enter(&version(engines, game_id).await).ok_or(Full)?,
        };
        // A suspect that may not be let go stays where it is, alone: it needs no place then.
        cx.leave_slot(claim, place).await;
        let done = work.await;
        if began.elapsed() < self.0.slow_after {
            self.0.state.lock().slow.remove(&game_id);
        }
        Ok(done)
    }

    /// How long work has its slot for.
    fn quick(&self, claim: &Claim) -> Duration {
        if claim.alone { self.0.slow_after.min(ALONE) } else { self.0.slow_after }
    }

    fn is_slow(&self, game_id: GameId) -> bool {
        self.0.state.lock().slow.get(&game_id).is_some_and(|since| since.elapsed() < REMEMBERED)
    }

    fn remember(&self, game_id: GameId) {
        let mut state = self.0.state.lock();
        state.slow.retain(|_, since| since.elapsed() < REMEMBERED);
        state.slow.insert(game_id, Instant::now());
    }
}

/// The version of a game's engine; "" where it is not known: those share a share.
async fn version(engines: &Engines, game_id: GameId) -> String {
    let read = async {
        let mut conn = engines.db.acquire().await?;
        runtime::engine_facts(&mut conn, game_id, &engines.daemon_id).await
    };
    match read.await {
        Ok(facts) => facts.map(|facts| facts.engine_version).unwrap_or_default(),
        Err(error) => {
            tracing::debug!(%game_id, %error, "the version of a slow engine is not known");
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_bounded_and_no_version_has_more_than_half_of_it() {
        let lane = Lane::new(8, Duration::from_secs(2));
        let bad: Vec<Place> = std::iter::from_fn(|| lane.enter("1.0.0")).collect();
        assert_eq!(bad.len(), 4);
        let others: Vec<Place> = ["1.0.1", "1.0.2", "1.0.3", "1.0.4"].iter().filter_map(|v| lane.enter(v)).collect();
        assert_eq!(others.len(), 4);
        assert!(lane.enter("1.0.5").is_none(), "it is full");
        drop(bad);
        assert!(lane.enter("1.0.0").is_some() && lane.enter("1.0.5").is_some());
        drop(others);
        assert_eq!(lane.0.state.lock().taken, 0);
        assert!(lane.0.state.lock().versions.is_empty(), "nothing is kept of versions that are gone");
    }

    #[test]
    fn a_lane_of_one_place_has_one_for_anybody() {
        let lane = Lane::new(1, Duration::from_secs(2));
        let place = lane.enter("1.0.0");
        assert!(place.is_some() && lane.enter("1.0.1").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_game_is_forgotten_when_nobody_met_it_for_an_hour() {
        let (lane, game, other) = (Lane::new(8, Duration::from_secs(2)), GameId::new(), GameId::new());
        lane.remember(game);
        tokio::time::advance(REMEMBERED / 2).await;
        lane.remember(other);
        assert!(lane.is_slow(game) && lane.is_slow(other));
        tokio::time::advance(REMEMBERED / 2).await;
        lane.remember(other);
        assert!(!lane.is_slow(game) && lane.is_slow(other));
    }

    #[test]
    fn a_suspect_keeps_its_queue_to_itself_for_a_moment_only() {
        let claim = |alone| Claim {
            id: uuid::Uuid::nil(),
            token: 1,
            attempt_no: 2,
            failures: 0,
            alone,
            priority: 0,
            due_at: chrono::DateTime::UNIX_EPOCH,
            created_at: chrono::DateTime::UNIX_EPOCH,
            request_id: None,
            traceparent: None,
        };
        let quick = |slow_after, alone| Lane::new(8, slow_after).quick(&claim(alone));
        assert_eq!(quick(Duration::from_secs(2), false), Duration::from_secs(2));
        // All of a hundred suspects, one after the other, are let go before the call to one of them would end.
        assert!(quick(Duration::from_secs(2), true) * 100 < Duration::from_secs(60));
        assert_eq!(quick(Duration::from_millis(50), true), Duration::from_millis(50));
    }
}

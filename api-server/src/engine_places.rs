//! How many calls to engines may be under way: an engine is its author's program, may sleep, and must hold up nobody
//! but its game.

use std::time::Duration;

use shared::ids::{GameId, UserId};
use shared::service::listen::{Budget, Permit};

use crate::refusal::{ErrorCode, Problem};

/// Calls of one game, and of one user, at a time, where the budget allows for so many.
const PER_GAME: usize = 8;
const PER_USER: usize = 2;

/// The budget of engine calls.
pub struct EnginePlaces {
    all: Budget<()>,
    games: Budget<GameId>,
    users: Budget<UserId>,
}

/// One call's places.
pub struct EnginePlace {
    _all: Permit<()>,
    _game: Permit<GameId>,
    _user: Permit<UserId>,
}

impl EnginePlaces {
    /// The most calls at once: a quarter of the requests that may be under way, so that engines that sleep leave the
    /// other operations theirs even within one network's share.
    #[must_use]
    pub fn most(max_in_flight: usize) -> usize {
        (max_in_flight / 4).max(1)
    }

    /// For a replica that answers so many requests at once.
    #[must_use]
    pub fn new(max_in_flight: usize) -> Self {
        let total = Self::most(max_in_flight);
        // One game never has more than half, so that one that sleeps leaves the other games theirs.
        let per_game = PER_GAME.min(total / 2).max(1);
        Self {
            all: Budget::new(total, total),
            games: Budget::new(usize::MAX, per_game),
            users: Budget::new(usize::MAX, PER_USER.min(per_game)),
        }
    }

    /// Takes a place for one call.
    ///
    /// # Errors
    /// 429 where the game or the user has theirs, 503 where the budget is out; both with `Retry-After`.
    pub fn take(&self, game: GameId, user: UserId) -> Result<EnginePlace, Problem> {
        let soon = Duration::from_secs(1);
        let of_user = self.users.take(&user, 1);
        let _user = of_user.map_err(|_| {
            Problem::rate_limited("This user has as many calls to engines under way as they may.", soon)
        })?;
        let of_game = self.games.take(&game, 1);
        let _game = of_game
            .map_err(|_| Problem::rate_limited("This game's engine has as many calls under way as it may.", soon))?;
        let _all = self.all.take(&(), 1).map_err(|_| {
            Problem::new(ErrorCode::Unavailable, "Too many calls to engines are under way.").retry_after(soon)
        })?;
        Ok(EnginePlace { _all, _game, _user })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn ids<Id: From<Uuid>>(n: u128) -> Id {
        Uuid::from_u128(n).into()
    }

    fn refused(places: &EnginePlaces, game: u128, user: u128) -> Option<ErrorCode> {
        places.take(ids(game), ids(user)).err().map(|problem| problem.code)
    }

    #[test]
    fn a_user_a_game_and_all_together_have_so_many() {
        let places = EnginePlaces::new(512);
        let mut held = vec![places.take(ids(1), ids(1)).unwrap(), places.take(ids(1), ids(1)).unwrap()];
        assert_eq!(refused(&places, 2, 1), Some(ErrorCode::RateLimited), "the user, whichever the game");
        held.extend((2..8).map(|user| places.take(ids(1), ids(user)).unwrap()));
        assert_eq!(refused(&places, 1, 9), Some(ErrorCode::RateLimited), "the game, whoever asks");
        assert_eq!(refused(&places, 2, 9), None);
        held.extend((100..220).map(|n| places.take(ids(n), ids(n)).unwrap()));
        assert_eq!(refused(&places, 300, 300), Some(ErrorCode::Unavailable));
        drop(held);
        assert_eq!(refused(&places, 1, 1), None);
    }

    #[test]
    fn one_sleeping_game_leaves_others_theirs_however_small_the_cap() {
        let places = EnginePlaces::new(8);
        let _held = places.take(ids(1), ids(1)).unwrap();
        assert_eq!(refused(&places, 1, 2), Some(ErrorCode::RateLimited));
        assert_eq!(refused(&places, 2, 2), None);
    }
}

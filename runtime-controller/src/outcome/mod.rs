//! What the runtime tells the lobby, in one place (SPEC §7): what came of a job, and what an engine showed.
//!
//! Everything here runs inside the transaction that finishes the job or the turn, and begins by locking the game: either
//! all of it happened, or nothing. A game that went elsewhere meanwhile is left where it is.

mod job;
mod owner;
mod reconciled;
mod state;
mod timer;
mod turn;

use shared::db::games::{self, LockedGame};
use shared::db::notifications::{NewNotification, produce};
use shared::db::runtime;
use shared::domain::game::PauseReason;
use shared::domain::notification::{Audience, Payload, TurnName, pause_key};
use shared::ids::GameId;
use shared::queue::Claim;
use sqlx::PgConnection;
use std::time::Duration;
use uuid::Uuid;

pub use self::job::{JobResult, Left, Release};
pub use self::state::StateSize;
pub use self::turn::Snapshot;

/// The rules that the lobby side needs from the configuration.
#[derive(Debug, Clone)]
pub struct Outcomes {
    /// Whose timers are set.
    pub daemon_id: String,
    /// `BACKEND_LOBBY_PENDING_REGISTRATION_TTL`.
    pub pending_registration_ttl: Duration,
    /// `BACKEND_RUNTIME_TURN_SPREAD`.
    pub turn_spread: Duration,
}

/// The job or turn that something comes of, and who asked for it.
#[derive(Debug, Clone, Copy)]
struct Cause<'a> {
    id: Uuid,
    request_id: Option<&'a str>,
    traceparent: Option<&'a str>,
}

impl<'a> From<&'a Claim> for Cause<'a> {
    fn from(claim: &'a Claim) -> Self {
        Self { id: claim.id, request_id: claim.request_id.as_deref(), traceparent: claim.traceparent.as_deref() }
    }
}

/// A game under its lock.
enum Locked {
    Read(Box<LockedGame>),
    /// Its row has a word that this build does not know. What is given up is written down, and told, all the same.
    Unread {
        turn: i32,
    },
}

impl Locked {
    fn turn(&self) -> i32 {
        match self {
            Self::Read(game) => game.current_turn,
            Self::Unread { turn } => *turn,
        }
    }

    /// What failures of the game are told under, so that who fails again and again is told of once in a quarter of an hour of the
    /// database's clock. Of a game that cannot be read that clock is not known: each is told.
    fn told_under(&self, cause: Cause<'_>, game_id: GameId) -> String {
        match self {
            Self::Read(game) => format!("{game_id}:{}", game.now.timestamp().div_euclid(QUARTER_SECONDS)),
            Self::Unread { .. } => cause.id.to_string(),
        }
    }

    /// For what cannot be done without knowing the game.
    fn read(self) -> Result<LockedGame, shared::db::Error> {
        match self {
            Self::Read(game) => Ok(*game),
            Self::Unread { .. } => Err(shared::db::Error::Inconsistent("the game's row cannot be read".to_owned())),
        }
    }
}

/// How long a failure of a kind is not told again of one game, at most.
const QUARTER_SECONDS: i64 = 900;
/// When a banishment that did not get through is tried again, where nothing else happens to its game before.
pub const BANISH_AGAIN: Duration = Duration::from_secs(300);
impl Outcomes {
    /// Pauses a running game, and tells its members. Answers the key of that pause; `None` where the game did not run.
    async fn pause(
        &self,
        conn: &mut PgConnection,
        claim: Option<&Claim>,
        game_id: GameId,
        turn: i32,
        reason: PauseReason,
    ) -> Result<Option<String>, shared::db::Error> {
        let Some(pause) = games::paused(conn, game_id, reason).await? else { return Ok(None) };
        let turn = turn.unsigned_abs();
        let key = pause_key(game_id, TurnName { turn, accepted: pause.accepted_turns }, pause.pauses);
        let payload = Payload::GamePaused { game_id, turn, reason: reason.to_string() };
        self.tell(conn, claim.map(Cause::from), game_id, payload, key.clone()).await?;
        Ok(Some(key))
    }

    /// The game under its lock. One whose row this build cannot read is locked too: of that only its turn is known.
    async fn lock(&self, conn: &mut PgConnection, game_id: GameId) -> Result<Option<Locked>, shared::db::Error> {
        match games::lock(conn, game_id).await {
            Err(error) if error.is_unreadable() => {
                tracing::error!(%game_id, %error, "a game's row cannot be read: a later build wrote it");
                let record = runtime::record(conn, game_id).await?;
                Ok(Some(Locked::Unread { turn: record.map_or(0, |record| record.current_turn) }))
            }
            locked => Ok(locked?.map(|game| Locked::Read(Box::new(game)))),
        }
    }

    async fn tell(
        &self,
        conn: &mut PgConnection,
        cause: Option<Cause<'_>>,
        game_id: GameId,
        payload: Payload,
        idempotency_key: String,
    ) -> Result<(), shared::db::Error> {
        let new = NewNotification {
            payload,
            idempotency_key,
            // Kinds for the administrators go to them all the same.
            audience: Audience::GameMembers,
            game_id: Some(game_id),
            request_id: cause.and_then(|cause| cause.request_id).map(str::to_owned),
            traceparent: cause.and_then(|cause| cause.traceparent).map(str::to_owned),
        };
        produce(conn, new).await.map(drop)
    }
}

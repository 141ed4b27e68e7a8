//! What the runtime tells the lobby, in one place (SPEC §7): what came of a job, and what an engine showed.
//!
//! Everything here runs inside the transaction that finishes the job or the turn, and begins by locking the game: either
//! all of it happened, or nothing. A game that went elsewhere meanwhile is left where it is.

use chrono::{DateTime, Utc};
use shared::db::banishments;
use shared::db::game_runtime::{self, LockedGame};
use shared::db::notifications::{NewNotification, produce};
use shared::db::runtime::{self, JobWork};
use shared::domain::notification::{Audience, Payload};
use shared::domain::runtime::{JobKind, RuntimeStatus, StartFailure};
use shared::domain::schedule::{self, Schedule};
use shared::engine_client::EngineStatus;
use shared::ids::GameId;
use shared::queue::Claim;
use sqlx::PgConnection;
use std::time::Duration;
use uuid::Uuid;

/// The rules that the lobby side needs from the configuration.
#[derive(Debug, Clone)]
pub struct Lobby {
    /// Whose timers are set.
    pub daemon_id: String,
    /// `BACKEND_LOBBY_PENDING_REGISTRATION_TTL`.
    pub pending_registration_ttl: Duration,
    /// `BACKEND_RUNTIME_TURN_SPREAD`.
    pub turn_spread: Duration,
}

/// When a banishment that did not get through is tried again, where nothing else happens to its game before.
pub const BANISH_AGAIN: Duration = Duration::from_secs(300);

/// What an engine is, as far as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its version label.
    pub version: String,
    /// Its image.
    pub image: String,
    /// The image's content digest, where the driver knows one.
    pub digest: Option<String>,
}

/// What a replacement that failed leaves of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// The former one again.
    Former(Release),
    /// None; `cleared`: its container is gone too.
    Nothing {
        /// Whether that is certain.
        cleared: bool,
    },
    /// What the record says: the former one, untouched, unless it was held already. Then nobody knows.
    AsRecorded,
}

/// What came of a job.
#[derive(Debug, Clone)]
pub enum JobResult {
    /// The engine is up and has the game.
    Started {
        /// It has generated a turn, or reached the end, that is not recorded yet.
        ahead: bool,
    },
    /// The start is given up.
    StartFailed {
        /// Why.
        failure: StartFailure,
        /// Whether its container is certainly gone.
        cleared: bool,
    },
    /// Another engine took the place of the one that ran.
    Replaced(Release),
    /// A restart or a patch is given up.
    ReplaceFailed {
        /// Why.
        failure: StartFailure,
        /// What is left.
        left: Left,
    },
    /// The container is gone.
    Stopped,
    /// The engine has no such race any more.
    Banished {
        /// The race.
        race_name: String,
    },
}

/// What an engine showed when a turn was due.
#[derive(Debug, Clone)]
pub enum Snapshot {
    /// It went on to the next turn, or to the end.
    Advanced(EngineStatus),
    /// It could not be made to.
    Failed {
        /// [`RuntimeStatus::EngineUnreachable`] or [`RuntimeStatus::GenerationFailed`].
        status: RuntimeStatus,
        /// For the administrators.
        reason: String,
    },
}

impl Lobby {
    /// `OnRuntimeJobResult`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn on_job_result(
        &self,
        conn: &mut PgConnection,
        claim: &Claim,
        game_id: GameId,
        result: &JobResult,
    ) -> Result<(), sqlx::Error> {
        let Some(game) = game_runtime::lock_game(conn, game_id).await? else { return Ok(()) };
        match result {
            JobResult::Started { ahead } => self.started(conn, claim, game_id, &game, *ahead).await,
            JobResult::StartFailed { failure, cleared } => {
                self.start_failed(conn, claim, game_id, failure, *cleared).await
            }
            JobResult::Replaced(release) => self.replaced(conn, game_id, release).await,
            JobResult::ReplaceFailed { failure, left } => {
                self.replace_failed(conn, claim, game_id, &game, failure, left).await
            }
            JobResult::Stopped => {
                let by_hand = game.status == "paused" && game.pause_reason.as_deref() == Some("stopped");
                let status = if by_hand { RuntimeStatus::Stopped } else { RuntimeStatus::Removed };
                runtime::record_containerless(conn, game_id, status).await?;
                runtime::park_turn(conn, game_id).await
            }
            JobResult::Banished { race_name } => banishments::settled(conn, game_id, race_name).await,
        }
    }

    /// A job ended, well or not, and its game's runtime is free: what waited for that is enqueued now. A game that ended
    /// meanwhile has its container taken away; one that goes on has the next race banished that its engine is still to lose.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn runtime_is_free(
        &self,
        conn: &mut PgConnection,
        claim: &Claim,
        job: &JobWork,
        well: bool,
    ) -> Result<(), sqlx::Error> {
        let (game_id, request_id, traceparent) =
            (job.game_id, claim.request_id.as_deref(), claim.traceparent.as_deref());
        let Some(game) = game_runtime::lock_game(conn, game_id).await? else { return Ok(()) };
        let banish = job.kind == JobKind::Banish.as_str();
        // What was banished is settled by now: this finds only what did not get through.
        let put_off = banish && banishments::postpone(conn, game_id, &job.payload, BANISH_AGAIN.as_secs_f64()).await?;
        if well && !put_off {
            // The engine answers, so the others need not wait for their time.
            banishments::bring_forward(conn, game_id).await?;
        }
        let over = matches!(game.status.as_str(), "finished" | "cancelled");
        if over && runtime::record(conn, game_id).await?.is_some_and(|record| record.container_id.is_some()) {
            // A stop that failed is not asked for again and again: the reconciler takes the container in the end.
            if job.kind != JobKind::Stop.as_str() {
                runtime::enqueue_stop(conn, game_id, request_id, traceparent).await?;
            }
            return Ok(());
        }
        banishments::enqueue_due(conn, &[game_id], request_id, traceparent).await.map(drop)
    }

    async fn started(
        &self,
        conn: &mut PgConnection,
        claim: &Claim,
        game_id: GameId,
        game: &LockedGame,
        ahead: bool,
    ) -> Result<(), sqlx::Error> {
        runtime::turn_advanced(conn, game_id, game.current_turn, RuntimeStatus::Running).await?;
        if !game_runtime::game_started(conn, game_id).await? {
            // Cancelled while it started: the container has to go again.
            return enqueue_stop(conn, claim, game_id).await;
        }
        // A turn that the engine is ahead by is recorded by the timer, as every turn is, and at once.
        let at = if ahead { Ok(game.now) } else { self.first_turn(game_id, game) };
        let at = at.map_err(|error| sqlx::Error::Decode(error.into()))?;
        runtime::start_turns(conn, game_id, &self.daemon_id, at).await?;
        let turn = game.current_turn.unsigned_abs();
        let (payload, key) = if game.started {
            (Payload::GameResumed { game_id, turn }, format!("resumed:{game_id}:{}", claim.id))
        } else {
            (Payload::GameStarted { game_id }, format!("started:{game_id}"))
        };
        self.tell(conn, Some(claim), game_id, payload, key).await
    }

    async fn start_failed(
        &self,
        conn: &mut PgConnection,
        claim: &Claim,
        game_id: GameId,
        failure: &StartFailure,
        cleared: bool,
    ) -> Result<(), sqlx::Error> {
        runtime::record_containerless(conn, game_id, RuntimeStatus::Removed).await?;
        if !cleared {
            enqueue_stop(conn, claim, game_id).await?;
        }
        if !game_runtime::game_start_failed(conn, game_id).await? {
            return Ok(());
        }
        self.tell_failure(conn, claim, game_id, failure).await
    }

    async fn replaced(&self, conn: &mut PgConnection, game_id: GameId, release: &Release) -> Result<(), sqlx::Error> {
        let Release { version, image, digest } = release;
        runtime::engine_replaced(conn, game_id, version, image, digest.as_deref()).await?;
        game_runtime::game_patched(conn, game_id, version).await
    }

    /// The administrators hear of it in any case; the members where their game has no engine any more.
    async fn replace_failed(
        &self,
        conn: &mut PgConnection,
        claim: &Claim,
        game_id: GameId,
        game: &LockedGame,
        failure: &StartFailure,
        left: &Left,
    ) -> Result<(), sqlx::Error> {
        match left {
            Left::Former(release) => self.replaced(conn, game_id, release).await?,
            Left::Nothing { cleared } => self.lost(conn, claim, game_id, game, *cleared).await?,
            Left::AsRecorded => {
                let record = runtime::record(conn, game_id).await?;
                if record.is_some_and(|record| record.status == RuntimeStatus::Starting.as_str()) {
                    self.lost(conn, claim, game_id, game, false).await?;
                }
            }
        }
        self.tell_failure(conn, claim, game_id, failure).await
    }

    /// The game has no engine any more: paused, until a start brings one back.
    async fn lost(
        &self,
        conn: &mut PgConnection,
        claim: &Claim,
        game_id: GameId,
        game: &LockedGame,
        cleared: bool,
    ) -> Result<(), sqlx::Error> {
        runtime::record_containerless(conn, game_id, RuntimeStatus::Removed).await?;
        runtime::park_turn(conn, game_id).await?;
        if !cleared {
            enqueue_stop(conn, claim, game_id).await?;
        }
        self.pause(conn, Some(claim), game_id, game, RuntimeStatus::EngineUnreachable).await.map(drop)
    }

    async fn tell_failure(
        &self,
        conn: &mut PgConnection,
        claim: &Claim,
        game_id: GameId,
        failure: &StartFailure,
    ) -> Result<(), sqlx::Error> {
        let payload = match failure {
            StartFailure::ImagePull { image, .. } => {
                Payload::RuntimeImagePullFailed { game_id, image_ref: image.clone() }
            }
            StartFailure::ContainerStart { .. } => Payload::RuntimeContainerStartFailed { game_id },
            StartFailure::ConfigInvalid { reason } => {
                Payload::RuntimeStartConfigInvalid { game_id, reason: reason.clone() }
            }
        };
        self.tell(conn, Some(claim), game_id, payload, claim.id.to_string()).await
    }

    /// `OnRuntimeSnapshot`. `next` is the next turn's time by the schedule.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn on_snapshot(
        &self,
        conn: &mut PgConnection,
        game_id: GameId,
        snapshot: &Snapshot,
        next: Option<DateTime<Utc>>,
    ) -> Result<(), sqlx::Error> {
        let Some(game) = game_runtime::lock_game(conn, game_id).await? else { return Ok(()) };
        runtime::turn_settled(conn, game_id, next).await?;
        match snapshot {
            Snapshot::Advanced(status) => self.advanced(conn, game_id, status).await,
            Snapshot::Failed { status, reason } => self.failed(conn, game_id, &game, *status, reason).await,
        }
    }

    async fn advanced(
        &self,
        conn: &mut PgConnection,
        game_id: GameId,
        status: &EngineStatus,
    ) -> Result<(), sqlx::Error> {
        let shown = if status.finished { RuntimeStatus::Finished } else { RuntimeStatus::Running };
        runtime::turn_advanced(conn, game_id, status.turn, shown).await?;
        let turn = status.turn.unsigned_abs();
        if game_runtime::turn_generated(conn, game_id, status.turn).await? {
            let key = format!("turn-ready:{game_id}:{turn}");
            self.tell(conn, None, game_id, Payload::GameTurnReady { game_id, turn }, key).await?;
        }
        runtime::record_operation(conn, game_id, None, "turn", "ok", Some(&format!("turn {turn}"))).await?;
        if !status.finished || !game_runtime::game_finished(conn, game_id, &status.winners).await? {
            return Ok(());
        }
        let winners = status.winners.clone();
        self.tell(conn, None, game_id, Payload::GameFinished { game_id, turn, winners }, format!("finished:{game_id}"))
            .await?;
        self.settle_names(conn, game_id, status).await?;
        runtime::enqueue_stop(conn, game_id, None, None).await?;
        Ok(())
    }

    async fn settle_names(
        &self,
        conn: &mut PgConnection,
        game_id: GameId,
        status: &EngineStatus,
    ) -> Result<(), sqlx::Error> {
        let surviving: Vec<String> =
            status.races.iter().filter(|race| !race.extinct).map(|race| race.race_name.clone()).collect();
        let ttl = self.pending_registration_ttl.as_secs_f64();
        for name in game_runtime::settle_race_names(conn, game_id, &surviving, ttl).await? {
            let new = NewNotification {
                idempotency_key: format!("pending:{game_id}:{}", name.user_id),
                payload: Payload::LobbyRaceNamePending { race_name: name.race_name, expires_at: name.expires_at },
                audience: Audience::Users(vec![name.user_id]),
                game_id: None,
                request_id: None,
                traceparent: None,
            };
            produce(conn, new).await?;
        }
        Ok(())
    }

    async fn failed(
        &self,
        conn: &mut PgConnection,
        game_id: GameId,
        game: &LockedGame,
        status: RuntimeStatus,
        reason: &str,
    ) -> Result<(), sqlx::Error> {
        runtime::set_record_status(conn, game_id, status).await?;
        runtime::record_operation(conn, game_id, None, "turn", status.as_str(), Some(reason)).await?;
        let Some(key) = self.pause(conn, None, game_id, game, status).await? else { return Ok(()) };
        let turn = game.current_turn.unsigned_abs();
        let payload = Payload::GameGenerationFailed { game_id, turn, reason: reason.to_owned() };
        self.tell(conn, None, game_id, payload, key).await
    }

    /// Pauses a running game because of its engine, and tells its members. Answers the key of that pause; `None` where the
    /// game did not run.
    async fn pause(
        &self,
        conn: &mut PgConnection,
        claim: Option<&Claim>,
        game_id: GameId,
        game: &LockedGame,
        reason: RuntimeStatus,
    ) -> Result<Option<String>, sqlx::Error> {
        let reason = reason.as_str();
        let Some(pause) = game_runtime::game_paused(conn, game_id, reason).await? else { return Ok(None) };
        let turn = game.current_turn.unsigned_abs();
        let key = pause_key(game_id, turn, pause);
        let payload = Payload::GamePaused { game_id, turn, reason: reason.to_owned() };
        self.tell(conn, claim, game_id, payload, key.clone()).await?;
        Ok(Some(key))
    }

    /// A timer that came to rest while its game went on (resumed just then) is set again.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn on_rest(&self, conn: &mut PgConnection, game_id: GameId) -> Result<(), sqlx::Error> {
        let Some(game) = game_runtime::lock_game(conn, game_id).await? else { return Ok(()) };
        runtime::turn_settled(conn, game_id, None).await?;
        runtime::generation_broken_off(conn, game_id).await?;
        if game.status == "running" {
            let at = self.first_turn(game_id, &game).map_err(|error| sqlx::Error::Decode(error.into()))?;
            runtime::start_turns(conn, game_id, &self.daemon_id, at).await?;
        }
        Ok(())
    }

    fn first_turn(&self, game_id: GameId, game: &LockedGame) -> Result<DateTime<Utc>, schedule::ScheduleError> {
        // The minimum was checked when the schedule was set: a game is not lost because an operator raised it since.
        let turns = Schedule::parse(&game.turn_schedule, &game.time_zone, Duration::ZERO)?;
        turns.first(game.now, schedule::offset(game_id, self.turn_spread))
    }

    async fn tell(
        &self,
        conn: &mut PgConnection,
        claim: Option<&Claim>,
        game_id: GameId,
        payload: Payload,
        idempotency_key: String,
    ) -> Result<(), sqlx::Error> {
        let new = NewNotification {
            payload,
            idempotency_key,
            // Kinds for the administrators go to them all the same.
            audience: Audience::GameMembers,
            game_id: Some(game_id),
            request_id: claim.and_then(|claim| claim.request_id.clone()),
            traceparent: claim.and_then(|claim| claim.traceparent.clone()),
        };
        produce(conn, new).await.map(drop)
    }

    /// Adds to the operations log what came of a job.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn log_job(
        &self,
        conn: &mut PgConnection,
        game_id: GameId,
        job_id: Uuid,
        kind: &str,
        outcome: &str,
        detail: Option<&str>,
    ) -> Result<(), sqlx::Error> {
        runtime::record_operation(conn, game_id, Some(job_id), kind, outcome, detail).await
    }
}

async fn enqueue_stop(conn: &mut PgConnection, claim: &Claim, game_id: GameId) -> Result<(), sqlx::Error> {
    let (request_id, traceparent) = (claim.request_id.as_deref(), claim.traceparent.as_deref());
    runtime::enqueue_stop(conn, game_id, request_id, traceparent).await.map(drop)
}

/// `paused:<game_id>:<turn>`, later pauses of that turn with `:<n>` (SPEC §13).
fn pause_key(game_id: GameId, turn: u32, pause: i32) -> String {
    if pause <= 1 { format!("paused:{game_id}:{turn}") } else { format!("paused:{game_id}:{turn}:{pause}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_pause_of_the_same_turn_has_a_key_of_its_own() {
        let game = GameId::new();
        assert_eq!(pause_key(game, 3, 1), format!("paused:{game}:3"));
        assert_eq!(pause_key(game, 3, 2), format!("paused:{game}:3:2"));
    }
}

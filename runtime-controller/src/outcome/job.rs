//! What came of a job (`OnRuntimeJobResult`).

use shared::db::banishments;
use shared::db::games::{self, LockedGame};
use shared::db::runtime::{self, JobWork, PinnedImage};
use shared::domain::excerpt::{SHORT, excerpt};
use shared::domain::game::{GameStatus, PauseReason};
use shared::domain::notification::Payload;
use shared::domain::runtime::{JobKind, RuntimeStatus, StartFailure};
use shared::ids::GameId;
use shared::queue::Claim;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{BANISH_AGAIN, Cause, Locked, Outcomes};

/// What an engine is, as far as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its version label.
    pub version: String,
    /// Its image.
    pub image: String,
    /// The image that this stands for, where the driver knows one.
    pub pinned: Option<PinnedImage>,
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
        /// What went wrong.
        failure: StartFailure,
        /// Whether its container is certainly gone.
        cleared: bool,
    },
    /// Another engine took the place of the one that ran.
    Replaced(Release),
    /// A restart or a patch is given up.
    ReplaceFailed {
        /// What went wrong.
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

impl Outcomes {
    /// `OnRuntimeJobResult`.
    pub async fn on_job_result(
        &self,
        conn: &mut PgConnection,
        claim: &Claim,
        game_id: GameId,
        result: &JobResult,
    ) -> Result<(), shared::db::Error> {
        let Some(game) = self.lock(conn, game_id).await? else { return Ok(()) };
        match result {
            JobResult::Started { ahead } => self.started(conn, claim, game_id, &game.read()?, *ahead).await,
            JobResult::StartFailed { failure, cleared } => {
                self.start_failed(conn, claim.into(), game_id, &game, failure, *cleared).await
            }
            JobResult::Replaced(release) => self.replaced(conn, game_id, release).await,
            JobResult::ReplaceFailed { failure, left } => {
                self.replace_failed(conn, claim, game_id, &game, failure, left).await
            }
            JobResult::Stopped => {
                let game = game.read()?;
                let by_hand = game.status == GameStatus::Paused && game.pause_reason == Some(PauseReason::Stopped);
                let status = if by_hand { RuntimeStatus::Stopped } else { RuntimeStatus::Removed };
                runtime::record_containerless(conn, game_id, status).await?;
                runtime::park_turn(conn, game_id).await
            }
            JobResult::Banished { race_name } => banishments::settled(conn, game_id, race_name).await,
        }
    }

    /// A job ended, well or not, and its game's runtime is free: what waited for that is enqueued now. A game that ended
    /// meanwhile has its container taken away; one that goes on has the next race banished that its engine is still to lose.
    pub async fn runtime_is_free(
        &self,
        conn: &mut PgConnection,
        claim: &Claim,
        job: &JobWork,
        well: bool,
    ) -> Result<(), shared::db::Error> {
        let (game_id, request_id, traceparent) =
            (job.game_id, claim.request_id.as_deref(), claim.traceparent.as_deref());
        let Some(Locked::Read(game)) = self.lock(conn, game_id).await? else { return Ok(()) };
        let banish = job.kind == JobKind::Banish.as_str();
        // What was banished is settled by now: this finds only what did not get through.
        let put_off = banish && banishments::postpone(conn, game_id, &job.payload, BANISH_AGAIN.as_secs_f64()).await?;
        if well && !put_off {
            // The engine answers, so the others need not wait for their time.
            banishments::bring_forward(conn, game_id).await?;
        }
        let over = matches!(game.status, GameStatus::Finished | GameStatus::Cancelled);
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
    ) -> Result<(), shared::db::Error> {
        runtime::turn_advanced(conn, game_id, game.current_turn, RuntimeStatus::Running).await?;
        if !games::started(conn, game_id).await? {
            // Cancelled while it started: the container has to go again.
            return enqueue_stop(conn, claim.into(), game_id).await;
        }
        // A turn that the engine is ahead by is recorded by the timer, as every turn is, and at once.
        if ahead {
            runtime::start_turns(conn, game_id, &self.daemon_id, game.now).await?;
        }
        let turn = game.current_turn.unsigned_abs();
        let (payload, key) = if game.started {
            (Payload::GameResumed { game_id, turn }, format!("resumed:{game_id}:{}", claim.id))
        } else {
            (Payload::GameStarted { game_id }, format!("started:{game_id}"))
        };
        self.tell(conn, Some(claim.into()), game_id, payload, key).await?;
        if ahead { Ok(()) } else { self.go_on(conn, Some(claim), game_id, game).await }
    }

    pub(super) async fn start_failed(
        &self,
        conn: &mut PgConnection,
        cause: Cause<'_>,
        game_id: GameId,
        game: &Locked,
        failure: &StartFailure,
        cleared: bool,
    ) -> Result<(), shared::db::Error> {
        runtime::record_containerless(conn, game_id, RuntimeStatus::Removed).await?;
        if !cleared {
            enqueue_stop(conn, cause, game_id).await?;
        }
        if !games::start_failed(conn, game_id).await? {
            return Ok(());
        }
        self.tell_failure(conn, cause, game_id, game, failure).await?;
        self.tell_owner(conn, cause, game_id, game, failure).await
    }

    async fn replaced(
        &self,
        conn: &mut PgConnection,
        game_id: GameId,
        release: &Release,
    ) -> Result<(), shared::db::Error> {
        let Release { version, image, pinned } = release;
        runtime::engine_replaced(conn, game_id, version, image, pinned.as_ref()).await?;
        games::patched(conn, game_id, version).await
    }

    /// The administrators hear of it as of a start that failed; the members where their game has no engine any more.
    async fn replace_failed(
        &self,
        conn: &mut PgConnection,
        claim: &Claim,
        game_id: GameId,
        game: &Locked,
        failure: &StartFailure,
        left: &Left,
    ) -> Result<(), shared::db::Error> {
        let turn = game.turn();
        match left {
            Left::Former(release) => self.replaced(conn, game_id, release).await?,
            Left::Nothing { cleared } => self.lost(conn, claim, game_id, turn, *cleared).await?,
            Left::AsRecorded => {
                let record = runtime::record(conn, game_id).await?;
                if record.is_some_and(|record| record.status == RuntimeStatus::Starting) {
                    self.lost(conn, claim, game_id, turn, false).await?;
                }
            }
        }
        self.tell_failure(conn, claim.into(), game_id, game, failure).await
    }

    /// The game has no engine any more: paused, until a start brings one back.
    async fn lost(
        &self,
        conn: &mut PgConnection,
        claim: &Claim,
        game_id: GameId,
        turn: i32,
        cleared: bool,
    ) -> Result<(), shared::db::Error> {
        runtime::record_containerless(conn, game_id, RuntimeStatus::Removed).await?;
        runtime::park_turn(conn, game_id).await?;
        if !cleared {
            enqueue_stop(conn, claim.into(), game_id).await?;
        }
        self.pause(conn, Some(claim), game_id, turn, PauseReason::EngineUnreachable).await.map(drop)
    }

    /// To the administrators: once for each game, kind and quarter of an hour. An owner who starts again and again what cannot start
    /// does not fill their mailbox; the operations log has every one.
    async fn tell_failure(
        &self,
        conn: &mut PgConnection,
        cause: Cause<'_>,
        game_id: GameId,
        game: &Locked,
        failure: &StartFailure,
    ) -> Result<(), shared::db::Error> {
        let payload = match failure {
            StartFailure::ImagePull { image, .. } => {
                Payload::RuntimeImagePullFailed { game_id, image_ref: excerpt(image, SHORT) }
            }
            StartFailure::ContainerStart { .. } => Payload::RuntimeContainerStartFailed { game_id },
            StartFailure::ConfigInvalid { reason } => {
                Payload::RuntimeStartConfigInvalid { game_id, reason: excerpt(reason, SHORT) }
            }
        };
        self.tell(conn, Some(cause), game_id, payload, game.told_under(cause, game_id)).await
    }

    /// Adds to the operations log what came of a job.
    pub async fn log_job(
        &self,
        conn: &mut PgConnection,
        game_id: GameId,
        job_id: Uuid,
        kind: &str,
        outcome: &str,
        detail: Option<&str>,
    ) -> Result<(), shared::db::Error> {
        runtime::record_operation(conn, game_id, Some(job_id), kind, outcome, detail).await
    }
}

async fn enqueue_stop(conn: &mut PgConnection, cause: Cause<'_>, game_id: GameId) -> Result<(), shared::db::Error> {
    runtime::enqueue_stop(conn, game_id, cause.request_id, cause.traceparent).await.map(drop)
}

//! The sweeper: what time alone brings about. Each pass is bounded, and safe with many controllers: rows that another has
//! locked are skipped.
//!
//! It closes enrolments that ended with enough players, releases race names that were not registered in time, marks invites
//! that expired, ends games that nobody is left in, has members banished whom nothing else has banished, and removes
//! old entries of the operations log.

use std::time::Duration;

use shared::db::endings::{self, Ended, Ending};
use shared::db::notifications::{NewNotification, produce};
use shared::db::{Db, applications, banishments, games, invites, race_names, runtime};
use shared::domain::game::GameStatus;
use shared::domain::notification::{Audience, Payload};
use shared::queue::{Topic, Waker};
use shared::random::Random;
use shared::service::health::SchemaGate;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::outcome::BANISH_AGAIN;

/// Games in one transaction.
const GAMES: i64 = 50;
/// Race names in one transaction.
const NAMES: i64 = 100;
/// Invites in one statement.
const INVITES: i64 = 500;
/// Entries of the operations log in one statement.
const ENTRIES: i64 = 1_000;

/// Sweeps at an interval.
pub struct Sweeper {
    /// Postgres.
    pub db: Db,
    /// Nothing is written while the schema does not fit.
    pub gate: SchemaGate,
    /// What a pass enqueues is worked at once.
    pub waker: Waker,
    /// Jitter, so that replicas do not sweep in step.
    pub random: Random,
    /// `BACKEND_LOBBY_SWEEPER_INTERVAL`.
    pub interval: Duration,
    /// `BACKEND_RETENTION_OPERATIONS`; zero keeps the log.
    pub retention: Duration,
    /// `BACKEND_LOBBY_ABANDONED_TTL`.
    pub abandoned_ttl: Duration,
    /// `BACKEND_LOBBY_PENDING_REGISTRATION_TTL`.
    pub pending_registration_ttl: Duration,
}

impl Sweeper {
    /// Sweeps until the process stops.
    ///
    /// # Errors
    /// None: a pass that fails is logged, and the next one comes.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                () = sleep(self.interval.mul_f64(0.8 + 0.4 * self.random.unit())) => {}
                () = stop.cancelled() => return Ok(()),
            }
            if !self.gate.is_open() {
                continue;
            }
            if let Err(error) = self.db.try_within(self.pass(&stop)).await {
                tracing::warn!(%error, "a sweep broke off");
            }
        }
    }

    async fn pass(&self, stop: &CancellationToken) -> Result<(), shared::db::Error> {
        while !stop.is_cancelled() && self.close_enrolments().await? == GAMES {}
        while !stop.is_cancelled() && self.release_names().await? == NAMES {}
        while !stop.is_cancelled() && self.expire_invites().await? == INVITES.unsigned_abs() {}
        while !stop.is_cancelled() && self.end_abandoned().await? == GAMES {}
        while !stop.is_cancelled() && self.banish().await? == GAMES {}
        if !self.retention.is_zero() {
            while !stop.is_cancelled() && self.remove_operations().await? == ENTRIES.unsigned_abs() {}
        }
        Ok(())
    }

    /// `enrollment_open → ready_to_start` after `enrollment_ends_at` with enough players; what was still open on the game
    /// is closed with it. A game that is short of players stays open (SPEC §7).
    async fn close_enrolments(&self) -> Result<i64, shared::db::Error> {
        let mut tx = self.db.begin().await?;
        let full = games::lock_full_enrolments(&mut tx, GAMES).await?;
        for game_id in &full {
            games::set_status(&mut tx, *game_id, GameStatus::EnrollmentOpen, GameStatus::ReadyToStart).await?;
            applications::close_open(&mut tx, *game_id).await?;
            invites::close_open(&mut tx, *game_id).await?;
            tracing::info!(%game_id, "enrolment closed: enough players");
        }
        tx.commit().await?;
        Ok(i64::try_from(full.len()).unwrap_or(i64::MAX))
    }

    /// Pending names lapse: they are anybody's again, and their holders are told.
    async fn release_names(&self) -> Result<i64, shared::db::Error> {
        let mut tx = self.db.begin().await?;
        let lapsed = race_names::release_lapsed(&mut tx, NAMES).await?;
        for name in &lapsed {
            let new = NewNotification {
                idempotency_key: name.race_name_id.to_string(),
                payload: Payload::LobbyRaceNameExpired { race_name: name.race_name.clone() },
                audience: Audience::Users(vec![name.user_id]),
                game_id: None,
                request_id: None,
                traceparent: None,
            };
            produce(&mut tx, new).await?;
        }
        tx.commit().await?;
        if !lapsed.is_empty() {
            tracing::info!(names = lapsed.len(), "race names lapsed unregistered");
            self.waker.wake(Topic::Notifications);
        }
        Ok(i64::try_from(lapsed.len()).unwrap_or(i64::MAX))
    }

    async fn expire_invites(&self) -> Result<u64, shared::db::Error> {
        let mut conn = self.db.acquire().await?;
        invites::expire(&mut conn, INVITES).await
    }

    /// A game that has run and has had no active member for a while ends, as if somebody had ended it.
    async fn end_abandoned(&self) -> Result<i64, shared::db::Error> {
        let mut tx = self.db.begin().await?;
        let abandoned = endings::lock_abandoned(&mut tx, self.abandoned_ttl.as_secs_f64(), GAMES).await?;
        let mut ended = 0;
        for (game_id, turn) in abandoned {
            let ending = Ending {
                game_id,
                turn,
                reason: endings::ABANDONED,
                pending_registration_ttl: self.pending_registration_ttl,
                request_id: None,
                traceparent: None,
            };
            if endings::end(&mut tx, &ending).await? == Ended::Done {
                ended += 1;
                tracing::info!(%game_id, "a game was ended: nobody was left in it");
            }
        }
        tx.commit().await?;
        if ended > 0 {
            for topic in [Topic::Notifications, Topic::RuntimeJobs] {
                self.waker.wake(topic);
            }
        }
        Ok(ended)
    }

    /// Banishments that nothing else has enqueued: the daemon, the engine or the job failed when they were due. Those that
    /// still cannot be told wait for the next turn, so that they are in nobody's way.
    async fn banish(&self) -> Result<i64, shared::db::Error> {
        let mut tx = self.db.begin().await?;
        let games = banishments::lock_due(&mut tx, GAMES).await?;
        let enqueued = banishments::enqueue_due(&mut tx, &games, None, None).await?;
        banishments::set_aside(&mut tx, &games, BANISH_AGAIN.as_secs_f64()).await?;
        tx.commit().await?;
        if enqueued > 0 {
            self.waker.wake(Topic::RuntimeJobs);
        }
        Ok(i64::try_from(games.len()).unwrap_or(i64::MAX))
    }

    async fn remove_operations(&self) -> Result<u64, shared::db::Error> {
        let mut conn = self.db.acquire().await?;
        runtime::delete_old_operations(&mut conn, self.retention.as_secs_f64(), ENTRIES).await
    }
}

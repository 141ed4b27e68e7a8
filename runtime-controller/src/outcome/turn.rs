//! What an engine showed when a turn was due (`OnRuntimeSnapshot`).

use shared::db::games::{self, LockedGame};
use shared::db::notifications::{NewNotification, produce};
use shared::db::{race_names, runtime};
use shared::domain::excerpt::{SHORT, excerpt};
use shared::domain::game::{GameStatus, PauseReason};
use shared::domain::notification::{Audience, Payload, TurnName, turn_ready_key};
use shared::domain::runtime::RuntimeStatus;
use shared::domain::schedule::Timer;
use shared::engine_client::EngineStatus;
use shared::ids::GameId;
use shared::queue::Claim;
use sqlx::PgConnection;

use super::{Cause, Locked, Outcomes};

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

impl Outcomes {
    /// `OnRuntimeSnapshot`. `next` is the next turn's time by the schedule, where it has one; `claim`, the timer's, by whose trace
    /// what is told goes on.
    pub async fn on_snapshot(
        &self,
        conn: &mut PgConnection,
        claim: Option<&Claim>,
        game_id: GameId,
        snapshot: &Snapshot,
        next: Option<Timer>,
    ) -> Result<(), shared::db::Error> {
        let Some(locked) = self.lock(conn, game_id).await? else { return Ok(()) };
        runtime::turn_settled(conn, game_id, next).await?;
        match snapshot {
            Snapshot::Advanced(status) => {
                let game = locked.read()?;
                self.advanced(conn, claim, &game, status).await?;
                match next {
                    // Paused or ended while its turn was generated: from now on the timer rests, with what is left.
                    Some(_) if game.status != GameStatus::Running => runtime::park_turn(conn, game_id).await,
                    None if !status.finished => {
                        let game = LockedGame { current_turn: status.turn, ..game };
                        self.no_next_turn(conn, claim, game_id, &game).await
                    }
                    _ => Ok(()),
                }
            }
            Snapshot::Failed { status, reason } => self.failed(conn, claim, game_id, &locked, *status, reason).await,
        }
    }

    async fn advanced(
        &self,
        conn: &mut PgConnection,
        claim: Option<&Claim>,
        game: &LockedGame,
        status: &EngineStatus,
    ) -> Result<(), shared::db::Error> {
        let game_id = game.game_id;
        let shown = if status.finished { RuntimeStatus::Finished } else { RuntimeStatus::Running };
        runtime::turn_advanced(conn, game_id, status.turn, shown).await?;
        let extinct: Vec<String> =
            status.races.iter().filter(|race| race.extinct).map(|race| race.race_name.clone()).collect();
        runtime::set_extinct_races(conn, game_id, &extinct).await?;
        let turn = status.turn.unsigned_abs();
        if games::turn_generated(conn, game_id, status.turn).await? {
            let key = turn_ready_key(game_id, TurnName { turn, accepted: game.accepted_turns });
            self.tell(conn, claim.map(Cause::from), game_id, Payload::GameTurnReady { game_id, turn }, key).await?;
        }
        runtime::record_turn(conn, game_id, turn).await?;
        if !status.finished || !games::finished(conn, game_id, &status.winners).await? {
            return Ok(());
        }
        let winners = status.winners.clone();
        self.tell(
            conn,
            claim.map(Cause::from),
            game_id,
            Payload::GameFinished { game_id, turn, winners },
            format!("finished:{game_id}"),
        )
        .await?;
        self.settle_names(conn, claim, game_id, status).await?;
        let traceparent = claim.and_then(|claim| claim.traceparent.as_deref());
        runtime::enqueue_stop(conn, game_id, None, traceparent).await?;
        Ok(())
    }

    async fn settle_names(
        &self,
        conn: &mut PgConnection,
        claim: Option<&Claim>,
        game_id: GameId,
        status: &EngineStatus,
    ) -> Result<(), shared::db::Error> {
        let surviving: Vec<String> =
            status.races.iter().filter(|race| !race.extinct).map(|race| race.race_name.clone()).collect();
        let ttl = self.pending_registration_ttl.as_secs_f64();
        for name in race_names::settle(conn, game_id, &surviving, ttl).await? {
            let new = NewNotification {
                idempotency_key: format!("pending:{game_id}:{}", name.user_id),
                payload: Payload::LobbyRaceNamePending { race_name: name.race_name, expires_at: name.expires_at },
                audience: Audience::Users(vec![name.user_id]),
                game_id: None,
                request_id: None,
                traceparent: claim.and_then(|claim| claim.traceparent.clone()),
            };
            produce(conn, new).await?;
        }
        Ok(())
    }

    async fn failed(
        &self,
        conn: &mut PgConnection,
        claim: Option<&Claim>,
        game_id: GameId,
        game: &Locked,
        status: RuntimeStatus,
        reason: &str,
    ) -> Result<(), shared::db::Error> {
        runtime::set_record_status(conn, game_id, status).await?;
        runtime::record_operation(conn, game_id, None, "turn", status.as_str(), Some(reason)).await?;
        let why = match status {
            RuntimeStatus::EngineUnreachable => PauseReason::EngineUnreachable,
            _ => PauseReason::GenerationFailed,
        };
        let turn = game.turn();
        let key = match (self.pause(conn, claim, game_id, turn, why).await?, game) {
            (Some(key), _) => key,
            (None, Locked::Read(_)) => return Ok(()),
            // Perhaps it runs, under a word of a later build: somebody has to look.
            (None, Locked::Unread { .. }) => format!("unread:{game_id}:{turn}"),
        };
        let turn = turn.unsigned_abs();
        let payload = Payload::GameGenerationFailed { game_id, turn, reason: excerpt(reason, SHORT) };
        self.tell(conn, claim.map(Cause::from), game_id, payload, key).await
    }

    /// A timer that came to rest while its game went on (resumed just then) is set again.
    pub async fn on_rest(
        &self,
        conn: &mut PgConnection,
        claim: &Claim,
        game_id: GameId,
    ) -> Result<(), shared::db::Error> {
        let Some(game) = games::lock(conn, game_id).await? else { return Ok(()) };
        runtime::turn_settled(conn, game_id, None).await?;
        runtime::generation_broken_off(conn, game_id).await?;
        if game.status == GameStatus::Running {
            self.go_on(conn, Some(claim), game_id, &game).await?;
        }
        Ok(())
    }
}

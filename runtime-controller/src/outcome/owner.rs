//! What the owner of a game hears of its engine: that the start which they asked for, or wait for, failed, and why.

use shared::db::games;
use shared::db::notifications::{NewNotification, produce};
use shared::domain::notification::{Audience, Payload};
use shared::domain::runtime::StartFailure;
use shared::ids::GameId;
use shared::queue::Claim;
use sqlx::PgConnection;

use super::Outcomes;

impl Outcomes {
    /// `game.start_failed`. Of a game without an owner the routes are recorded `skipped`.
    pub(super) async fn tell_owner(
        &self,
        conn: &mut PgConnection,
        claim: &Claim,
        game_id: GameId,
        failure: &StartFailure,
    ) -> Result<(), shared::db::Error> {
        let owner = games::owner(conn, game_id).await?;
        let new = NewNotification {
            payload: Payload::GameStartFailed { game_id, reason: failure.for_owner() },
            // One of each start: the job's id is in the claim.
            idempotency_key: format!("start-failed:{game_id}:{}", claim.id),
            audience: Audience::Users(owner.into_iter().collect()),
            game_id: Some(game_id),
            request_id: claim.request_id.clone(),
            traceparent: claim.traceparent.clone(),
        };
        produce(conn, new).await.map(drop)
    }
}

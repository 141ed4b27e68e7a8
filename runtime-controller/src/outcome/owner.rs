//! What the owner of a game hears of its engine: that the start which they asked for, or wait for, failed, and why.

use shared::db::games;
use shared::db::notifications::{NewNotification, produce, produce_unmailed};
use shared::domain::notification::{Audience, Payload};
use shared::domain::runtime::StartFailure;
use shared::ids::GameId;
use sqlx::PgConnection;

use super::{Cause, Locked, Outcomes};

/// Why no mail goes out.
const MAILED_LATELY: &str = "one was mailed within the same quarter of an hour";

impl Outcomes {
    /// `game.start_failed`: of each start by push, and once in a quarter of an hour by mail. Of a game without an owner the routes are
    /// recorded `skipped`.
    pub(super) async fn tell_owner(
        &self,
        conn: &mut PgConnection,
        cause: Cause<'_>,
        game_id: GameId,
        game: &Locked,
        failure: &StartFailure,
    ) -> Result<(), shared::db::Error> {
        let owner = games::owner(conn, game_id).await?;
        let told = |key: String| NewNotification {
            payload: Payload::GameStartFailed { game_id, reason: failure.for_owner() },
            idempotency_key: format!("start-failed:{key}"),
            audience: Audience::Users(owner.iter().copied().collect()),
            game_id: Some(game_id),
            request_id: cause.request_id.map(str::to_owned),
            traceparent: cause.traceparent.map(str::to_owned),
        };
        if produce(conn, told(game.told_under(cause, game_id))).await? {
            return Ok(());
        }
        // One of each start.
        produce_unmailed(conn, told(format!("{game_id}:{}", cause.id)), MAILED_LATELY).await.map(drop)
    }
}

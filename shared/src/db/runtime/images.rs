//! What a game's containers are made from, and the games that have something on disk.

use sqlx::PgConnection;

use crate::domain::game::GameStatus;
use crate::ids::GameId;
use crate::postgres::Error;

/// The image that a game began with: its containers are made from it until a patch, whatever its tag has become since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedImage {
    /// The daemon's id of it.
    pub id: String,
    /// `repository@digest`, by which it is pulled anew; of an image that came from no registry, its id.
    pub digest: Option<String>,
}

impl PinnedImage {
    pub(super) fn read(id: Option<String>, digest: Option<String>) -> Option<Self> {
        id.map(|id| Self { id, digest })
    }
}

/// Pins the image that was met; `None` where the driver knows no images.
pub async fn set_record_image(
    conn: &mut PgConnection,
    game_id: GameId,
    image: Option<&PinnedImage>,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE runtime_records SET image_id = $2, image_digest = $3, updated_at = clock_timestamp() WHERE game_id = $1",
        game_id.uuid(),
        image.map(|image| image.id.as_str()),
        image.and_then(|image| image.digest.as_deref())
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A game whose state directory is measured.
#[derive(Debug, Clone)]
pub struct GameOnDisk {
    /// The game.
    pub game_id: GameId,
    /// Where the game stands.
    pub status: GameStatus,
    /// The daemon's id of its container; null while there is none.
    pub container_id: Option<String>,
}

/// The games of this daemon whose engines may write, at most `limit` by ascending id from above `after`. Among them are those that
/// start, and those whose start failed within the hour: their containers go, and may be there still.
pub async fn games_on_disk(
    conn: &mut PgConnection,
    daemon_id: &str,
    after: Option<GameId>,
    limit: i64,
) -> Result<Vec<GameOnDisk>, Error> {
    Ok(sqlx::query_as!(
        GameOnDisk,
        r#"SELECT r.game_id AS "game_id: GameId", g.status, r.container_id FROM runtime_records r JOIN games g USING (game_id)
            WHERE r.daemon_id = $1
              AND (r.status NOT IN ('finished', 'removed', 'stopped') AND g.status IN ('starting', 'running', 'paused')
                   OR g.status = 'start_failed' AND g.updated_at > statement_timestamp() - interval '1 hour')
              AND ($2::uuid IS NULL OR r.game_id > $2)
            ORDER BY r.game_id LIMIT $3"#,
        daemon_id,
        after.map(|game| game.uuid()),
        limit
    )
    .fetch_all(conn)
    .await?)
}

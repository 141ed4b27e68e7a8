//! `engine_reports`: the reports of finished games, kept before their containers go (SPEC §9).

use serde_json::value::RawValue;
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::ids::GameId;
use crate::postgres::Error;

/// Keeps a report; one that is kept already stays as it is.
pub async fn keep_report(
    conn: &mut PgConnection,
    game_id: GameId,
    race_name: &str,
    turn: i32,
    report: &RawValue,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO engine_reports (game_id, race_name, turn, report) VALUES ($1, $2, $3, $4::text::json) ON CONFLICT DO NOTHING",
        game_id.uuid(),
        race_name,
        turn,
        report.get()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A kept report, as the engine wrote it.
pub async fn kept_report(
    conn: &mut PgConnection,
    game_id: GameId,
    race_name: &str,
    turn: i32,
) -> Result<Option<Box<RawValue>>, Error> {
    let row = sqlx::query!(
        r#"SELECT report AS "report: Json<Box<RawValue>>" FROM engine_reports WHERE game_id = $1 AND race_name = $2 AND turn = $3"#,
        game_id.uuid(),
        race_name,
        turn
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| row.report.0))
}

/// How many reports of a game are kept, and the bytes that they take in the table.
pub async fn kept_size(conn: &mut PgConnection, game_id: GameId) -> Result<(i64, i64), Error> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "count!", coalesce(sum(pg_column_size(report)), 0)::bigint AS "bytes!"
           FROM engine_reports WHERE game_id = $1"#,
        game_id.uuid()
    )
    .fetch_one(conn)
    .await?;
    Ok((row.count, row.bytes))
}

/// The turns of a race whose reports are kept: a resumed finish fetches only the others.
pub async fn kept_turns(conn: &mut PgConnection, game_id: GameId, race_name: &str) -> Result<Vec<i32>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT turn FROM engine_reports WHERE game_id = $1 AND race_name = $2",
        game_id.uuid(),
        race_name
    )
    .fetch_all(conn)
    .await?)
}

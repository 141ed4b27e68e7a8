//! `runtime_questions`: what the API asks the controller of a daemon while somebody waits. The API has no Docker, and a
//! controller no REST: a row goes one way, its answer the other.

use std::time::Duration;

use serde_json::Value;
use sqlx::PgConnection;

use crate::domain::runtime::QuestionKind;
use crate::ids::{GameId, QuestionId};
use crate::postgres::Error;

/// A question to be written down.
#[derive(Debug, Clone)]
pub struct NewQuestion<'a> {
    /// Whose controller is asked.
    pub daemon_id: &'a str,
    /// What is asked.
    pub kind: QuestionKind,
    /// About which game; none: the whole daemon.
    pub game_id: Option<GameId>,
    /// What the kind needs beyond the game, a JSON object.
    pub payload: Value,
    /// How long the asker waits: it is not taken up later.
    pub patience: Duration,
}

/// Asks. Wake [`Topic::Questions`](crate::queue::Topic::Questions) after the commit.
pub async fn ask(conn: &mut PgConnection, new: NewQuestion<'_>) -> Result<QuestionId, Error> {
    let question_id = QuestionId::new();
    sqlx::query!(
        "INSERT INTO runtime_questions (question_id, daemon_id, kind, game_id, payload, expires_at)
         VALUES ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6))",
        question_id.uuid(),
        new.daemon_id,
        new.kind.as_str(),
        new.game_id.map(GameId::uuid),
        new.payload,
        new.patience.as_secs_f64()
    )
    .execute(conn)
    .await?;
    Ok(question_id)
}

/// An answer: what the kind says, or why there is none.
pub type Answer = Result<Value, String>;

/// The answer, once there is one.
pub async fn answer(conn: &mut PgConnection, question_id: QuestionId) -> Result<Option<Answer>, Error> {
    let row = sqlx::query!(
        "SELECT answer, error FROM runtime_questions WHERE question_id = $1 AND answered_at IS NOT NULL",
        question_id.uuid()
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| row.answer.ok_or_else(|| row.error.unwrap_or_default())))
}

/// A question that was taken up.
#[derive(Debug, Clone)]
pub struct Question {
    /// The question's id.
    pub question_id: QuestionId,
    /// A word of [`QuestionKind`].
    pub kind: String,
    /// About which game.
    pub game_id: Option<GameId>,
    /// As asked.
    pub payload: Value,
}

/// Takes up the oldest open question to this daemon, if there is one. Each is taken up once, by one controller.
pub async fn take(conn: &mut PgConnection, daemon_id: &str) -> Result<Option<Question>, Error> {
    Ok(sqlx::query_as!(
        Question,
        r#"UPDATE runtime_questions SET taken_at = clock_timestamp()
            WHERE question_id = (SELECT question_id FROM runtime_questions
                                  WHERE daemon_id = $1 AND taken_at IS NULL AND expires_at > clock_timestamp()
                                  ORDER BY asked_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
        RETURNING question_id AS "question_id: QuestionId", kind, game_id AS "game_id: GameId", payload"#,
        daemon_id
    )
    .fetch_optional(conn)
    .await?)
}

/// Answers a question that was taken up.
pub async fn give(conn: &mut PgConnection, question_id: QuestionId, answer: &Answer) -> Result<(), Error> {
    let (answer, error) = match answer {
        Ok(answer) => (Some(answer), None),
        Err(error) => (None, Some(error.as_str())),
    };
    sqlx::query!(
        "UPDATE runtime_questions SET answered_at = clock_timestamp(), answer = $2, error = left($3, 2000) WHERE question_id = $1",
        question_id.uuid(),
        answer,
        error
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes questions that nobody waits for any more; at most `limit`, and answers how many.
pub async fn delete_old(conn: &mut PgConnection, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        "DELETE FROM runtime_questions WHERE question_id IN (
            SELECT question_id FROM runtime_questions WHERE expires_at < clock_timestamp() - interval '1 minute'
                ORDER BY expires_at LIMIT $1)",
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// The daemons that live controllers serve now.
pub async fn served_daemons(conn: &mut PgConnection) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT DISTINCT daemon_id AS "daemon_id!" FROM workers WHERE daemon_id IS NOT NULL
           AND expires_at > clock_timestamp() ORDER BY 1"#
    )
    .fetch_all(conn)
    .await?)
}

/// Writes down which daemon this worker serves. Answers whether the worker is registered.
pub async fn serve(conn: &mut PgConnection, worker_id: uuid::Uuid, daemon_id: &str) -> Result<bool, Error> {
    let done = sqlx::query!("UPDATE workers SET daemon_id = $2 WHERE worker_id = $1", worker_id, daemon_id)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

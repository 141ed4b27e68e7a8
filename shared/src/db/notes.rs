//! `notes`: what administrators write down for each other about an account or a game (SPEC §5 admin).

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::idempotency::{Idempotency, Replayed, replayed};
use super::lists::below;
use crate::ids::{GameId, NoteId, UserId};
use crate::postgres::Error;

/// What a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// An account.
    User(UserId),
    /// A game.
    Game(GameId),
}

impl Subject {
    /// The two columns, one of which is null.
    fn columns(self) -> (Option<Uuid>, Option<Uuid>) {
        match self {
            Self::User(id) => (Some(id.uuid()), None),
            Self::Game(id) => (None, Some(id.uuid())),
        }
    }
}

/// A note.
#[derive(Debug, Clone)]
pub struct Note {
    /// The note's id.
    pub note_id: NoteId,
    /// The account that it is about.
    pub user_id: Option<UserId>,
    /// The game that it is about.
    pub game_id: Option<GameId>,
    /// Who wrote it.
    pub author: String,
    /// What it says.
    pub text: String,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

macro_rules! notes {
    ($tail:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            Note,
            r#"SELECT note_id AS "note_id: NoteId", user_id AS "user_id: UserId", game_id AS "game_id: GameId", author, text,
                      created_at FROM notes "# + $tail
            $(, $argument)*
        )
    };
}

/// Writes a note; false when the idempotency key wrote one before. The caller has seen to it that its subject is there.
pub async fn insert(
    conn: &mut PgConnection,
    id: NoteId,
    subject: Subject,
    author: &str,
    text: &str,
    idempotency: Option<&Idempotency>,
) -> Result<bool, Error> {
    let (owner, key, hash) = Idempotency::columns(idempotency);
    let (user_id, game_id) = subject.columns();
    let done = sqlx::query!(
        "INSERT INTO notes (note_id, user_id, game_id, author, text, idempotency_owner, idempotency_key, idempotency_hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT ON CONSTRAINT notes_idempotency_key DO NOTHING",
        id as NoteId,
        user_id,
        game_id,
        author,
        text,
        owner,
        key,
        hash
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The note that was written under this key.
pub async fn replayed(conn: &mut PgConnection, idempotency: &Idempotency) -> Result<Option<Replayed<NoteId>>, Error> {
    Ok(replayed!(conn, idempotency, r#"note_id AS "id: NoteId""#, "notes")?)
}

/// One note about this subject.
pub async fn get(conn: &mut PgConnection, subject: Subject, id: NoteId) -> Result<Option<Note>, Error> {
    let (user_id, game_id) = subject.columns();
    Ok(notes!(
        "WHERE note_id = $1 AND user_id IS NOT DISTINCT FROM $2 AND game_id IS NOT DISTINCT FROM $3",
        id as NoteId,
        user_id,
        game_id
    )
    .fetch_optional(conn)
    .await?)
}

/// The notes about this subject, newest first, from below `before`.
pub async fn list(
    conn: &mut PgConnection,
    subject: Subject,
    before: Option<NoteId>,
    limit: i64,
) -> Result<Vec<Note>, Error> {
    Ok(match subject {
        Subject::User(id) => {
            notes!(
                "WHERE user_id = $1 AND note_id < $2 ORDER BY note_id DESC LIMIT $3",
                id as UserId,
                below(before),
                limit
            )
            .fetch_all(conn)
            .await?
        }
        Subject::Game(id) => {
            notes!(
                "WHERE game_id = $1 AND note_id < $2 ORDER BY note_id DESC LIMIT $3",
                id as GameId,
                below(before),
                limit
            )
            .fetch_all(conn)
            .await?
        }
    })
}

//! What administrators write down for each other about an account or a game.

use serde_json::json;
use shared::db;
use shared::db::idempotency::Idempotency;
use shared::db::notes::{Note, Subject};
use shared::domain::text;
use shared::ids::NoteId;
use sqlx::PgConnection;

use super::caller::Caller;
use super::{accounts, games, idempotency};
use crate::app::App;
use crate::refusal::{ErrorCode, FieldError, Problem};

/// The longest note, in characters.
pub const MAX_LENGTH: usize = 2_000;

/// No such note.
pub fn not_found() -> Problem {
    Problem::new(ErrorCode::NoteNotFound, "No such note.")
}

/// Sees to it that there is such an account, deleted or not, or such a game.
///
/// # Errors
/// `account_not_found`, `game_not_found`.
pub async fn present_subject(conn: &mut PgConnection, subject: Subject) -> Result<(), Problem> {
    match subject {
        Subject::User(id) => accounts::present(conn, id).await.map(drop),
        Subject::Game(id) => db::games::get(conn, id).await?.ok_or_else(games::game_not_found).map(drop),
    }
}

/// The newest notes about a subject, from below `before`; at most `limit`.
///
/// # Errors
/// `account_not_found` or `game_not_found`, where there are none and no such subject.
pub async fn list(app: &App, subject: Subject, before: Option<NoteId>, limit: i64) -> Result<Vec<Note>, Problem> {
    let mut conn = app.db.acquire().await?;
    let rows = db::notes::list(&mut conn, subject, before, limit).await?;
    if rows.is_empty() {
        present_subject(&mut conn, subject).await?;
    }
    Ok(rows)
}

/// Writes a note.
///
/// # Errors
/// `account_not_found` for an account that is not there or deleted, `game_not_found`, `invalid_request` for its text,
/// `idempotency_key_reused`.
pub async fn write(
    app: &App,
    caller: &Caller<'_>,
    subject: Subject,
    words: &str,
    key: Option<&Idempotency>,
) -> Result<Note, Problem> {
    let words = checked(words)?;
    let id = NoteId::new();
    let mut tx = app.db.begin().await?;
    if let Some(key) = key
        && let Some(made) = idempotency::judge(key, db::notes::replayed(&mut tx, key).await?)?
    {
        return present(&mut tx, subject, made).await;
    }
    match subject {
        // Held: a deletion takes the notes about the account away, and none may come after it.
        Subject::User(id) => drop(db::accounts::hold(&mut tx, id).await?.ok_or_else(accounts::not_found)?),
        Subject::Game(_) => present_subject(&mut tx, subject).await?,
    }
    if !db::notes::insert(&mut tx, id, subject, &caller.name(), &words, key).await? {
        // The twin was first.
        let key = key.ok_or_else(|| Problem::internal(&"a note without a key was replayed"))?;
        let made = idempotency::judge(key, db::notes::replayed(&mut tx, key).await?)?.ok_or_else(gone)?;
        return present(&mut tx, subject, made).await;
    }
    let (noun, target) = match subject {
        Subject::User(id) => ("user", id.to_string()),
        Subject::Game(id) => ("game", id.to_string()),
    };
    // Not what it says: the trail is never changed, and a deletion takes the note away.
    caller.audit(&mut tx, &format!("{noun}.note.write"), noun, &target, json!({ "note_id": id })).await?;
    let note = present(&mut tx, subject, id).await?;
    tx.commit().await?;
    Ok(note)
}

/// A note that was written before, or just now.
async fn present(conn: &mut PgConnection, subject: Subject, id: NoteId) -> Result<Note, Problem> {
    db::notes::get(conn, subject, id).await?.ok_or_else(gone)
}

/// None is ever removed but with its account, whose deletion waits for who writes.
fn gone() -> Problem {
    Problem::internal(&"a note that was written is gone")
}

/// A note's text as it is kept.
fn checked(words: &str) -> Result<String, Problem> {
    let checked = text::lines("a note", words, MAX_LENGTH)
        .and_then(|words| if words.is_empty() { Err("a note is not empty".to_owned()) } else { Ok(words) });
    checked.map_err(|detail| {
        Problem::fields(vec![FieldError { pointer: "/text".to_owned(), code: "value".to_owned(), detail }])
    })
}

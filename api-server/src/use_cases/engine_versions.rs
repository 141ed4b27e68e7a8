//! Engine versions (SPEC §8).

use serde_json::json;
use shared::db;
pub use shared::db::engine_versions::NewEngineVersion;
use shared::db::engine_versions::{EngineVersion, EngineVersionChange};
use shared::db::idempotency::Idempotency;
use sqlx::PgConnection;

use super::caller::Caller;
use super::change::Change;
use super::idempotency;
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// No such version.
pub fn not_found() -> Problem {
    Problem::new(ErrorCode::EngineVersionNotFound, "No such engine version.")
}

async fn present(conn: &mut PgConnection, version: &str) -> Result<EngineVersion, Problem> {
    db::engine_versions::get(conn, version).await?.ok_or_else(not_found)
}

/// What this key registered before.
async fn replay(conn: &mut PgConnection, key: Option<&Idempotency>) -> Result<Option<EngineVersion>, Problem> {
    let Some(key) = key else { return Ok(None) };
    match idempotency::judge(key, db::engine_versions::replayed(conn, key).await?)? {
        Some(version) => Ok(Some(present(conn, &version).await?)),
        None => Ok(None),
    }
}

/// Registers a version, enabled.
///
/// # Errors
/// `invalid_request` naming fields, `engine_version_exists`, `idempotency_key_reused`.
pub async fn create(
    app: &App,
    caller: &Caller<'_>,
    new: NewEngineVersion<'_>,
    key: Option<&Idempotency>,
) -> Result<EngineVersion, Problem> {
    let (version, image) = (new.version, new.image);
    let mut tx = app.db.begin().await?;
    if let Some(made) = replay(&mut tx, key).await? {
        return Ok(made);
    }
    let made = match db::engine_versions::insert(&mut tx, new, key).await {
        Err(error) if error.constraint() == Some("engine_versions_pkey") => {
            tx.rollback().await?;
            // Perhaps it was a twin of this request that registered it.
            let made = replay(&mut *app.db.acquire().await?, key).await?;
            return made.ok_or_else(|| {
                Problem::new(ErrorCode::EngineVersionExists, "This engine version is registered already.")
            });
        }
        made => made.map_err(constraint)?,
    };
    if !made {
        return replay(&mut tx, key).await?.ok_or_else(|| Problem::internal(&"nothing was made, and nothing before"));
    }
    caller.audit(&mut tx, "engine_version.create", "engine_version", version, json!({ "image": image })).await?;
    let row = present(&mut tx, version).await?;
    tx.commit().await?;
    Ok(row)
}

/// Changes a version. Games that run are not touched, nor are games that were made with it.
///
/// # Errors
/// `engine_version_not_found`, `invalid_request` naming fields.
pub async fn change(
    app: &App,
    caller: &Caller<'_>,
    version: &str,
    change: EngineVersionChange<'_>,
    action: &str,
) -> Result<EngineVersion, Problem> {
    let mut tx = app.db.begin().await?;
    let before = db::engine_versions::get(&mut tx, version).await?.ok_or_else(not_found)?;
    let row =
        db::engine_versions::change(&mut tx, version, &change).await.map_err(constraint)?.ok_or_else(not_found)?;
    let told = Change::of(trail(&change), terms(&before), terms(&row));
    caller.audit(&mut tx, action, "engine_version", version, told).await?;
    tx.commit().await?;
    Ok(row)
}

/// What a version is, for the trail; none of the texts.
fn terms(row: &EngineVersion) -> serde_json::Value {
    json!({ "image": row.image, "enabled": row.enabled, "min_players": row.min_players, "max_players": row.max_players })
}

/// What is changed, for the trail; of texts only that they are.
fn trail(change: &EngineVersionChange<'_>) -> serde_json::Value {
    let parts = [
        ("image", change.image.map(Into::into)),
        ("enabled", change.enabled.map(Into::into)),
        ("title", change.title.map(|_| json!("changed"))),
        ("description", change.description.map(|_| json!("changed"))),
        ("min_players", change.min_players.map(Into::into)),
        ("max_players", change.max_players.map(Into::into)),
    ];
    parts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn constraint(error: db::Error) -> Problem {
    match error.constraint() {
        Some("engine_versions_players_check") => {
            Problem::field("/max_players", "range", "must be 1 to 1000 and not below min_players")
        }
        _ => error.into(),
    }
}

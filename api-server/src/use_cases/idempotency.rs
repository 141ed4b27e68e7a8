//! Judges a replay under an `Idempotency-Key` (SPEC §3).

use shared::db::idempotency::{Idempotency, Replayed};

use crate::refusal::{ErrorCode, Problem};

/// What the key made before, if anything.
///
/// # Errors
/// `idempotency_key_reused` when it was for something else.
pub fn judge<Id>(key: &Idempotency, found: Option<Replayed<Id>>) -> Result<Option<Id>, Problem> {
    match found {
        None => Ok(None),
        Some(row) if row.hash == key.hash => Ok(Some(row.id)),
        Some(_) => Err(Problem::new(
            ErrorCode::IdempotencyKeyReused,
            "This Idempotency-Key was used before, with another request.",
        )),
    }
}

//! What callers tell apart in database errors: constraints by name, never SQLSTATE numbers or message texts.

/// The name of the constraint (or unique index) that a statement ran into, if that is what the error is.
pub fn constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(|e| e.constraint())
}

/// Whether the database itself was out of reach, as opposed to having refused the statement: worth a 503 or a later try.
pub fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::Tls(_)
        | sqlx::Error::WorkerCrashed => true,
        // Class 57 (operator intervention), 53 (insufficient resources), 08 (connection exception).
        sqlx::Error::Database(e) => {
            e.code().is_some_and(|c| c.starts_with("57") || c.starts_with("53") || c.starts_with("08"))
        }
        _ => false,
    }
}

/// Whether a lock that was asked for without waiting is held by somebody else.
pub fn is_locked(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|e| e.code()).is_some_and(|code| code == "55P03")
}

/// A statement touched another number of rows than it must.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {touched} rows touched, {expected} expected")]
pub struct WrongRowCount {
    what: &'static str,
    touched: u64,
    expected: u64,
}

/// Every update says how many rows it must touch.
///
/// # Errors
/// [`sqlx::Error::Protocol`]-wrapped [`WrongRowCount`] when the numbers differ: the surrounding transaction must not commit.
pub fn ensure_affected_rows(
    what: &'static str,
    result: &sqlx::postgres::PgQueryResult,
    expected: u64,
) -> Result<(), sqlx::Error> {
    let touched = result.rows_affected();
    if touched == expected {
        return Ok(());
    }
    Err(sqlx::Error::Decode(Box::new(WrongRowCount { what, touched, expected })))
}

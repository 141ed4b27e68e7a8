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
        sqlx::Error::Database(e) => e.code().is_some_and(|code| is_unavailable_code(&code)),
        _ => false,
    }
}

/// Class 57 (operator intervention), 53 (insufficient resources), 08 (connection exception), 58 (the server's own machine: a
/// disk, say); `25006`: it became a standby under us, or read-only; `25P03`, `25P04`: it ended our session; `26000`, `42P05`: a
/// pooler gave us a server that has not heard of our statement, or has another under its name.
fn is_unavailable_code(code: &str) -> bool {
    ["57", "53", "08", "58"].iter().any(|class| code.starts_with(class))
        || ["25006", "25P03", "25P04", "26000", "42P05"].contains(&code)
}

/// Whether a row came that cannot be read: a later build wrote a word into it that this one does not know, say. What the statement does
/// besides, a lock for one, is done.
pub fn is_unreadable(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_database_is_the_matter_with_is_told_from_what_is_the_matter_with_a_statement() {
        for code in ["25006", "25P03", "57P01", "57P02", "57P03", "57014", "53300", "53100", "08006", "08P01", "58030"]
        {
            assert!(is_unavailable_code(code), "{code}");
        }
        // A statement after a failed one, a constraint, a deadlock (which has an answer of its own), no such table.
        for code in ["25P02", "23505", "40P01", "40001", "42P01", "22021"] {
            assert!(!is_unavailable_code(code), "{code}");
        }
    }
}

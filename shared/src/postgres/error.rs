//! What goes wrong with the database, told apart by what a caller does about it: never by an SQLSTATE or a message.

use sqlx::postgres::PgQueryResult;

use super::session::Unfit;

/// Why something asked of the database was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the driver met, or the server answered.
    #[error(transparent)]
    Driver(#[from] sqlx::Error),
    /// No connection was free, or could be made, within the operation timeout.
    #[error("no connection to the database was to be had in time")]
    NoneFree,
    /// No connection can be made: a changed password, a database that is not there, a network that is cut. The cause stands in its
    /// words, since most of our lines print nothing else; it is no source, or those that print the chain would say it twice.
    #[error("no connection to the database can be made: {0}")]
    Unreachable(Box<dyn std::error::Error + Send + Sync>),
    /// The process ends, and its pool is closed.
    #[error("the pool of connections is closed")]
    Closed,
    /// Postgres answers, and is nothing to be worked with.
    #[error("{0}")]
    Unfit(Unfit),
    /// A statement was not answered within the operation timeout; nobody knows whether it was done.
    #[error("the database did not answer in time")]
    Silent,
    /// The connection that this needs has been lost.
    #[error("the connection to the database was lost")]
    Lost,
    /// Names would not mean what they must: the schema is not there, or not the first that is looked in.
    #[error("{0}")]
    Schema(String),
    /// A statement touched another number of rows than it must. The transaction around it must not commit.
    #[error("{what}: {touched} rows touched, {expected} expected")]
    RowCount {
        /// What was to be touched.
        what: &'static str,
        /// How many rows were.
        touched: u64,
        /// How many rows had to be.
        expected: u64,
    },
    /// What the database holds, or what it is asked to hold, contradicts our own rules: a fault of the program.
    #[error("{0}")]
    Inconsistent(String),
}

impl Error {
    /// The name of the constraint (or unique index) that a statement ran into, if that is what the error is.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        self.answer().and_then(|answer| answer.constraint())
    }

    /// Whether the database itself was out of reach, as opposed to having refused the statement: worth a 503 or a later try.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::NoneFree | Self::Unreachable(_) | Self::Closed | Self::Unfit(_) | Self::Silent | Self::Lost => true,
            Self::Driver(
                sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::Tls(_)
                | sqlx::Error::WorkerCrashed,
            ) => true,
            Self::Driver(_) => self.code().is_some_and(|code| is_unavailable_code(&code)),
            Self::Schema(_) | Self::RowCount { .. } | Self::Inconsistent(_) => false,
        }
    }

    /// Whether the same may succeed a moment later: the database is away, or this lost against another transaction.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.is_unavailable() || self.is_undone()
    }

    /// Whether Postgres undid the whole transaction, as the one that gives way in a deadlock or to another change (class 40).
    #[must_use]
    pub fn is_undone(&self) -> bool {
        self.code().is_some_and(|code| code.starts_with("40"))
    }

    /// Whether a text has a character that no text of Postgres can hold: NUL.
    #[must_use]
    pub fn is_impossible_text(&self) -> bool {
        self.code().is_some_and(|code| code == "22021")
    }

    /// Whether a row came that cannot be read: a later build wrote a word into it that this one does not know, say. What the
    /// statement does besides, a lock for one, is done.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Self::Driver(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)))
    }

    /// Whether a lock that was asked for without waiting is held by somebody else.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.code().is_some_and(|code| code == "55P03")
    }

    /// Whether a table that was named is not there.
    #[must_use]
    pub(crate) fn is_no_table(&self) -> bool {
        self.code().is_some_and(|code| code == "42P01")
    }

    /// `26000`: the prepared statement does not exist; `42P05`: another session's stands under its name.
    #[must_use]
    pub(crate) fn is_unknown_statement(&self) -> bool {
        self.code().is_some_and(|code| code == "26000" || code == "42P05")
    }

    fn answer(&self) -> Option<&dyn sqlx::error::DatabaseError> {
        let Self::Driver(error) = self else { return None };
        error.as_database_error()
    }

    fn code(&self) -> Option<std::borrow::Cow<'_, str>> {
        self.answer().and_then(|answer| answer.code())
    }
}

/// Class 57 (operator intervention), 53 (insufficient resources), 08 (connection exception), 58 (the server's own machine: a
/// disk, say); `25006`: it became a standby under us, or read-only; `25P03`, `25P04`: it ended our session; `26000`, `42P05`: a
/// pooler gave us a server that has not heard of our statement, or has another under its name.
fn is_unavailable_code(code: &str) -> bool {
    ["57", "53", "08", "58"].iter().any(|class| code.starts_with(class))
        || ["25006", "25P03", "25P04", "26000", "42P05"].contains(&code)
}

/// Every update says how many rows it must touch.
///
/// # Errors
/// [`Error::RowCount`] when the numbers differ.
pub fn ensure_affected_rows(what: &'static str, result: &PgQueryResult, expected: u64) -> Result<(), Error> {
    let touched = result.rows_affected();
    if touched == expected { Ok(()) } else { Err(Error::RowCount { what, touched, expected }) }
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

    #[test]
    fn why_no_connection_can_be_made_is_said_once_however_it_is_printed() {
        let error = || Error::Unreachable("the password was changed".into());
        let said = "no connection to the database can be made: the password was changed";
        assert_eq!(error().to_string(), said);
        assert_eq!(format!("{:#}", anyhow::Error::from(error())), said);
    }

    #[test]
    fn a_wrong_number_of_rows_is_no_row_that_cannot_be_read() {
        let error = ensure_affected_rows("games", &PgQueryResult::default(), 1).unwrap_err();
        assert_eq!(error.to_string(), "games: 0 rows touched, 1 expected");
        assert!(!error.is_unreadable() && !error.is_unavailable() && !error.is_passing());
    }
}

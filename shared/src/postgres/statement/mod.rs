//! What statements are called in traces: the function that they stand in, and what they do to which table.
//!
//! sqlx tells `tracing` of every statement that it has run, by an event with the statement's text and without its
//! parameters. `shared::service::telemetry` makes spans of these events (`docs/tracing.md`, ADR 22). The text of a span's name
//! comes from here: from a table that `cargo xtask gen` reads off the sources, or from whoever put the text together.

#[rustfmt::skip]
mod generated;
mod summary;

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use parking_lot::RwLock;
use sha2::{Digest as _, Sha256};
use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};
use tracing::log::LevelFilter;

pub use self::summary::summary;

/// The target of sqlx's events.
pub const TARGET: &str = "sqlx::query";

/// Statements that belong to no function, by their first words. They are called after these.
pub const OF_TRANSACTIONS: [&str; 5] = ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"];

/// Whether anybody makes spans of statements.
static TRACED: AtomicBool = AtomicBool::new(false);

/// Texts that were put together at run time.
static MADE: LazyLock<RwLock<HashMap<u64, Named>>> = LazyLock::new(RwLock::default);

/// What a span of a statement says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The function that the statement stands in: `accounts.read`.
    pub name: &'static str,
    /// What it does, to which table: `SELECT accounts`.
    pub summary: String,
}

/// From now on the connections that are made tell of each statement. Called by telemetry, where spans go anywhere; without it a
/// statement costs what it costs without traces.
pub fn trace() {
    TRACED.store(true, Ordering::Relaxed);
}

/// Lets a connection tell of each statement, if [`trace`] was called.
pub(super) fn told(options: PgConnectOptions) -> PgConnectOptions {
    // INFO, although nobody wants these events in the log: the level up to which `tracing` asks its layers at all. DEBUG would
    // make every library's details a question.
    if is_traced() { options.log_statements(LevelFilter::Info) } else { options }
}

fn is_traced() -> bool {
    TRACED.load(Ordering::Relaxed)
}

/// Names a text that was put together at run time.
pub(crate) fn name(text: &str, name: &'static str) {
    if !is_traced() {
        return;
    }
    let key = key(text);
    if !MADE.read().contains_key(&key) {
        MADE.write().insert(key, Named { name, summary: summary(text) });
    }
}

/// What a statement is called. One that nobody named is called after what it does.
#[must_use]
pub fn named(text: &str) -> Named {
    let word = text.split_ascii_whitespace().next().unwrap_or_default();
    if let Some(name) = OF_TRANSACTIONS.into_iter().find(|known| *known == word) {
        return Named { name, summary: name.to_owned() };
    }
    let key = key(text);
    if let Ok(at) = generated::NAMES.binary_search_by_key(&key, |(key, ..)| *key)
        && let Some((_, name, summary)) = generated::NAMES.get(at)
    {
        return Named { name, summary: (*summary).to_owned() };
    }
    if let Some(named) = MADE.read().get(&key) {
        return named.clone();
    }
    Named { name: "sql", summary: summary(text) }
}

/// The first 64 bits of the SHA-256 of a text: sqlx's own name of it, in `.sqlx/query-….json`, begins with them.
#[must_use]
pub fn key(text: &str) -> u64 {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).fold(0, |key, byte| (key << 8) | u64::from(*byte))
}

/// Runs a `BEGIN` or a `SAVEPOINT`, the two statements that sqlx does not tell of.
///
/// # Errors
/// The statement's.
pub(crate) async fn begin<T>(
    what: &'static str,
    begin: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    if !is_traced() {
        return begin.await;
    }
    let began = Instant::now();
    let done = begin.await;
    tracing::info!(
        target: TARGET,
        summary = what,
        db.statement = "",
        rows_returned = 0_u64,
        elapsed_secs = began.elapsed().as_secs_f64()
    );
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_a_text_finds_its_function() {
        assert!(generated::NAMES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(generated::NAMES.len() > 300);
        let named =
            named("SELECT version AS applied, compatible_from FROM schema_versions ORDER BY version DESC LIMIT 1");
        assert_eq!(named, Named { name: "postgres.schema_state", summary: "SELECT schema_versions".to_owned() });
    }

    #[test]
    fn a_text_without_a_name_tells_nothing_but_what_it_does() {
        let secret = named("SELECT * FROM people WHERE address = 'a@b.example'");
        assert_eq!(secret, Named { name: "sql", summary: "SELECT people".to_owned() });
        for name in OF_TRANSACTIONS {
            assert_eq!(named(name), Named { name, summary: name.to_owned() });
        }
        assert_eq!(named("ROLLBACK TO SAVEPOINT _sqlx_savepoint_1").name, "ROLLBACK");
    }
}

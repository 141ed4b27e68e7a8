//! A connection on loan from the pool, and a transaction on one. Both go back within the operation timeout or not at all.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use sqlx::{PgConnection, Postgres, pool::PoolConnection, postgres::PgTransactionManager};
// Nothing but this trait: a transaction of sqlx's own gives its connection back in its own way, which waits for ever where the
// connection is dead.
use sqlx_core::transaction::TransactionManager as _;

use super::deadline::Held;

/// A connection on loan from the pool; it goes back when dropped.
pub struct Conn {
    pooled: PoolConnection<Postgres>,
    held: Arc<Held>,
    limit: Duration,
}

impl Conn {
    /// `limit`: how long it may take to go back.
    pub(super) fn new(pooled: PoolConnection<Postgres>, limit: Duration) -> Self {
        Self { pooled, held: Held::new(), limit }
    }

    /// It is closed instead of going back: it may be in the middle of something.
    pub fn close_on_drop(&mut self) {
        self.held.condemn();
    }
}

impl std::fmt::Debug for Conn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Conn")
    }
}

impl Deref for Conn {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.pooled
    }
}

impl DerefMut for Conn {
    /// Whoever wants it to be mutable is about to run a statement: the limit on its silence starts anew.
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.held.used();
        &mut self.pooled
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.held.given_up();
        // Rolls back what was left open, and asks for a sign of life.
        let going_back = self.pooled.return_to_pool();
        // Not sent at all, or given up in the middle, it is closed at once, and the pool has room for another.
        if !self.held.is_dead()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let limit = self.limit;
            runtime.spawn(async move { tokio::time::timeout(limit, going_back).await });
        }
    }
}

/// A transaction; rolled back unless committed. Functions that take a connection take it, too.
#[derive(Debug)]
pub struct Tx {
    conn: Conn,
    open: bool,
}

impl Tx {
    pub(super) async fn begin(conn: Conn) -> Result<Self, sqlx::Error> {
        // Open from the start: where the answer to BEGIN is not waited for, it may have begun.
        let mut tx = Self { conn, open: true };
        PgTransactionManager::begin(&mut tx.conn, None).await?;
        Ok(tx)
    }

    /// Commits.
    ///
    /// # Errors
    /// The server's. Where the connection was lost, nobody knows whether it is committed.
    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        PgTransactionManager::commit(&mut self.conn).await?;
        self.open = false;
        Ok(())
    }

    /// Rolls back, and waits for it.
    ///
    /// # Errors
    /// The server's.
    pub async fn rollback(mut self) -> Result<(), sqlx::Error> {
        PgTransactionManager::rollback(&mut self.conn).await?;
        self.open = false;
        Ok(())
    }
}

/// A transaction, ours or one of sqlx's own, which tests begin: for functions that do something until the end of one. A bare
/// connection is none: a setting for the transaction alone would be gone with its statement.
pub trait InTransaction: DerefMut<Target = PgConnection> + Send {}

impl InTransaction for Tx {}

impl InTransaction for sqlx::Transaction<'_, Postgres> {}

impl Deref for Tx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.conn
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.conn
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if self.open {
            PgTransactionManager::start_rollback(&mut self.conn);
        }
    }
}

//! A connection on loan from the pool, and a transaction on one. Both go back within the operation timeout or not at all.

use crate::postgres::Error;
use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use deadpool::managed::Object;
use futures::FutureExt as _;
use sqlx::{Connection as _, PgConnection, Postgres, Transaction, postgres::PgTransactionManager};
// Nothing but this trait: a transaction of sqlx's own gives its connection back in its own way, which waits for ever where the
// connection is dead.
use sqlx_core::transaction::TransactionManager as _;

use super::{
    deadline::Held,
    maker::Maker,
    rehearsal::{self, Written},
    statement,
};

/// A connection on loan from the pool; it goes back when dropped.
pub struct Conn {
    /// There until it is dropped.
    pooled: Option<Object<Maker>>,
    held: Arc<Held>,
    limit: Duration,
}

impl Conn {
    /// `limit`: how long it may take to go back.
    pub(super) fn new(pooled: Object<Maker>, limit: Duration) -> Self {
        Self { pooled: Some(pooled), held: Held::new(), limit }
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
        match &self.pooled {
            Some(pooled) => &pooled.conn,
            None => unreachable!("taken in drop alone"),
        }
    }
}

impl DerefMut for Conn {
    /// Whoever wants it to be mutable is about to run a statement: the limit on its silence starts anew. Nobody sees what is
    /// done with the bare connection: who runs many statements takes an [`InTransaction`], which says so at each of them.
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.held.used();
        match &mut self.pooled {
            Some(pooled) => &mut pooled.conn,
            None => unreachable!("taken in drop alone"),
        }
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.held.given_up();
        let Some(mut pooled) = self.pooled.take() else { return };
        if self.held.is_dead() {
            return close(pooled);
        }
        // Ready at once where nothing is on its way: no roll-back of what was left open, no answer that nobody waited for. Most
        // connections are, and are somebody else's in the same moment.
        match pooled.conn.flush().now_or_never() {
            Some(Ok(())) => pooled.returned(),
            Some(Err(_)) => close(pooled),
            None => {
                let limit = self.limit;
                // Without a runtime there is nobody to wait for the answers.
                let Ok(runtime) = tokio::runtime::Handle::try_current() else { return close(pooled) };
                runtime.spawn(async move {
                    // An error that arrives here is the answer to a statement that was given up: the next one must not get it.
                    match tokio::time::timeout(limit, pooled.conn.ping()).await {
                        Ok(Ok(())) => pooled.returned(),
                        Ok(Err(_)) | Err(_) => close(pooled),
                    }
                });
            }
        }
    }
}

/// Closes a connection at once; the pool has room for another.
fn close(pooled: Object<Maker>) {
    drop(Object::take(pooled));
}

/// A savepoint of the caller's transaction: what is done in it is undone with it, and nothing else is. Undone unless committed.
#[derive(Debug)]
pub struct Savepoint<'a> {
    inner: Transaction<'a, Postgres>,
    /// The transaction's connection: what is used here is used there.
    held: Arc<Held>,
}

/// Begins a savepoint.
///
/// # Errors
/// The server's.
pub async fn savepoint(tx: &mut Tx) -> Result<Savepoint<'_>, Error> {
    let held = Arc::clone(&tx.conn.held);
    Ok(Savepoint { inner: statement::begin("SAVEPOINT", tx.conn.begin()).await?, held })
}

impl Savepoint<'_> {
    /// Makes what was done in it a part of the transaction.
    ///
    /// # Errors
    /// The server's.
    pub async fn commit(self) -> Result<(), Error> {
        self.held.used();
        Ok(self.inner.commit().await?)
    }

    /// Undoes what was done in it, and waits for that.
    ///
    /// # Errors
    /// The server's.
    pub async fn rollback(self) -> Result<(), Error> {
        self.held.used();
        Ok(self.inner.rollback().await?)
    }
}

impl Deref for Savepoint<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for Savepoint<'_> {
    /// As that of [`Conn`]: the limit on its silence starts anew.
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.held.used();
        &mut self.inner
    }
}

/// A transaction; rolled back unless committed. Functions that take a connection take it, too.
#[derive(Debug)]
pub struct Tx {
    conn: Conn,
    open: bool,
    /// What was counted before it, where it is only tried.
    tried: Option<Written>,
}

impl Tx {
    pub(super) async fn begin(conn: Conn) -> Result<Self, Error> {
        // Open from the start: where the answer to BEGIN is not waited for, it may have begun.
        let mut tx = Self { conn, open: true, tried: None };
        statement::begin("BEGIN", PgTransactionManager::begin(&mut tx.conn, None)).await?;
        if rehearsal::is_rehearsed() {
            tx.tried = Some(rehearsal::count(&mut tx.conn).await?);
        }
        Ok(tx)
    }

    /// Commits; within [`rehearse`](super::rehearse) it rolls back, and what it wrote is counted.
    ///
    /// # Errors
    /// The server's. Where the connection was lost, nobody knows whether it is committed.
    pub async fn commit(mut self) -> Result<(), Error> {
        if let Some(before) = self.tried.take() {
            rehearsal::add(&before, rehearsal::count(&mut self.conn).await?);
            return self.rollback().await;
        }
        PgTransactionManager::commit(&mut self.conn).await?;
        self.open = false;
        Ok(())
    }

    /// Rolls back, and waits for it.
    ///
    /// # Errors
    /// The server's.
    pub async fn rollback(mut self) -> Result<(), Error> {
        PgTransactionManager::rollback(&mut self.conn).await?;
        self.open = false;
        Ok(())
    }
}

/// A transaction, ours or one of sqlx's own, which tests begin: for functions that do something until the end of one. A bare
/// connection is none: a setting for the transaction alone would be gone with its statement. It is also for functions that run
/// many statements: each time that it is used, the limit on silence starts anew.
pub trait InTransaction: DerefMut<Target = PgConnection> + Send {}

impl InTransaction for Tx {}

impl InTransaction for Savepoint<'_> {}

impl InTransaction for sqlx::Transaction<'_, sqlx::Postgres> {}

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

//! What a call of [`Queue::work`](super::Queue::work) knows about the ground it stands on.

use std::sync::Arc;

use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;

use super::{Claim, seat::Seat, sql::Statements, worker::Lease};
use crate::postgres::{Db, Error};

/// Handed to each call of [`Queue::work`](super::Queue::work).
#[derive(Clone)]
pub struct WorkContext {
    pub(super) lease: Arc<Lease>,
    pub(super) sql: Arc<Statements>,
    pub(super) cancelled: CancellationToken,
    pub(super) stopping: CancellationToken,
    pub(super) db: Db,
    pub(super) seat: Arc<Seat>,
}

/// The row is not ours any more, or that could not be found out: have no further effect.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// This process could not renew its lease; others may be working the row.
    #[error("the worker's lease is lost")]
    Lease,
    /// Another worker has the row, or it is gone.
    #[error("the row was taken by another worker")]
    Row,
    /// The database did not answer.
    #[error("could not verify that the row is still ours")]
    Database(#[from] Error),
}

impl WorkContext {
    /// Whether this process may still have effects: to be asked before each of them. Costs nothing.
    #[must_use]
    pub fn lease_valid(&self) -> bool {
        self.lease.is_valid()
    }

    /// Fires when the call is about to be dropped: the lease is lost, or the process must stop now.
    #[must_use]
    pub fn cancelled(&self) -> &CancellationToken {
        &self.cancelled
    }

    /// Fires when the process wants to stop: long work may break off at a good place with
    /// [`Outcome::Release`](super::Outcome::Release) or [`Outcome::Again`](super::Outcome::Again).
    #[must_use]
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Gives the call's slot to others and goes on without one, for as long as it takes: for work that has come to wait for
    /// somebody outside. `place` is kept in exchange until the finish is written. Whoever gives out places bounds with them how many
    /// such calls there are: the queue's slots do not count them any more. All else stays as it is: lease, time limit, stops, fencing.
    ///
    /// A row that is worked [alone](Claim::alone) stops being so, which is noted as if it had died once: one that kills its
    /// worker late, again and again, is not let go a third time, and is quarantined in the end. Then it keeps its slots, and so it does
    /// where that cannot be noted. Answers whether the slot was given up.
    pub async fn leave_slot(&self, claim: &Claim, place: impl Send + 'static) -> bool {
        if claim.alone {
            let acquitted = async {
                let mut conn = self.db.acquire().await?;
                self.sql.acquit(&mut conn, claim.id, claim.token).await
            };
            match acquitted.await {
                Ok(true) => {}
                Ok(false) => return false,
                Err(error) => {
                    tracing::warn!(%error, row_id = %claim.id, "a suspect could not be let go: it stays alone");
                    return false;
                }
            }
        }
        self.seat.leave(Box::new(place));
        true
    }

    /// Locks the row and proves that it is still ours: the first statement of every transaction in mid-work (the step
    /// reached, "DATA begins"). While that transaction is open nobody can rescue the row.
    ///
    /// # Errors
    /// [`Lost`]: roll back and have no further effect.
    pub async fn hold(&self, conn: &mut PgConnection, claim: &Claim) -> Result<(), Lost> {
        if !self.lease_valid() {
            return Err(Lost::Lease);
        }
        match self.sql.hold(conn, claim.id, claim.token).await? {
            true => Ok(()),
            false => Err(Lost::Row),
        }
    }
}

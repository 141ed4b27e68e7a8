//! The watch on Postgres and on the fit between its schema and this binary (SPEC §5 probes, §16 lifecycle).

use std::time::Duration;

use tokio::{sync::watch, time::timeout};

use super::{Health, PartHandle, PartKind};
use crate::postgres::Error;
use crate::{
    postgres::{
        Db, pool,
        session::{self, Unfit},
    },
    service::lifecycle::Lifecycle,
};

/// How often it looks while all is well, and while something is not.
const CALM: Duration = Duration::from_secs(5);
const ALERT: Duration = Duration::from_secs(1);

/// Budget of one look: shorter than the pool's own patience, so that probes tell the truth soon.
const PATIENCE: Duration = Duration::from_secs(3);

/// Open while the schema fits this binary. A worker must not claim while it is closed.
///
/// It keeps its last verdict while Postgres is away: then nothing can be claimed anyway. It is closed while Postgres answers
/// and cannot be worked with.
#[derive(Clone, Debug)]
pub struct SchemaGate(watch::Receiver<bool>);

impl SchemaGate {
    /// A gate that is always open, for tests of what stands behind it.
    #[must_use]
    pub fn always_open() -> Self {
        let (_, gate) = watch::channel(true);
        Self(gate)
    }

    /// A gate that follows a channel, for a worker that has further reasons not to claim.
    #[must_use]
    pub fn following(open: watch::Receiver<bool>) -> Self {
        Self(open)
    }

    /// Whether the schema fits, as of the last look.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self.0.borrow()
    }

    /// The same as a channel.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.0.clone()
    }

    /// Waits until the schema fits.
    pub async fn opened(&mut self) {
        if self.0.wait_for(|open| *open).await.is_err() {
            // Nobody looks any more, since the process is ending: the gate will not open.
            std::future::pending::<()>().await;
        }
    }
}

/// Watches Postgres and its schema, as the parts `postgres` and `schema` of the process's health, and opens the gate
/// while `compatible_from ≤ schema_version ≤ applied`. A process on an unfit schema stays up, not ready, and looks again.
#[must_use]
pub fn watch_schema(db: &Db, health: &Health, schema_version: i64, lifecycle: &Lifecycle) -> SchemaGate {
    let (open, gate) = watch::channel(false);
    let watch = Watch {
        db: db.clone(),
        schema_version,
        pooler_asked: false,
        postgres: health.part("postgres", PartKind::Required),
        schema: health.part("schema", PartKind::Required),
        open,
    };
    let soft = lifecycle.soft();
    lifecycle.spawn("schema watch", async move {
        let mut watch = watch;
        let mut unfit = watch.db.watch_unfit();
        let look_again_and_again = async {
            loop {
                let pause = if watch.look().await { CALM } else { ALERT };
                unfit.borrow_and_update();
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    // A new connection has found out what the look did not know.
                    _ = unfit.changed() => {}
                }
            }
        };
        soft.run_until_cancelled(look_again_and_again).await;
        Ok(())
    });
    SchemaGate(gate)
}

struct Watch {
    db: Db,
    schema_version: i64,
    /// Whether it is known that no pooler loses prepared statements.
    pooler_asked: bool,
    postgres: PartHandle,
    schema: PartHandle,
    open: watch::Sender<bool>,
}

impl Watch {
    /// Looks once; whether all is well.
    async fn look(&mut self) -> bool {
        if !self.is_fit().await {
            return false;
        }
        let state = match timeout(PATIENCE, self.state()).await {
            Ok(Ok(state)) => state,
            Ok(Err(error)) => return self.away(error).await,
            Err(_) => return self.away(Error::NoneFree).await,
        };
        self.postgres.set_ok();
        let mine = self.schema_version;
        let fault = match state {
            None => Some("no migration was ever applied: run `migrate`".to_owned()),
            Some(state) if state.fits(mine) => None,
            Some(state) if state.applied < mine => {
                Some(format!("schema {} is older than this binary's {mine}: run `migrate`", state.applied))
            }
            Some(state) => Some(format!(
                "schema {} no longer fits this binary's {mine} (only {} and later): deploy a newer binary",
                state.applied, state.compatible_from
            )),
        };
        let fits = fault.is_none();
        match fault {
            None => self.schema.set_ok(),
            Some(reason) => self.schema.set_failed(reason),
        }
        self.open.send_if_modified(|open| std::mem::replace(open, fits) != fits);
        fits
    }

    /// Whether Postgres can be worked with, where that is in doubt: as long as it was not, nobody else asks.
    async fn is_fit(&mut self) -> bool {
        let unfit = match self.db.unfit() {
            Some(Unfit::Pooler(_)) => timeout(PATIENCE, self.db.probe_pooler()).await,
            Some(Unfit::ReadOnly) => timeout(PATIENCE, self.db.diagnose()).await,
            None if !self.pooler_asked => timeout(PATIENCE, self.db.probe_pooler()).await,
            None => return true,
        };
        // Where it is away, or too busy for a question, nothing new is known.
        if let Ok(Ok(unfit)) = unfit {
            self.pooler_asked = !matches!(unfit, Some(Unfit::Pooler(_)));
            self.db.set_unfit(unfit);
        }
        match self.db.unfit() {
            Some(unfit) => {
                self.postgres.set_failed(self.unfit(unfit));
                false
            }
            None => true,
        }
    }

    /// Nothing is claimed, and nobody is given a connection, until Postgres can be worked with. Answers what to say.
    fn unfit(&self, unfit: Unfit) -> String {
        let reason = unfit.to_string();
        self.open.send_if_modified(|open| std::mem::replace(open, false));
        self.db.set_unfit(Some(unfit));
        reason
    }

    async fn state(&self) -> Result<Option<pool::SchemaState>, Error> {
        let mut conn = self.db.acquire().await?;
        // A server may become read-only under its connections.
        if let Some(unfit) = session::check(&mut conn).await? {
            let error = Error::Unfit(unfit.clone());
            self.unfit(unfit);
            return Err(error);
        }
        pool::schema_state(&mut conn).await
    }

    /// No connection was to be had from the pool, or it broke: finds out why. A pool that is merely busy is no fault of
    /// Postgres.
    async fn away(&self, error: Error) -> bool {
        if let Some(unfit) = self.db.unfit() {
            self.postgres.set_failed(self.unfit(unfit));
            return false;
        }
        let reason = match error {
            Error::NoneFree => match timeout(PATIENCE, self.db.diagnose()).await {
                Ok(Ok(None)) => {
                    self.postgres.set_ok();
                    return self.schema.is_ok();
                }
                Ok(Ok(Some(unfit))) => self.unfit(unfit),
                Ok(Err(error)) => said(&error),
                Err(_) => "no answer in time".to_owned(),
            },
            error => said(&error),
        };
        self.postgres.set_failed(reason);
        false
    }
}

/// An error as an operator wants to read it.
fn said(error: &Error) -> String {
    match error {
        Error::Unreachable(reason) => reason.to_string(),
        Error::Driver(sqlx::Error::Io(reason)) => reason.to_string(),
        Error::Driver(sqlx::Error::Configuration(reason)) => reason.to_string(),
        error => error.to_string(),
    }
}

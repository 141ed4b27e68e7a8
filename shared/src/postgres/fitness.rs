//! What is known of whether Postgres can be worked with: the pool asks, and whoever makes connections finds out.

use std::{sync::Arc, time::Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::session::Unfit;

/// Whether the Postgres at the other end can be worked with.
pub(super) struct Fitness {
    unfit: watch::Sender<Option<Unfit>>,
    /// Connections made before then may lead to the server that was unfit.
    trusted_from: Mutex<Instant>,
}

impl Fitness {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { unfit: watch::Sender::new(None), trusted_from: Mutex::new(Instant::now()) })
    }

    /// What is the matter, as far as is known.
    pub(super) fn unfit(&self) -> Option<Unfit> {
        self.unfit.borrow().clone()
    }

    /// The same as a channel.
    pub(super) fn watch(&self) -> watch::Receiver<Option<Unfit>> {
        self.unfit.subscribe()
    }

    /// Connections made before then may lead to a server that was unfit.
    pub(super) fn trusted_from(&self) -> Instant {
        *self.trusted_from.lock()
    }

    pub(super) fn set(&self, now: Option<Unfit>) {
        let changed = self.unfit.send_if_modified(|unfit| {
            let differs = *unfit != now;
            if differs {
                unfit.clone_from(&now);
            }
            differs
        });
        if !changed {
            return;
        }
        *self.trusted_from.lock() = Instant::now();
        match now {
            Some(unfit) => {
                tracing::error!(reason = %unfit, "Postgres cannot be worked with; nothing is asked of it until it can")
            }
            None => tracing::info!("Postgres can be worked with again"),
        }
    }
}

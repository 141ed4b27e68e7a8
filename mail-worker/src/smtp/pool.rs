//! The connections to the relay: at most as many as mails under way, kept for a while when idle.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::session::Session;
use super::transport::Connector;
use crate::config::{Login, SmtpConfig};

/// Idle connections are closed after this: below what relays grant, above the pause between two mails of a busy minute.
const IDLE: Duration = Duration::from_secs(30);
/// A connection that was used this recently is taken to be alive.
const TRUSTED: Duration = Duration::from_secs(1);
/// Mails after which a connection is replaced, as relays limit them.
const USES: u32 = 100;

/// Hands out connections. The number of callers, which [`Lines`](crate::lines::Lines) bounds, bounds the number of connections.
pub struct Pool {
    connector: Connector,
    login: Option<Login>,
    step: Duration,
    keep: usize,
    idle: Mutex<Vec<(Instant, Session)>>,
    returned: Notify,
}

/// A connection on loan: give it back with [`Pool::give_back`], or drop it when it is broken.
pub struct Pooled {
    /// The connection.
    pub session: Session,
    /// It was used before: it may have died unnoticed, and a failure before `DATA` deserves a new one at once.
    pub reused: bool,
}

impl Pool {
    /// A pool that keeps at most `keep` idle connections.
    ///
    /// # Errors
    /// See [`Connector::new`].
    pub fn new(config: &SmtpConfig, keep: usize) -> anyhow::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            connector: Connector::new(config)?,
            login: config.login.clone(),
            step: config.timeout,
            keep,
            idle: Mutex::default(),
            returned: Notify::new(),
        }))
    }

    /// The connection used last, if it still answers, else a new one.
    ///
    /// # Errors
    /// [`Failure::Relay`].
    pub async fn get(&self) -> Result<Pooled, Failure> {
        while let Some((since, mut session)) = self.take() {
            if since.elapsed() < TRUSTED || session.check().await {
                return Ok(Pooled { session, reused: true });
            }
        }
        self.connect().await
    }

    /// A new connection.
    ///
    /// # Errors
    /// [`Failure::Relay`].
    pub async fn connect(&self) -> Result<Pooled, Failure> {
        let session = Session::open(&self.connector, self.login.as_ref(), self.step).await?;
        Ok(Pooled { session, reused: false })
    }

    /// Takes a connection back; `mid_dialogue` when it stands between `MAIL` and `DATA`. What becomes of it is nothing to the
    /// mail that it carried.
    pub async fn give_back(&self, mut session: Session, mid_dialogue: bool) {
        if session.is_spent() {
            return;
        }
        if session.used >= USES {
            session.quit().await;
        } else if !mid_dialogue || session.reset().await {
            let mut idle = self.idle.lock();
            if idle.len() < self.keep {
                idle.push((Instant::now(), session));
                drop(idle);
                self.returned.notify_one();
            }
        }
    }

    /// Closes connections that lie idle, and all of them at the end. Sleeps while there are none.
    pub async fn tend(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let oldest = self.idle.lock().iter().map(|(since, _)| *since).min();
            let due = async {
                match oldest {
                    Some(since) => tokio::time::sleep_until(since + IDLE).await,
                    None => self.returned.notified().await,
                }
            };
            tokio::select! { () = due => {}, () = stop.cancelled() => break }
            self.close_idle(IDLE).await;
        }
    }

    /// Closes connections that have been idle for `age`.
    pub async fn close_idle(&self, age: Duration) {
        let leaving: Vec<_> = {
            let mut idle = self.idle.lock();
            let (old, young) = std::mem::take(&mut *idle).into_iter().partition(|(since, _)| since.elapsed() >= age);
            *idle = young;
            old
        };
        futures::future::join_all(leaving.into_iter().map(|(_, session)| session.quit())).await;
    }

    fn take(&self) -> Option<(Instant, Session)> {
        self.idle.lock().pop()
    }
}

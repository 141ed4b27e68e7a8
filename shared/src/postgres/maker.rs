//! How the pool's connections are made, looked at before they are used again, and let go.

use std::{
    io::ErrorKind,
    sync::Arc,
    time::{Duration, Instant},
};

use deadpool::managed::{self, Manager, Metrics, RecycleError, RecycleResult, WeakPool};
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::{fitness::Fitness, session, statement};
use crate::config::PostgresConfig;
use crate::postgres::Error;

/// The pool of the library.
pub(super) type Pool = managed::Pool<Maker>;

/// How long a connection may lie idle before it is asked whether it still lives when it is taken out of the pool.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// A connection that is asked whether it lives has so much of the operation timeout to say so: what is left is for a new one.
const SIGN_OF_LIFE: u32 = 4;

/// A server that is starting, or has no room, is asked again after a time that grows from here, up to a fifth of the limit.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// A connection beyond the least number is let go when it has been idle for so long.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// How often connections are let go, and made where there are fewer than there should be.
const UPKEEP: Duration = Duration::from_secs(10);

/// A connection of the pool.
pub(super) struct Session {
    pub(super) conn: PgConnection,
    made_at: Instant,
    returned_at: Instant,
}

impl Session {
    fn new(conn: PgConnection) -> Self {
        let now = Instant::now();
        Self { conn, made_at: now, returned_at: now }
    }

    /// Notes that it goes back.
    pub(super) fn returned(&mut self) {
        self.returned_at = Instant::now();
    }

    /// Says good-bye to the server.
    pub(super) async fn close(self) {
        let _ = self.conn.close().await;
    }
}

/// Makes connections.
pub(super) struct Maker {
    options: PgConnectOptions,
    limit: Duration,
    max_lifetime: Option<Duration>,
    checked: bool,
    fitness: Arc<Fitness>,
}

impl Maker {
    /// With a process's settings: see [`super::Db::connect`].
    pub(super) fn new(config: &PostgresConfig, app_name: &str, fitness: Arc<Fitness>) -> Self {
        Self {
            options: statement::told(config.options(app_name)),
            limit: config.operation_timeout,
            max_lifetime: Some(config.conn_max_lifetime),
            checked: true,
            fitness,
        }
    }

    /// Connections that nothing is asked of.
    pub(super) fn unchecked(options: PgConnectOptions, limit: Duration, fitness: Arc<Fitness>) -> Self {
        Self { options: statement::told(options), limit, max_lifetime: None, checked: false, fitness }
    }

    pub(super) fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether it may be used again, as far as its age says.
    fn is_young(&self, session: &Session) -> bool {
        self.max_lifetime.is_none_or(|lifetime| session.made_at.elapsed() < lifetime)
            && session.made_at >= self.fitness.trusted_from()
    }

    async fn connect(&self) -> Result<PgConnection, Error> {
        let mut pause = FIRST_PAUSE;
        loop {
            match PgConnection::connect_with(&self.options).await {
                Err(error) if comes_by_itself(&error) => sleep(pause).await,
                done => return Ok(done?),
            }
            pause = (pause * 2).min(self.limit / 5);
        }
    }
}

/// Whether the server is expected to take connections soon: it starts, or others have all its places. The caller's patience ends
/// the wait.
fn comes_by_itself(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == ErrorKind::ConnectionRefused,
        // cannot_connect_now, too_many_connections
        sqlx::Error::Database(error) => matches!(error.code().as_deref(), Some("57P03" | "53300")),
        _ => false,
    }
}

impl Manager for Maker {
    type Type = Session;
    type Error = Error;

    async fn create(&self) -> Result<Session, Error> {
        // On the heap: it is large, and would be a part of every future that asks for a connection.
        let mut conn = Box::pin(self.connect()).await?;
        if self.checked
            && let Some(unfit) = Box::pin(session::check(&mut conn)).await?
        {
            let refused = Error::Unfit(unfit.clone());
            // Whoever waits for a connection hears of it now, instead of when their patience ends.
            self.fitness.set(Some(unfit));
            return Err(refused);
        }
        Ok(Session::new(conn))
    }

    /// A round trip before each use is dear; one that was used a moment ago is taken to be alive.
    async fn recycle(&self, session: &mut Session, _: &Metrics) -> RecycleResult<Error> {
        if !self.is_young(session) {
            return Err(RecycleError::message("too old"));
        }
        if self.checked && session.returned_at.elapsed() > TRUSTED_IDLE {
            match timeout(self.limit / SIGN_OF_LIFE, Box::pin(session.conn.ping())).await {
                Ok(answered) => answered.map_err(Error::from)?,
                Err(_elapsed) => return Err(RecycleError::message("silent")),
            }
        }
        Ok(())
    }
}

/// Lets idle connections go that are old or not needed, and keeps as many as there should be, as long as there is the pool.
pub(super) async fn keep(pool: WeakPool<Maker>, least: usize) {
    let mut rounds = interval(UPKEEP);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let Some(pool) = pool.upgrade() else { return };
        let maker = pool.manager();
        let mut left = pool.status().size;
        let removed = pool.retain(|session, _| {
            let wanted = maker.is_young(session) && (left <= least || session.returned_at.elapsed() < IDLE_TIMEOUT);
            left -= usize::from(!wanted);
            wanted
        });
        for session in removed.removed {
            let _ = timeout(maker.limit(), session.close()).await;
        }
        let missing = least.saturating_sub(pool.status().size);
        // All at once, or one that was just made would be taken for the next.
        let made = futures::future::join_all((0..missing).map(|_| timeout(maker.limit(), pool.get()))).await;
        drop(made);
        if pool.is_closed() {
            return;
        }
    }
}

//! One follower a replica: ticks, reads what the ticks took in, and fills the ring.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use shared::db::push_log;
use shared::db::push_log::{Cursor, Tick};
use shared::postgres::session;
use shared::queue::wake::{NotifyHealth, Topic};
use sqlx::{Connection as _, PgConnection};
use tokio::time::{Instant, sleep, timeout};

use super::Hub;
use super::frame;
use super::metrics::{Path, Step};

/// Least time from one tick to the next while there is traffic: each is a commit.
const SPACING: Duration = Duration::from_millis(4);
const PAGE_ROWS: i32 = 500;
const PAGE_BYTES: i64 = 1 << 20;

struct Follower {
    hub: Arc<Hub>,
    conn: Option<PgConnection>,
    /// Where the ring ends.
    position: Option<Cursor>,
    /// The highest head ever seen: if the database's is lower, it was restored behind our back.
    remembered: Option<Cursor>,
}

/// Runs until nobody is served any more.
pub(super) async fn run(hub: Arc<Hub>) -> anyhow::Result<()> {
    let ended = hub.served.clone();
    let abandoned = hub.lifecycle.hard();
    let (unserved, bound) = (hub.lifecycle.soft(), hub.log.head());
    let follower = Follower { hub, conn: None, position: None, remembered: None };
    tokio::select! {
        () = follower.follow() => {}
        () = ended.cancelled() => {}
        () = abandoned.cancelled() => {}
        // Never bound: there is no server to wait for.
        () = async { unserved.cancelled().await; if bound.borrow().bound { std::future::pending::<()>().await } } => {}
    }
    Ok(())
}

impl Follower {
    async fn follow(mut self) {
        let signal = self.hub.listener.subscribe(Topic::PushLog);
        self.hub.gate.clone().opened().await;
        let mut pause = SPACING;
        let mut path = Path::Looked;
        loop {
            let started = Instant::now();
            let longest = match self.step().await {
                Ok(news) => {
                    self.hub.log.looked(started);
                    if self.hub.log.head().borrow().bound {
                        self.hub.part.set_ok();
                    }
                    pause = if news { SPACING } else { pause * 2 };
                    if news {
                        self.hub.metrics.news(path);
                    }
                    match self.hub.listener.state() {
                        NotifyHealth::Healthy => self.hub.config.idle_poll,
                        NotifyHealth::Degraded | NotifyHealth::Off => self.hub.config.anxious_poll,
                    }
                }
                Err(error) => {
                    self.conn = None;
                    tracing::debug!(error = format!("{error:#}"), "the push log cannot be read");
                    self.hub.part.set_failed("the push log cannot be read");
                    pause = (pause * 2).max(Duration::from_millis(50));
                    self.hub.config.anxious_poll
                }
            };
            pause = pause.min(longest);
            tokio::select! {
                () = signal.notified() => {
                    // At once after a rest; under traffic, whatever came within the spacing shares one tick.
                    tokio::time::sleep_until(started + SPACING).await;
                    pause = SPACING;
                    path = Path::Notified;
                }
                () = sleep(pause) => path = Path::Looked,
            }
        }
    }

    /// Ticks once and reads up to the head; whether there was anything new.
    async fn step(&mut self) -> anyhow::Result<bool> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.in_time(connect(&self.hub)).await?,
        };
        let head = loop {
            match self.in_time(push_log::tick(&mut conn, self.remembered)).await? {
                Tick::Head { lost: true, .. } => {} // another replica took them: its tick is committed by now
                Tick::Head { head, .. } => break head,
                Tick::Unsound => self.in_time(self.open_epoch(&mut conn)).await?,
            }
        };
        let news = self.position != Some(head);
        self.remembered = self.remembered.max(Some(head));
        let mut at = match self.position {
            Some(at) if at.epoch == head.epoch => at,
            // At start, and where another replica opened an epoch: from now on; older positions read the table.
            _ => self.restart(head),
        };
        while at < head {
            at = self.read_on(&mut conn, at, head).await?;
        }
        self.conn = Some(conn);
        Ok(news)
    }

    /// A statement that takes longer has lost its connection, whatever the socket says.
    async fn in_time<T, E: Into<anyhow::Error>>(&self, asked: impl Future<Output = Result<T, E>>) -> anyhow::Result<T> {
        let answer = timeout(self.hub.db.operation_timeout(), asked).await.context("the database does not answer")?;
        answer.map_err(Into::into)
    }

    async fn open_epoch(&self, conn: &mut PgConnection) -> anyhow::Result<()> {
        let mut tx = conn.begin().await?;
        let opened = push_log::open_epoch(&mut tx, self.remembered).await?;
        tx.commit().await?;
        tracing::warn!(epoch = opened.epoch, "the push log is in a new epoch");
        Ok(())
    }

    fn restart(&mut self, at: Cursor) -> Cursor {
        self.hub.log.restart(at);
        self.position = Some(at);
        at
    }

    async fn read_on(&mut self, conn: &mut PgConnection, at: Cursor, head: Cursor) -> anyhow::Result<Cursor> {
        let page = self.in_time(push_log::events_after(conn, at, PAGE_ROWS, PAGE_BYTES)).await?;
        if !page.iter().zip(at.seq + 1..).all(|(stored, seq)| stored.seq == seq) || page.is_empty() {
            let bounds = self.in_time(push_log::bounds(conn, self.hub.config.freshness_window)).await?;
            return match bounds {
                Some(b) if b.head.epoch == at.epoch && at.seq + 1 >= b.oldest_readable => {
                    bail!("the log has a hole after {at}: its head is {head}")
                }
                // We were away for longer than events are kept; streams find out for themselves.
                Some(b) => Ok(self.restart(b.head)),
                None => bail!("the log is gone"),
            };
        }
        for stored in &page {
            self.hub.metrics.lag(stored.age_seconds);
            self.hub.metrics.step(Step::Tick, stored.unnumbered_seconds);
            self.hub.metrics.step(Step::Ring, stored.age_seconds - stored.unnumbered_seconds);
        }
        let at = at.at(page.last().map_or(at.seq, |stored| stored.seq));
        self.hub.log.push(page.into_iter().map(frame::entry).collect());
        self.position = Some(at);
        Ok(at)
    }
}

/// A connection of its own: a pool that is busy with requests must not hold up everybody's events.
async fn connect(hub: &Hub) -> anyhow::Result<PgConnection> {
    let options = hub.db.options();
    let mut conn = PgConnection::connect_with(&options.clone().application_name("galaxy push")).await?;
    match session::check(&mut conn).await? {
        None => Ok(conn),
        Some(unfit) => bail!("{unfit}"),
    }
}

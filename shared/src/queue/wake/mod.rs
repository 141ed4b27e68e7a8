//! Wake-ups: hints that there is work, sent outside transactions, coalesced, and measured (SPEC §10.6).
//!
//! They carry no data and may be lost: every consumer scans its table anyway. What the listener adds is knowing whether
//! they arrive, so that scans come closer together while they do not.

mod listener;
mod waker;

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

pub use self::{
    listener::{Listener, Signal},
    waker::Waker,
};
pub use crate::queue::notify_health::NotifyHealth;
use crate::{config::PostgresConfig, domain::word::words, random::Random, service::lifecycle::Lifecycle};

words! {
    /// What a wake-up is about. Its text is the NOTIFY channel.
    Topic, "topic" {
        /// `mail_deliveries` has due rows.
        Mail = "galaxy_mail",
        /// `notifications` has due rows.
        Notifications = "galaxy_notifications",
        /// `notification_routes` has due rows.
        Routes = "galaxy_routes",
        /// `runtime_jobs` has due rows.
        RuntimeJobs = "galaxy_runtime_jobs",
        /// `runtime_turns` has due rows.
        Turns = "galaxy_turns",
        /// The push log has new events.
        PushLog = "galaxy_push_log",
        /// Queues were paused or resumed; caches are to be read anew.
        Control = "galaxy_control",
        /// `runtime_questions` has open ones.
        Questions = "galaxy_questions",
    }
}

impl Topic {
    /// The NOTIFY channel. Transactions that may notify for themselves (SPEC §15) use it too.
    #[must_use]
    pub const fn channel(self) -> &'static str {
        self.as_str()
    }

    const fn bit(self) -> u32 {
        1 << (self as u8)
    }
}

/// Intervals of the wake-up machinery; the defaults are the product's, tests take shorter ones.
#[derive(Debug, Clone)]
pub struct WakeTiming {
    /// Least time between two NOTIFYs of this process.
    pub coalesce: Duration,
    /// How often the round trip is measured while all is well.
    pub probe_healthy: Duration,
    /// How often it is measured otherwise.
    pub probe_degraded: Duration,
    /// A round trip longer than this counts as lost.
    pub probe_timeout: Duration,
    /// Longest pause before the next attempt to connect.
    pub reconnect_cap: Duration,
}

impl Default for WakeTiming {
    fn default() -> Self {
        Self {
            coalesce: Duration::from_millis(5),
            probe_healthy: Duration::from_secs(10),
            probe_degraded: Duration::from_secs(1),
            probe_timeout: Duration::from_secs(2),
            reconnect_cap: Duration::from_secs(1),
        }
    }
}

/// Starts the task that notifies and the task that listens, each on a connection of its own that it makes when it can.
/// They outlive the process's other tasks, so that the last wake-ups still go out.
#[must_use]
pub fn start(config: &PostgresConfig, lifecycle: &Lifecycle, random: &Random) -> (Waker, Listener) {
    start_with(config.options("wake"), config.listen_options(), lifecycle, random, WakeTiming::default())
}

/// [`start`] with given connections and intervals.
#[must_use]
pub fn start_with(
    notify: PgConnectOptions,
    listen: PgConnectOptions,
    lifecycle: &Lifecycle,
    random: &Random,
    timing: WakeTiming,
) -> (Waker, Listener) {
    let listener = Listener::new();
    let waker = Waker::new(listener.clone());
    waker::spawn(&waker, notify, lifecycle, random.clone(), timing.clone());
    listener::spawn(&listener, waker.clone(), listen, lifecycle, random.clone(), timing);
    (waker, listener)
}

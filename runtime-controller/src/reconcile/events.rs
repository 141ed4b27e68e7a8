//! The daemon's events. They carry nothing but that it is time to look; after a break the stream goes on where it ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use crate::driver::DriverError;
use crate::engines::Engines;

/// Pause before the stream is asked for again.
const AGAIN: Duration = Duration::from_millis(500);
/// The daemon tells of a change before its list shows it (Docker 20.10: `pause`, `unpause`): after the last event it is
/// looked at once more.
const ECHO: Duration = Duration::from_secs(1);

/// Hears the daemon.
#[derive(Debug, Default)]
pub(super) struct Ears(AtomicBool);

impl Ears {
    /// Whether changes are heard now. Where they are not, somebody has to look often.
    pub(super) fn hear(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Listens for ever, and says each time that there is something to `look` at.
    pub(super) async fn listen(&self, engines: &Engines, look: &Notify) {
        let mut since = None;
        loop {
            match engines.driver.changes(since).await {
                Ok(Some(changes)) => {
                    self.0.store(true, Ordering::Relaxed);
                    since = since.max(hear_out(changes, look).await);
                    self.0.store(false, Ordering::Relaxed);
                    // A daemon that goes away, or comes back as another, is to be seen at once.
                    look.notify_one();
                }
                Ok(None) => return std::future::pending().await,
                Err(error) => tracing::debug!(%error, "the daemon's events cannot be heard"),
            }
            sleep(AGAIN).await;
        }
    }
}

/// Until the stream breaks; answers the time of the last event.
async fn hear_out(mut changes: BoxStream<'static, Result<i64, DriverError>>, look: &Notify) -> Option<i64> {
    let (mut last, mut echo) = (None, None);
    loop {
        let change = tokio::select! {
            change = changes.next() => change,
            () = sleep_until(echo.unwrap_or_else(Instant::now)), if echo.is_some() => {
                echo = None;
                look.notify_one();
                continue;
            }
        };
        match change {
            Some(Ok(at)) => {
                last = last.max(Some(at));
                echo = Some(Instant::now() + ECHO);
                look.notify_one();
            }
            Some(Err(error)) => {
                tracing::debug!(%error, "the stream of the daemon's events broke");
                return last;
            }
            None => return last,
        }
    }
}

//! The daemon's events. They carry nothing but that it is time to look; after a break the stream goes on where it ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::engines::Engines;

/// Pause before the stream is asked for again.
const AGAIN: Duration = Duration::from_millis(500);

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
                Ok(Some(mut changes)) => {
                    self.0.store(true, Ordering::Relaxed);
                    while let Some(change) = changes.next().await {
                        match change {
                            Ok(at) => {
                                since = since.max(Some(at));
                                look.notify_one();
                            }
                            Err(error) => {
                                tracing::debug!(%error, "the stream of the daemon's events broke");
                                break;
                            }
                        }
                    }
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

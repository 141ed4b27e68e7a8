//! Who may speak to the relay: the connections, shared out among more mails than there are.
//!
//! A mail takes a slot of the queue from its claim to its finish, and a connection for its dialogue alone. So a connection
//! waits neither for the next claim nor for the finish before: mails that are claimed already wait for it.

use tokio::sync::{Semaphore, SemaphorePermit};

/// The right to hold one connection each.
pub struct Lines {
    all: Semaphore,
    /// All but one: that one is for urgent mails, whatever else there is a lot of.
    common: Semaphore,
}

/// One such right, until it is dropped.
pub struct Line<'a> {
    _common: Option<SemaphorePermit<'a>>,
    _one: SemaphorePermit<'a>,
}

impl Lines {
    /// So many connections at once.
    pub fn new(connections: usize) -> Self {
        let connections = connections.max(1);
        Self { all: Semaphore::new(connections), common: Semaphore::new((connections - 1).max(1)) }
    }

    /// Waits for a connection's turn. Mails that are not urgent wait among themselves first, so an urgent one comes behind no
    /// more of them than hold a connection already, or are the next to. `None`: never, since nobody closes this.
    pub async fn take(&self, urgent: bool) -> Option<Line<'_>> {
        let common = match urgent {
            true => None,
            false => Some(self.common.acquire().await.ok()?),
        };
        let one = self.all.acquire().await.ok()?;
        Some(Line { _common: common, _one: one })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn one_connection_is_kept_for_urgent_mails() {
        let lines = Lines::new(3);
        let mut held = vec![lines.take(false).await, lines.take(false).await];
        assert!(lines.take(false).now_or_never().is_none(), "two of three are for all");
        held.push(lines.take(true).now_or_never().expect("the third is for urgent mails"));
        assert!(lines.take(true).now_or_never().is_none(), "there are three in all");
        drop(held);
        assert!(lines.take(false).now_or_never().is_some());
    }

    #[tokio::test]
    async fn an_urgent_mail_waits_for_one_other_and_not_for_those_that_wait() {
        let lines = Lines::new(1);
        let held = lines.take(false).await;
        let mut normal = Box::pin(lines.take(false));
        assert!(normal.as_mut().now_or_never().is_none());
        let mut urgent = Box::pin(lines.take(true));
        assert!(urgent.as_mut().now_or_never().is_none());
        drop(held);
        let line = urgent.as_mut().now_or_never().expect("it is the urgent one's turn");
        assert!(normal.as_mut().now_or_never().is_none());
        drop(line);
        assert!(normal.as_mut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_stops_waiting_keeps_nothing() {
        let lines = Lines::new(1);
        let held = lines.take(false).await;
        assert!(lines.take(false).now_or_never().is_none());
        assert!(lines.take(true).now_or_never().is_none());
        drop(held);
        assert!(lines.take(false).now_or_never().is_some());
    }
}

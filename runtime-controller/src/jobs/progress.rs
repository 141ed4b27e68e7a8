//! A pull's progress, in the job's step: written now and then, and never in the way of the pull.

use std::time::Duration;

use async_trait::async_trait;
use shared::db::{Db, runtime};
use shared::domain::runtime::JobStep;
use shared::queue::{Claim, WorkContext};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::driver::Progress;

const EVERY: Duration = Duration::from_secs(1);

pub(super) struct PullProgress<'a> {
    db: &'a Db,
    cx: &'a WorkContext,
    claim: &'a Claim,
    last: Mutex<Option<Instant>>,
}

impl<'a> PullProgress<'a> {
    pub(super) fn new(db: &'a Db, cx: &'a WorkContext, claim: &'a Claim) -> Self {
        Self { db, cx, claim, last: Mutex::new(None) }
    }

    async fn write(&self, line: &str) -> Result<(), shared::queue::Lost> {
        let mut tx = self.db.begin().await?;
        self.cx.hold(&mut tx, self.claim).await?;
        runtime::job_progress(&mut tx, self.claim.id, JobStep::Pull, line).await?;
        tx.commit().await?;
        Ok(())
    }
}

#[async_trait]
impl Progress for PullProgress<'_> {
    async fn report(&self, line: &str) {
        let mut last = self.last.lock().await;
        if last.is_some_and(|last| last.elapsed() < EVERY) {
            return;
        }
        *last = Some(Instant::now());
        if let Err(error) = self.write(line).await {
            tracing::debug!(%error, "a pull's progress was not written");
        }
    }
}

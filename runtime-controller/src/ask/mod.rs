//! Answers what the API asks this daemon's controllers (`runtime_questions`): the API has no Docker. It also writes down,
//! beside the lease, which daemon this process serves: what nobody serves is shown so (SPEC §8).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use shared::db::runtime::questions::{self, Question};
use shared::domain::runtime::QuestionKind;
use shared::ids::{GameId, WorkerId};
use shared::queue::{Topic, WorkerDeps};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often the table is looked at without a wake-up. Whoever asks waits: often, while that costs one index probe.
const SCAN: Duration = Duration::from_secs(1);
/// Questions answered at once.
const AT_ONCE: usize = 4;
/// Rows in one statement.
const ROWS: i64 = 500;

/// Who knows the answers.
#[async_trait]
pub trait Oracle: Send + Sync + 'static {
    /// The answer, or why there is none.
    async fn answer(&self, kind: QuestionKind, game_id: Option<GameId>, payload: &Value) -> questions::Answer;
}

/// Takes up questions to one daemon until the process stops.
pub struct Desk {
    /// Whose questions.
    pub daemon_id: String,
    /// Database, lease, wake-ups.
    pub deps: WorkerDeps,
    /// Who knows the answers.
    pub oracle: Arc<dyn Oracle>,
}

impl Desk {
    /// Serves until the process stops.
    ///
    /// # Errors
    /// None: what fails is tried again.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let signal = self.deps.listener.subscribe(Topic::Questions);
        let (desk, tasks, room) = (Arc::new(self), TaskTracker::new(), Arc::new(Semaphore::new(AT_ONCE)));
        let mut served = None;
        loop {
            if desk.deps.gate.is_open() {
                let looked = desk.deps.db.try_within(desk.look(&mut served, &tasks, &room));
                match stop.run_until_cancelled(looked).await {
                    Some(Ok(())) => {}
                    Some(Err(error)) => tracing::debug!(%error, "questions could not be looked for"),
                    None => break,
                }
            }
            tokio::select! {
                () = signal.notified() => {}
                () = sleep(SCAN) => {}
                () = stop.cancelled() => break,
            }
        }
        // Who asked asks another controller again; nothing that is half answered is waited for.
        tasks.close();
        Ok(())
    }

    async fn look(
        self: &Arc<Self>,
        served: &mut Option<WorkerId>,
        tasks: &TaskTracker,
        room: &Arc<Semaphore>,
    ) -> Result<(), shared::db::Error> {
        let mut conn = self.deps.db.acquire().await?;
        // A lease that was lost and taken anew is another worker.
        let worker = self.deps.worker.id();
        if let Some(id) = worker.filter(|_| worker != *served)
            && questions::serve(&mut conn, id.uuid(), &self.daemon_id).await?
        {
            *served = worker;
        }
        questions::delete_old(&mut conn, ROWS).await?;
        while let Ok(place) = Arc::clone(room).try_acquire_owned() {
            let Some(question) = questions::take(&mut conn, &self.daemon_id).await? else { break };
            let desk = Arc::clone(self);
            tasks.spawn(async move {
                desk.answer(question).await;
                drop(place);
                // One more may have waited for the place.
                desk.deps.waker.wake(Topic::Questions);
            });
        }
        Ok(())
    }

    async fn answer(&self, question: Question) {
        let answer = match question.kind.parse::<QuestionKind>() {
            Ok(kind) => self.oracle.answer(kind, question.game_id, &question.payload).await,
            Err(error) => Err(error.to_string()),
        };
        let given = self.deps.db.try_within(async {
            let mut conn = self.deps.db.acquire().await?;
            questions::give(&mut conn, question.question_id, &answer).await
        });
        if let Err(error) = given.await {
            tracing::warn!(%error, kind = question.kind, "an answer could not be given");
        }
    }
}

//! Asks the controller of a daemon, and waits for its answer (`runtime_questions`): the API itself has no Docker.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::db::runtime::questions::{self, NewQuestion};
use shared::domain::runtime::QuestionKind;
use shared::ids::GameId;
use shared::queue::wake::Topic;
use tokio::time::{Instant, sleep};

use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// How often the answer is looked for. An answer takes the controller some milliseconds, or as long as its daemon does.
const LOOK: Duration = Duration::from_millis(50);

/// Asks the controllers of `daemon_id`, and answers what one of them says within `patience`.
///
/// # Errors
/// `unavailable` where none answers in time, or one says why it cannot; `internal` for an answer of another form than `T`.
pub async fn controller<T: DeserializeOwned>(
    app: &App,
    daemon_id: &str,
    kind: QuestionKind,
    game_id: Option<GameId>,
    payload: Value,
    patience: Duration,
) -> Result<T, Problem> {
    let question = NewQuestion { daemon_id, kind, game_id, payload, patience };
    let until = Instant::now() + patience;
    let question_id = questions::ask(&mut *app.db.acquire().await?, question).await?;
    app.waker.wake(Topic::Questions);
    loop {
        sleep(LOOK).await;
        // No connection is held while nothing is known.
        match questions::answer(&mut *app.db.acquire().await?, question_id).await? {
            Some(Ok(answer)) => return serde_json::from_value(answer).map_err(|error| Problem::internal(&error)),
            Some(Err(why)) => {
                return Err(unavailable(format!("The controller of {daemon_id} cannot tell: {why}")));
            }
            None if Instant::now() < until => {}
            None => return Err(unavailable(format!("No controller of {daemon_id} answered within {patience:?}."))),
        }
    }
}

fn unavailable(detail: String) -> Problem {
    Problem::new(ErrorCode::Unavailable, detail).retry_after(Duration::from_secs(2))
}

//! Why a job's attempt ended without its effect, and what is to be done about it.

use std::time::Duration;

use shared::domain::excerpt::{LONG, excerpt};
use shared::domain::runtime::{REFUSED, StartFailure};
use shared::engine_client::EngineError;
use shared::queue::{Lost, Outcome, Verdict};

use super::Note;
use crate::driver::DriverError;
use crate::engines::{ReviveError, Unhealthy};
use crate::lanes::Full;
use crate::outcome::{JobResult, Left};

/// While the daemon or the database is away: looked for again after this.
const AWAY: Duration = Duration::from_secs(2);
/// While a turn is being generated: looked for again after this.
const BUSY: Duration = Duration::from_millis(300);

#[derive(Debug, thiserror::Error)]
pub(super) enum JobError {
    /// A start that failed; `passing` says whether another attempt may help.
    #[error("{}: {}", failure.word(), failure.reason())]
    Start { failure: StartFailure, passing: bool },
    /// A replacement that is given up, with what is left of the engine.
    #[error("{}: {}", failure.word(), failure.reason())]
    Replace { failure: StartFailure, left: Box<Left> },
    /// A turn is being generated: it is let end. No attempt burned.
    #[error("a turn is being generated")]
    Busy,
    /// Something else failed; tried again within the budget.
    #[error("{0}")]
    Passing(String),
    /// It cannot be done, now or later.
    #[error("{0}")]
    Refused(String),
    /// The process is to stop, and this would take long: another goes on from the step that was reached.
    #[error("the process stops")]
    Stopping,
    /// Daemon or database are away: not the job's fault, no attempt burned.
    #[error("{0}")]
    Away(String),
    /// It lasts, and too many others do: put off, no attempt burned.
    #[error("{0}")]
    Crowded(Full, Duration),
    /// The job is not ours any more: whatever is said now is not heard.
    #[error(transparent)]
    Lost(Lost),
}

impl JobError {
    pub(super) fn container(reason: impl Into<String>) -> Self {
        Self::Start { failure: StartFailure::ContainerStart { reason: cut(&reason.into()) }, passing: true }
    }

    pub(super) fn config(reason: impl Into<String>) -> Self {
        Self::Start { failure: StartFailure::ConfigInvalid { reason: cut(&reason.into()) }, passing: false }
    }

    /// A driver's error while starting `image`.
    pub(super) fn driver(image: &str, error: DriverError) -> Self {
        match error {
            DriverError::Unavailable(_) => Self::Away(error.to_string()),
            DriverError::Image { reason, passing } => {
                let reason = cut(&reason);
                Self::Start { failure: StartFailure::ImagePull { image: image.to_owned(), reason }, passing }
            }
            DriverError::Config(reason) => Self::config(reason),
            DriverError::Gone(reason) | DriverError::Failed(reason) => Self::container(reason),
        }
    }

    pub(super) fn unhealthy(image: &str, error: Unhealthy) -> Self {
        match error {
            Unhealthy::Driver(error) => Self::driver(image, error),
            error => Self::container(error.to_string()),
        }
    }

    /// An engine's error while it is asked to take its game, or to show it. `words`: what it printed last.
    pub(super) fn init(error: &EngineError, words: &str) -> Self {
        match error {
            // It answers, and says no: the game's set-up is not to its liking.
            EngineError::Problem { status, code, detail, .. } if !error.is_passing() => {
                let colon = if detail.is_empty() { "" } else { ": " };
                Self::config(format!("{REFUSED}{status} {code}{colon}{detail}{words}"))
            }
            // It would answer the next attempt in the same way.
            EngineError::BadAnswer(_) | EngineError::OtherGame(_) => Self::config(format!("{error}{words}")),
            error => Self::container(format!("{error}{words}")),
        }
    }

    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Start { passing: false, .. } | Self::Replace { .. } | Self::Refused(_))
    }

    pub(super) fn start_failure(&self) -> Option<&StartFailure> {
        match self {
            Self::Start { failure, .. } => Some(failure),
            _ => None,
        }
    }

    /// `cleared`: what a start that failed had made of a container is gone.
    pub(super) fn verdict(self, cleared: bool) -> Verdict<Note> {
        let error = cut(&self.to_string());
        let result = match &self {
            Self::Start { failure, .. } => Some(JobResult::StartFailed { failure: failure.clone(), cleared }),
            Self::Replace { failure, left } => {
                Some(JobResult::ReplaceFailed { failure: failure.clone(), left: (**left).clone() })
            }
            _ => None,
        };
        let outcome = match self {
            Self::Start { passing: false, .. } | Self::Replace { .. } | Self::Refused(_) => Outcome::Dead { error },
            Self::Start { .. } | Self::Passing(_) => Outcome::Retry { error, after: None, counts: true },
            Self::Stopping => Outcome::Release,
            Self::Crowded(_, after) => Outcome::Retry { error, after: Some(after), counts: false },
            Self::Busy => Outcome::Retry { error, after: Some(BUSY), counts: false },
            Self::Away(_) | Self::Lost(_) => Outcome::Retry { error, after: Some(AWAY), counts: false },
        };
        Verdict { outcome, note: Note { result, detail: None } }
    }
}

/// As long as it may be in a row.
fn cut(reason: &str) -> String {
    excerpt(reason, LONG)
}

impl From<Lost> for JobError {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Database(error) => Self::Away(error.to_string()),
            lost => Self::Lost(lost),
        }
    }
}

impl From<shared::db::Error> for JobError {
    fn from(error: shared::db::Error) -> Self {
        if error.is_unavailable() { Self::Away(error.to_string()) } else { Self::Passing(error.to_string()) }
    }
}

impl From<ReviveError> for JobError {
    fn from(error: ReviveError) -> Self {
        match error {
            ReviveError::NotWanted => Self::Refused(error.to_string()),
            // The reconciler brings it back, or pauses the game.
            ReviveError::Driver(DriverError::Unavailable(_)) | ReviveError::Waiting(_) => Self::Away(error.to_string()),
            ReviveError::Database(error) => error.into(),
            ReviveError::Driver(_) | ReviveError::Unhealthy(_) | ReviveError::Spent(_) => {
                Self::Passing(error.to_string())
            }
        }
    }
}

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
    /// The same, by an engine that is there and says "not now": it is asked again over minutes.
    #[error("{}: {}", failure.word(), failure.reason())]
    NotYet {
        failure: StartFailure,
        /// Its `Retry-After`, an hour at most; zero where it said nothing.
        after: Duration,
    },
    /// A replacement that is given up, with what is left of the engine.
    #[error("{}: {}", failure.word(), failure.reason())]
    Replace { failure: StartFailure, left: Box<Left> },
    /// A turn is being generated: it is let end. No attempt burned.
    #[error("a turn is being generated")]
    Busy,
    /// Something else failed; tried again within the budget.
    #[error("{0}")]
    Passing(String),
    /// The engine is there and says "not now": asked again over minutes, within the budget.
    #[error("{reason}")]
    Later {
        reason: String,
        /// How long the engine wants to be left alone; zero where it said nothing.
        after: Duration,
    },
    /// It cannot be done, now or later.
    #[error("{0}")]
    Refused(String),
    /// The process is to stop, and this would take long: another goes on from the step that was reached.
    #[error("the process stops")]
    Stopping,
    /// Daemon or database are away, or there is no room for an answer: not the job's fault, no attempt burned.
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
            DriverError::Config(reason) | DriverError::Foreign(reason) => Self::config(reason),
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
            EngineError::NoRoom => Self::Away(error.to_string()),
            EngineError::Problem { .. } => Self::NotYet {
                failure: StartFailure::ContainerStart { reason: cut(&format!("{error}{words}")) },
                after: error.retry_after().unwrap_or_default(),
            },
            EngineError::Unreachable(_) | EngineError::Timeout => Self::container(format!("{error}{words}")),
        }
    }

    /// An engine's error at another call; `words` as above.
    pub(super) fn call(error: &EngineError, words: &str) -> Self {
        let reason = format!("{error}{words}");
        match error {
            EngineError::NoRoom => Self::Away(error.to_string()),
            error if error.is_busy() => Self::Later { reason, after: error.retry_after().unwrap_or_default() },
            error if error.is_passing() => Self::Passing(reason),
            _ => Self::Refused(reason),
        }
    }

    /// Whether it burns an attempt.
    pub(super) fn counts(&self) -> bool {
        matches!(self, Self::Start { .. } | Self::NotYet { .. } | Self::Passing(_) | Self::Later { .. })
    }

    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Start { passing: false, .. } | Self::Replace { .. } | Self::Refused(_))
    }

    pub(super) fn start_failure(&self) -> Option<&StartFailure> {
        match self {
            Self::Start { failure, .. } | Self::NotYet { failure, .. } => Some(failure),
            _ => None,
        }
    }

    /// `cleared`: what a start that failed had made of a container is gone. `own`: the pause that an engine gets which says "not now".
    /// It is asked later where it says so, and never sooner.
    pub(super) fn verdict(self, cleared: bool, own: Duration) -> Verdict<Note> {
        let error = cut(&self.to_string());
        let result = match &self {
            Self::Start { failure, .. } | Self::NotYet { failure, .. } => {
                Some(JobResult::StartFailed { failure: failure.clone(), cleared })
            }
            Self::Replace { failure, left } => {
                Some(JobResult::ReplaceFailed { failure: failure.clone(), left: (**left).clone() })
            }
            _ => None,
        };
        let outcome = match self {
            Self::Start { passing: false, .. } | Self::Replace { .. } | Self::Refused(_) => Outcome::Dead { error },
            Self::Start { .. } | Self::Passing(_) => Outcome::Retry { error, after: None, counts: true },
            Self::NotYet { after, .. } | Self::Later { after, .. } => {
                Outcome::Retry { error, after: Some(after.max(own)), counts: true }
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16, after: Option<u64>) -> EngineError {
        let (code, detail) = ("busy".to_owned(), String::new());
        EngineError::Problem { status, code, detail, errors: Vec::new(), retry_after: after.map(Duration::from_secs) }
    }

    /// The pause until the next attempt, and whether this one counted; `None`: there is no other.
    fn again(error: JobError) -> Option<(Option<u64>, bool)> {
        match error.verdict(false, Duration::from_secs(5)).outcome {
            Outcome::Retry { after, counts, .. } => Some((after.map(|after| after.as_secs()), counts)),
            Outcome::Dead { .. } => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_engine_that_says_not_now_is_asked_again_when_it_says_and_no_sooner_than_by_itself() {
        for made in [JobError::init, JobError::call] {
            for status in [429, 500, 502, 503] {
                assert_eq!(again(made(&problem(status, None), "")), Some((Some(5), true)), "{status}");
                assert_eq!(again(made(&problem(status, Some(1)), "")), Some((Some(5), true)), "{status}");
                assert_eq!(again(made(&problem(status, Some(70)), "")), Some((Some(70), true)), "{status}");
            }
            assert_eq!(again(made(&problem(422, Some(70)), "")), None, "a refusal is one whatever is beside it");
            assert_eq!(again(made(&EngineError::Timeout, "")), Some((None, true)), "the queue's own pause");
            assert_eq!(again(made(&EngineError::NoRoom, "")), Some((Some(AWAY.as_secs()), false)));
        }
    }

    #[test]
    fn a_start_that_was_put_off_in_vain_fails_with_the_engines_words() {
        let error = JobError::init(&problem(503, None), "; it said: reading maps");
        assert!(error.counts() && !error.is_final());
        let reason = error.start_failure().map(|failure| failure.reason().to_owned());
        assert_eq!(reason.as_deref(), Some("the engine answered 503 busy; it said: reading maps"));
        let result = error.verdict(true, Duration::ZERO).note.result;
        assert!(matches!(result, Some(JobResult::StartFailed { cleared: true, .. })));
    }
}

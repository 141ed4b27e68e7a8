//! The runtime's words (SPEC §8): states of a game's container, kinds and steps of the jobs on it, and which state may
//! follow which. Pure; `db::runtime` stores them as text.

use serde::{Deserialize, Serialize};

use super::excerpt::{LONG, SHORT, excerpt};
use super::word::words;

words! {
    /// State of a game's runtime record.
    RuntimeStatus, "runtime status" {
        /// A start job is at work.
        Starting = "starting",
        /// The engine answers and waits for its next turn.
        Running = "running",
        /// A turn is being generated: commands and orders are refused (SPEC §9).
        GenerationInProgress = "generation_in_progress",
        /// The engine did not answer within the budget; the game is paused.
        EngineUnreachable = "engine_unreachable",
        /// The engine answered, but without the next turn; the game is paused.
        GenerationFailed = "generation_failed",
        /// Stopped by hand: the container is gone, its state is kept.
        Stopped = "stopped",
        /// The container vanished or was removed with its game.
        Removed = "removed",
        /// The game was played to its end.
        Finished = "finished",
    }
}

words! {
    /// What a runtime job is to do.
    JobKind, "job kind" {
        /// Container up, engine initialised, game running.
        Start = "start",
        /// Container gone, state kept.
        Stop = "stop",
        /// The container replaced by another one from the same specification, on the same state.
        Restart = "restart",
        /// The engine replaced by a higher patch release, on the same state.
        Patch = "patch",
        /// Remove a race in the running engine.
        Banish = "banish",
        /// Run a turn now, and skip the scheduled one after it.
        ForceNextTurn = "force_next_turn",
    }
}

words! {
    /// The step that a job is at, written before the step's effect begins.
    JobStep, "job step" {
        /// Reads the game and makes its runtime record.
        Prepare = "prepare",
        /// Fetches the image.
        Pull = "pull",
        /// Makes the state directory and the container.
        Create = "create",
        /// Starts the container.
        Start = "start",
        /// Waits until `/healthz` answers.
        Health = "health",
        /// Asks `/admin/status` and, where the game is unknown, calls `/admin/init`.
        Init = "init",
        /// Takes the engine from turns and orders: from here on it is being replaced.
        Hold = "hold",
        /// Removes the container.
        Remove = "remove",
        /// Copies the state before a patch touches it.
        Snapshot = "snapshot",
        /// Asks the replaced engine for its game: it must stand where the former one stood.
        Verify = "verify",
        /// Puts the former engine back, since the new one was given up.
        Back = "back",
        /// Puts the state back that the former engine left.
        Restore = "restore",
        /// Banishes a race in the engine.
        Banish = "banish",
        /// Sets the turn timer to now.
        Timer = "timer",
        /// The turn timer was set to now.
        Forced = "forced",
    }
}

words! {
    /// What the API asks the controller of a daemon.
    QuestionKind, "kind of question" {
        /// What a pass of the reconciler would do, or does: `{"dry_run": bool}`.
        Reconcile = "reconcile",
        /// The last lines that a game's engine printed.
        Log = "log",
    }
}

words! {
    /// What was last seen of an engine.
    Health, "health" {
        /// Not asked yet, or there is no container.
        Unknown = "unknown",
        /// It answers.
        Healthy = "healthy",
        /// It missed as many probes in a row as are let pass.
        Unhealthy = "unhealthy",
        /// No live controller serves, or may turn out to serve, the daemon that has, or is to have, its container. Shown, never stored.
        Unserved = "unserved",
    }

    /// Where a runtime job stands.
    JobStatus, "status of a job" {
        /// Waits for its first attempt.
        Pending = "pending",
        /// A controller has it.
        Running = "running",
        /// Waits for another attempt.
        Retrying = "retrying",
        /// Done.
        Succeeded = "succeeded",
        /// Given up.
        Failed = "failed",
        /// Its controllers died of it.
        Quarantined = "quarantined",
    }

    /// Where a turn timer stands.
    TurnStatus, "status of a turn timer" {
        /// Waits until its turn is due.
        Pending = "pending",
        /// A controller has it.
        Generating = "generating",
        /// Waits for another attempt.
        Retrying = "retrying",
        /// At rest: the game does not run.
        Idle = "idle",
        /// Given up.
        Failed = "failed",
        /// Its controllers died of it.
        Quarantined = "quarantined",
    }
}

impl RuntimeStatus {
    /// Whether the runtime may go from this state to `next`. Staying is always allowed: every step can be repeated.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use RuntimeStatus::{
            EngineUnreachable, Finished, GenerationFailed, GenerationInProgress, Removed, Running, Starting, Stopped,
        };
        match (self, next) {
            (Starting, Starting | Running | EngineUnreachable | Stopped | Removed)
            | (Running, Running | GenerationInProgress | EngineUnreachable | Starting | Stopped | Removed)
            | (
                GenerationInProgress,
                GenerationInProgress | Running | EngineUnreachable | GenerationFailed | Finished | Starting | Stopped
                | Removed,
            )
            // A paused game's engine may be found well again (resume), be made anew (restart, force-start) or be let go.
            | (EngineUnreachable, EngineUnreachable | Running | GenerationInProgress | Starting | Stopped | Removed)
            | (GenerationFailed, GenerationFailed | Running | GenerationInProgress | Starting | Stopped | Removed)
            | (Stopped, Stopped | Starting | Removed)
            | (Removed, Removed | Starting)
            // The end: the container still goes, the status stays.
            | (Finished, Finished) => true,
            _ => false,
        }
    }

    /// The states from which `next` may be reached, as the words of a SQL array.
    #[must_use]
    pub fn sources_of(next: Self) -> Vec<String> {
        Self::ALL.iter().filter(|from| from.may_become(next)).map(|from| from.as_str().to_owned()).collect()
    }
}

/// How the reason of a start begins that the engine itself refused, with words of its own behind it.
pub const REFUSED: &str = "the engine refuses the game: ";

/// Why a start failed for good; each has its own notification to the administrators (SPEC §8). A job that goes back to the
/// former engine keeps it in its payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartFailure {
    /// The image is not to be had: `runtime.image_pull_failed`.
    ImagePull {
        /// The image reference as configured.
        image: String,
        /// What the daemon said.
        reason: String,
    },
    /// The container would not run, or the engine in it would not answer or take the game: `runtime.container_start_failed`.
    ContainerStart {
        /// What was seen.
        reason: String,
    },
    /// What we ask for cannot be: no network, a bad limit, an unknown version: `runtime.start_config_invalid`.
    ConfigInvalid {
        /// What is wrong, for the person who can mend it.
        reason: String,
    },
}

impl StartFailure {
    /// A short word for the operations log and metrics.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::ImagePull { .. } => "image_pull_failed",
            Self::ContainerStart { .. } => "container_start_failed",
            Self::ConfigInvalid { .. } => "start_config_invalid",
        }
    }

    /// The same failure, with what went wrong after it.
    #[must_use]
    pub fn and(self, more: &str) -> Self {
        let with = |reason: String| excerpt(&format!("{}; {more}", excerpt(&reason, LONG / 2)), LONG);
        match self {
            Self::ImagePull { image, reason } => Self::ImagePull { image, reason: with(reason) },
            Self::ContainerStart { reason } => Self::ContainerStart { reason: with(reason) },
            Self::ConfigInvalid { reason } => Self::ConfigInvalid { reason: with(reason) },
        }
    }

    /// What the owner of the game is told (`game.start_failed`): in short, and nothing of the platform's insides. What the engine
    /// itself has against the game is passed on: they may mend it.
    #[must_use]
    pub fn for_owner(&self) -> String {
        let said = match self {
            Self::ImagePull { .. } => "The game's engine could not be fetched.",
            Self::ContainerStart { .. } => "The game's engine did not start.",
            Self::ConfigInvalid { reason } if reason.starts_with(REFUSED) => reason,
            Self::ConfigInvalid { .. } => "The game cannot start as the platform is set up.",
        };
        excerpt(said, SHORT)
    }

    /// What to tell people.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::ImagePull { reason, .. } | Self::ContainerStart { reason } | Self::ConfigInvalid { reason } => reason,
        }
    }
}

/// What a tick is to do, given the turn it closes and the turn that the engine says it is at (SPEC §8: never twice, never skipped).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TickPlan {
    /// The engine is at the turn to be closed: ask it to generate.
    Generate,
    /// It has generated already (a late answer, a crash after the call): only record it.
    Record,
    /// It is somewhere else: neither asking nor recording would be right.
    Mismatch,
}

impl TickPlan {
    /// Compares the turns; a finished game generates nothing any more, whatever its turn.
    #[must_use]
    pub const fn new(expected: i32, engine: i32, finished: bool) -> Self {
        if engine == expected && !finished {
            Self::Generate
        } else if engine == expected.saturating_add(1) || (engine == expected && finished) {
            Self::Record
        } else {
            Self::Mismatch
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_may_stay_and_only_a_generation_finishes_a_game() {
        for from in RuntimeStatus::ALL {
            assert!(from.may_become(*from), "{from}");
            let finishes = from.may_become(RuntimeStatus::Finished);
            assert_eq!(finishes, matches!(from, RuntimeStatus::GenerationInProgress | RuntimeStatus::Finished));
        }
        assert!(
            !RuntimeStatus::ALL
                .iter()
                .any(|to| *to != RuntimeStatus::Finished && RuntimeStatus::Finished.may_become(*to))
        );
    }

    #[test]
    fn every_state_but_the_end_can_be_left_for_a_start() {
        for from in RuntimeStatus::ALL {
            assert_eq!(from.may_become(RuntimeStatus::Starting), *from != RuntimeStatus::Finished, "{from}");
        }
    }

    #[test]
    fn an_owner_hears_what_they_can_mend_and_nothing_of_the_platforms_insides() {
        let reason = || "mkdir /var/lib/galaxy: no space left".to_owned();
        for failure in [
            StartFailure::ImagePull { image: "registry.internal:5000/engine".to_owned(), reason: reason() },
            StartFailure::ContainerStart { reason: reason() },
            StartFailure::ConfigInvalid { reason: reason() },
        ] {
            let said = failure.for_owner();
            assert!(!said.contains("galaxy") && !said.contains("registry") && said.starts_with("The game"), "{said}");
        }
        let refused = format!("{REFUSED}422 bad_settings: a map of 10 000 planets{}", "!".repeat(5_000));
        let said = StartFailure::ConfigInvalid { reason: refused }.for_owner();
        assert!(said.contains("a map of 10 000 planets") && said.chars().count() == SHORT, "{said}");
    }

    #[test]
    fn a_tick_generates_only_at_its_own_turn() {
        assert_eq!(TickPlan::new(4, 4, false), TickPlan::Generate);
        assert_eq!(TickPlan::new(4, 5, false), TickPlan::Record);
        assert_eq!(TickPlan::new(4, 5, true), TickPlan::Record);
        assert_eq!(TickPlan::new(4, 4, true), TickPlan::Record);
        assert_eq!(TickPlan::new(4, 3, false), TickPlan::Mismatch);
        assert_eq!(TickPlan::new(4, 6, false), TickPlan::Mismatch);
        assert_eq!(TickPlan::new(4, 6, true), TickPlan::Mismatch);
        assert_eq!(TickPlan::new(i32::MAX, 0, false), TickPlan::Mismatch);
    }
}

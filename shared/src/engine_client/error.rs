//! What may come of a call, as far as callers act differently on it.

use std::time::Duration;

use super::door::EngineFault;
use crate::domain::excerpt::{LONG, excerpt};
use crate::ids::GameId;

/// A call to an engine that brought no usable answer. Whatever the engine said is in it cut to size (`door`): it may be logged, stored
/// and shown as it is.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No connection, or it broke: the engine is down, restarting, or elsewhere. A write may or may not have happened.
    #[error("the engine cannot be reached: {0}")]
    Unreachable(String),
    /// No whole answer within the call's limit. A write may still happen: the answer is only late.
    #[error("the engine did not answer in time")]
    Timeout,
    /// The engine answered with an error of its own (RFC 9457), or with another HTTP status that is no success.
    #[error("the engine answered {status} {code}{}{detail}", if detail.is_empty() { "" } else { ": " })]
    Problem {
        /// HTTP status, 1xx or 3xx to 5xx.
        status: u16,
        /// The `code` member: 1 to 64 characters of `[a-z0-9_]`; `engine_error` where there is none, or none that is a code.
        code: String,
        /// The `detail` member, for people: at most 1 000 characters of one line; may be empty.
        detail: String,
        /// The `errors` member: at most 100.
        errors: Vec<EngineFault>,
        /// When the engine wants to be asked again: its `Retry-After` in seconds (RFC 9110 §10.2.3), an hour at most.
        retry_after: Option<Duration>,
    },
    /// An answer that breaks the engine contract (SPEC §9).
    #[error("the engine's answer is not to its contract: {0}")]
    BadAnswer(String),
    /// A sound answer of an engine that has another game: it is not the one that was to be asked.
    #[error("the engine has another game, {0}")]
    OtherGame(GameId),
    /// Its answer was not read to its end: engines say too much at once, and this one gave way. Nothing is known against the engine. A
    /// write may have happened.
    #[error("the engine's answer was not read: engines answer too much at once")]
    NoRoom,
}

impl EngineError {
    /// A [`EngineError::BadAnswer`], with a reason that may quote the engine.
    pub(super) fn bad(reason: &str) -> Self {
        Self::BadAnswer(excerpt(reason, LONG / 3))
    }

    /// Whether the same call may well succeed a little later: the engine is away, slow or busy, not refusing.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Timeout | Self::NoRoom => true,
            Self::Problem { status, .. } => *status >= 500 || *status == 429,
            Self::BadAnswer(_) | Self::OtherGame(_) => false,
        }
    }

    /// Whether the engine was there and said "not now", by 429 or 5xx: it is asked again, some times, over minutes.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        matches!(self, Self::Problem { .. }) && self.is_passing()
    }

    /// Whether the engine was not there to answer at all, as opposed to having answered something unwelcome.
    #[must_use]
    pub const fn is_absence(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Timeout)
    }

    /// Whether it was not the game's own engine that answered: nobody is there, or somebody with another token or another game. The
    /// engine, and the token that it has now, are to be looked up anew before it is asked again (SPEC §8).
    #[must_use]
    pub const fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Problem { status: 401, .. } | Self::OtherGame(_))
    }

    /// When the engine wants to be asked again, where it said so.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Problem { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    pub(super) fn transport(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::Timeout;
        }
        // The chain's last link says what happened ("connection refused"); the URL in the first is the caller's own knowledge.
        let mut source: &dyn std::error::Error = error;
        let mut garbage = false;
        while let Some(inner) = source.source() {
            source = inner;
            // Bytes came, and they were not HTTP, or its head had no end: somebody is there, and answers badly.
            garbage |= source.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse);
        }
        if garbage {
            return Self::bad(&format!("not HTTP: {source}"));
        }
        Self::Unreachable(excerpt(&source.to_string(), LONG / 3))
    }
}

//! What may come of a call, as far as callers act differently on it.

use std::time::Duration;

use serde_json::value::RawValue;

/// A call to an engine that brought no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No connection, or it broke: the engine is down, restarting, or elsewhere. A write may or may not have happened.
    #[error("the engine cannot be reached: {0}")]
    Unreachable(String),
    /// No whole answer within the call's limit. A write may still happen: the answer is only late.
    #[error("the engine did not answer in time")]
    Timeout,
    /// The engine answered with an error of its own (RFC 9457).
    #[error("the engine answered {status} {code}")]
    Problem {
        /// HTTP status, 3xx to 5xx.
        status: u16,
        /// The `code` member; empty where the body has none.
        code: String,
        /// The body, where it was JSON.
        body: Option<Box<RawValue>>,
        /// When the engine wants to be asked again: its `Retry-After` in seconds (RFC 9110 §10.2.3), an hour at most.
        retry_after: Option<Duration>,
    },
    /// An answer that breaks the engine contract (SPEC §9).
    #[error("the engine's answer is not to its contract: {0}")]
    BadAnswer(String),
}

impl EngineError {
    /// Whether the same call may well succeed a little later: the engine is away, slow or busy, not refusing.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Timeout => true,
            Self::Problem { status, .. } => *status >= 500 || *status == 429,
            Self::BadAnswer(_) => false,
        }
    }

    /// Whether the engine was not there to answer at all, as opposed to having answered something unwelcome.
    #[must_use]
    pub const fn is_absence(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Timeout)
    }

    /// Whether it was not the game's own engine that answered: nobody is there, or somebody with another token. The engine, and the
    /// token that it has now, are to be looked up anew before it is asked again (SPEC §8).
    #[must_use]
    pub const fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Problem { status: 401, .. })
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
        while let Some(inner) = source.source() {
            source = inner;
        }
        Self::Unreachable(source.to_string())
    }
}

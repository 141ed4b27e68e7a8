//! Why a request is refused: a stable code, words for people, and the faults field by field. Use cases refuse with a
//! [`Problem`] and know nothing of the wire that it goes to.

pub mod codes;

use std::fmt;
use std::time::Duration;

use ::http::{HeaderName, HeaderValue};
use poem_openapi::Object;
use shared::domain::fault::Fault;

pub use codes::ErrorCode;

/// One fault in one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901) into the body, or `/query/<name>`, `/path/<name>`, `/header/<name>`.
    #[oai(validator(max_length = 512))]
    pub pointer: String,
    /// Stable word for the kind of fault: `required`, `type`, `unknown_field`, `unknown_parameter`, `duplicate`, `format`,
    /// `length`, `range`, `value`, `json`. Names have more: `blank`, `line_break`, `control_character`, `bidi_control`,
    /// `invisible_character`, `unassigned_character`, `character`, `start`, `marks`, `mixed_scripts`, `mixed_digits`, `link`,
    /// `reserved`.
    pub code: String,
    /// What is wrong, for people.
    pub detail: String,
}

impl FieldError {
    /// A member of the body that a rule refused.
    pub fn of(field: &str, fault: Fault) -> Self {
        Self { pointer: format!("/{field}"), code: fault.code.into(), detail: fault.detail }
    }
}

/// Why a request is refused. [`crate::http::answer::problem`] writes it to the wire.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The stable code; it fixes the status.
    pub code: ErrorCode,
    /// What went wrong, for people.
    pub detail: String,
    /// Field faults.
    pub errors: Vec<FieldError>,
    /// `Retry-After`, in whole seconds, rounded up.
    pub retry_after: Option<Duration>,
    /// Headers of its own: `Allow` of a 405, `Accept-Encoding` of a 415.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with this code and explanation.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), retry_after: None, headers: Vec::new() }
    }

    /// A request whose content is at fault in one field.
    pub fn field(pointer: impl Into<String>, code: &str, detail: impl Into<String>) -> Self {
        Self::fields(vec![FieldError { pointer: pointer.into(), code: code.into(), detail: detail.into() }])
    }

    /// A request whose content is at fault in these fields.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [one] if one.pointer.is_empty() => one.detail.clone(),
            [one] => format!("{}: {}", one.pointer, one.detail),
            many => format!("{} fields are at fault", many.len()),
        };
        Self { errors, ..Self::new(ErrorCode::InvalidRequest, detail) }
    }

    /// A 500 that reveals nothing; the cause goes to the log.
    pub fn internal(cause: &dyn fmt::Display) -> Self {
        tracing::error!(error = %cause, "request failed");
        Self::new(ErrorCode::Internal, "The server met an unexpected condition; the request id leads to its log.")
    }

    /// A 429 with the time to wait.
    pub fn rate_limited(detail: &str, wait: Duration) -> Self {
        Self::new(ErrorCode::RateLimited, detail).retry_after(wait)
    }

    /// Asks the caller to come back after `after`.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Adds a header to the answer; one that cannot be written is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.extend(HeaderValue::from_str(value).map(|value| (name, value)));
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.word(), self.detail)
    }
}

impl std::error::Error for Problem {}

impl From<shared::db::Error> for Problem {
    fn from(error: shared::db::Error) -> Self {
        if error.is_unavailable() {
            tracing::warn!(%error, "database out of reach");
            return Self::new(ErrorCode::Unavailable, "The service cannot reach its database; try again shortly.")
                .retry_after(Duration::from_secs(1));
        }
        if error.is_undone() {
            tracing::warn!(%error, "a transaction was undone by the database");
            return Self::new(ErrorCode::Unavailable, "The change ran into another one; try again.")
                .retry_after(Duration::from_secs(1));
        }
        // A query or a path can hold one.
        if error.is_impossible_text() {
            return Self::new(ErrorCode::InvalidRequest, "A text has a NUL character, which none may have.");
        }
        Self::internal(&error)
    }
}

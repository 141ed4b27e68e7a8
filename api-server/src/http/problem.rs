//! Errors on the wire: `application/problem+json` (RFC 9457), one enum of stable codes, and which of them an operation can answer.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use poem::http::{HeaderName, HeaderValue, header};
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use poem_openapi::{ApiResponse, Object};
use shared::domain::fault::Fault;

pub use super::codes::ErrorCode;
use super::schema::shortened;

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

/// The body of every error answer (RFC 9457).
#[derive(Debug, Clone, Object)]
#[oai(rename = "Problem")]
pub struct ProblemBody {
    /// A URI reference that names the kind of problem: `urn:galaxy:problem:<code>`.
    #[oai(rename = "type")]
    pub kind: String,
    /// The status's standard phrase.
    pub title: String,
    /// The HTTP status code, repeated.
    pub status: u16,
    /// What went wrong this time, for people. A 500 says nothing of its cause.
    pub detail: String,
    /// The stable word that programs branch on.
    pub code: ErrorCode,
    /// The id of the request, as in `X-Request-ID`.
    pub request_id: String,
    /// The faults, field by field, where the request's content is at fault.
    #[oai(skip_serializing_if = "Vec::is_empty", default)]
    pub errors: Vec<FieldError>,
}

/// The longest `detail` on the wire, in characters. Ours are shorter; those that repeat what somebody else said may not be.
const MAX_DETAIL: usize = 1000;

/// An error on its way to the wire.
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

    /// The answer, under the request's id.
    pub fn respond(&self, request_id: &str) -> Response {
        let status = self.code.status();
        let body = ProblemBody {
            kind: format!("urn:galaxy:problem:{}", self.code.word()),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: shortened(self.detail.clone(), MAX_DETAIL),
            code: self.code,
            request_id: request_id.to_owned(),
            errors: self.errors.clone(),
        };
        let mut response =
            Response::builder().status(status).content_type("application/problem+json").body(body.to_json_string());
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        for (name, value) in &self.headers {
            response.headers_mut().insert(name, value.clone());
        }
        if let Some(challenge) = self.code.challenge() {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        // The frame overwrites it where it knows better; a problem always carries one.
        if let Ok(id) = HeaderValue::from_str(request_id) {
            response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
        }
        response
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.word(), self.detail)
    }
}

impl std::error::Error for Problem {}

impl From<Problem> for poem::Error {
    fn from(problem: Problem) -> Self {
        let status = problem.code.status();
        poem::Error::new(problem, status)
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        if shared::error::is_unavailable(&error) {
            tracing::warn!(%error, "database out of reach");
            return Self::new(ErrorCode::Unavailable, "The service cannot reach its database; try again shortly.")
                .retry_after(Duration::from_secs(1));
        }
        // Class 40: Postgres chose this transaction as the victim of a deadlock and undid it whole.
        if error.as_database_error().and_then(|e| e.code()).is_some_and(|code| code.starts_with("40")) {
            tracing::warn!(%error, "a transaction was undone by the database");
            return Self::new(ErrorCode::Unavailable, "The change ran into another one; try again.")
                .retry_after(Duration::from_secs(1));
        }
        // Class 22021: a NUL character, which a query or a path can hold and no text of Postgres can.
        if error.as_database_error().and_then(|e| e.code()).is_some_and(|code| code == "22021") {
            return Self::new(ErrorCode::InvalidRequest, "A text has a NUL character, which none may have.");
        }
        Self::internal(&error)
    }
}

/// The codes that one operation can answer, beside the [`COMMON`] ones.
pub trait Codes: Send + Sync + 'static {
    /// In the order in which they are documented.
    const CODES: &'static [ErrorCode];
}

/// What the frame can answer at any operation; which of them an operation really has, the document tells from what it takes.
pub const COMMON: &[ErrorCode] = &[
    ErrorCode::InvalidRequest,
    ErrorCode::PayloadTooLarge,
    ErrorCode::UnsupportedMediaType,
    ErrorCode::RateLimited,
    ErrorCode::Internal,
    ErrorCode::Unavailable,
    ErrorCode::Timeout,
];

/// A [`Problem`] of an operation that documents its codes in `C`.
pub struct Fail<C: Codes>(pub Problem, PhantomData<C>);

impl<C: Codes> fmt::Debug for Fail<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<C: Codes, P: Into<Problem>> From<P> for Fail<C> {
    fn from(problem: P) -> Self {
        let problem = problem.into();
        debug_assert!(
            C::CODES.contains(&problem.code) || COMMON.contains(&problem.code),
            "{} is not documented for this operation",
            problem.code.word()
        );
        Self(problem, PhantomData)
    }
}

impl<C: Codes> From<Fail<C>> for poem::Error {
    fn from(fail: Fail<C>) -> Self {
        fail.0.into()
    }
}

impl<C: Codes> IntoResponse for Fail<C> {
    fn into_response(self) -> Response {
        self.0.respond("")
    }
}

impl<C: Codes> ApiResponse for Fail<C> {
    /// Only the words, status by status: what the document says of each, and what the frame answers at every operation, is
    /// added in one place ([`super::document`]).
    fn meta() -> MetaResponses {
        let mut codes: Vec<ErrorCode> = C::CODES.to_vec();
        codes.sort_by_key(|c| (c.status().as_u16(), c.word()));
        let responses = codes.chunk_by(|a, b| a.status() == b.status()).filter_map(|group| {
            let words = group.iter().map(|c| c.word().into()).collect();
            let words = MetaSchemaRef::Inline(Box::new(MetaSchema { enum_items: words, ..MetaSchema::new("string") }));
            let schema = MetaSchema { all_of: vec![ProblemBody::schema_ref(), words], ..MetaSchema::ANY };
            Some(MetaResponse {
                description: "",
                status: Some(group.first()?.status().as_u16()),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: "application/problem+json",
                    schema: MetaSchemaRef::Inline(Box::new(schema)),
                }],
                headers: vec![],
            })
        });
        MetaResponses { responses: responses.collect() }
    }

    fn register(registry: &mut Registry) {
        ProblemBody::register(registry);
    }
}

/// Declares the codes of an operation: `codes!(GetGame: GameNotFound, NotAMember);`
#[macro_export]
macro_rules! codes {
    ($name:ident: $($code:ident),* $(,)?) => {
        /// The error codes that this operation can answer.
        pub struct $name;
        impl $crate::http::problem::Codes for $name {
            const CODES: &'static [$crate::http::problem::ErrorCode] = &[$($crate::http::problem::ErrorCode::$code),*];
        }
    };
}

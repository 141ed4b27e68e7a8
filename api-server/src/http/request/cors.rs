//! Calls of browsers' scripts from other origins (Fetch, CORS): which may call, and what they may send and see.
//!
//! Our own and not poem's, which refuses requests of other origins with an answer that is none of ours, and stands behind the
//! guard or before everything. A request of another origin is answered as any other one: it is the browser that keeps the answer
//! from the script.

use poem::http::{HeaderMap, HeaderValue, Method, header};
use poem::{Request, Response};

/// What a script may send beside what it may always.
const SENT: &str = "Authorization, Content-Type, Idempotency-Key, X-Request-ID, X-User-ID, traceparent, tracestate";
/// What a script may read of an answer's headers beside what it may always.
const SEEN: &str = "Allow, Location, Retry-After, WWW-Authenticate, X-Request-ID";
/// How long a browser may remember a preflight, in seconds.
const REMEMBERED: &str = "600";

/// The origins of `BACKEND_CORS_ORIGINS`; `*` is any.
#[derive(Debug)]
pub struct Cors(Vec<String>);

impl Cors {
    /// These origins.
    pub fn new(origins: Vec<String>) -> Self {
        Self(origins)
    }

    /// Whether an origin is one of those that are listed by name.
    pub fn names(&self, origin: &HeaderValue) -> bool {
        self.0.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(origin.as_bytes()) && known != "*")
    }

    /// The origin that a request came from, if it may.
    pub fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let any = self.0.iter().any(|known| known == "*");
        if any { Some(HeaderValue::from_static("*")) } else { self.names(origin).then(|| origin.clone()) }
    }

    /// Lets the script of an allowed origin see the answer.
    pub fn show(&self, origin: Option<HeaderValue>, response: &mut Response) {
        if self.0.is_empty() {
            return;
        }
        // Whatever remembers the answer must not give it to another origin.
        response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin {
            response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            response.headers_mut().insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(SEEN));
        }
    }

    /// What an allowed origin hears to a preflight, beside [`Self::show`].
    pub fn preflight(response: &mut Response, allow: &HeaderValue) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, allow.clone());
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(SENT));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(REMEMBERED));
    }
}

/// Whether a browser asks before it sends the real request.
pub fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

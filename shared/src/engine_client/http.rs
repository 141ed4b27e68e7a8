//! One call: request, bounded answer, errors told apart.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Url};
use serde::Serialize;
use tracing::Instrument as _;
use tracing::field::Empty;

use super::door::Refusal;
use super::{EngineClient, EngineError, EngineTarget};
use crate::service::telemetry;

/// A request before it has a target.
pub(super) struct Call<'a> {
    method: Method,
    path: &'static str,
    query: &'a [(&'a str, &'a str)],
    body: Option<Vec<u8>>,
    with_token: bool,
    timeout: Duration,
    limit: usize,
}

/// The most of an error's body that is read: a hundred field errors of full length fit.
const PROBLEM: usize = 256 << 10;

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, path: &'static str, timeout: Duration, limit: usize) -> Self {
        Self { method, path, query: &[], body: None, with_token: true, timeout, limit }
    }

    /// Without the token: `/healthz` alone.
    pub(super) fn open(mut self) -> Self {
        self.with_token = false;
        self
    }

    pub(super) fn query(mut self, pairs: &'a [(&'a str, &'a str)]) -> Self {
        self.query = pairs;
        self
    }

    pub(super) fn body(mut self, body: &impl Serialize) -> Result<Self, EngineError> {
        let body = serde_json::to_vec(body).map_err(|error| EngineError::BadAnswer(format!("request: {error}")))?;
        self.body = Some(body);
        Ok(self)
    }
}

impl EngineClient {
    /// Sends a call and reads its answer, all within the call's time and the answer's size limit. The trace goes on in a
    /// span of its own, into the engine (W3C Trace Context).
    pub(super) async fn send(&self, target: &EngineTarget, call: Call<'_>) -> Result<Vec<u8>, EngineError> {
        let span = tracing::info_span!(
            "engine",
            otel.name = %format!("{} {}", call.method, call.path),
            otel.kind = "client",
            status = Empty
        );
        self.exchange(target, call).instrument(span).await
    }

    async fn exchange(&self, target: &EngineTarget, call: Call<'_>) -> Result<Vec<u8>, EngineError> {
        let base = target.endpoint.trim_end_matches('/');
        let mut url = Url::parse(&format!("{base}{}", call.path))
            .map_err(|error| EngineError::Unreachable(format!("endpoint: {error}")))?;
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        let mut request = self.http.request(call.method, url).timeout(call.timeout);
        if let Some(traceparent) = telemetry::current_traceparent() {
            request = request.header("traceparent", traceparent);
        }
        if call.with_token {
            let mut token = HeaderValue::try_from(format!("Bearer {}", target.token.expose()))
                .map_err(|_| EngineError::BadAnswer("request: the token is no header value".into()))?;
            token.set_sensitive(true);
            request = request.header(AUTHORIZATION, token);
        }
        if let Some(body) = call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let mut response = request.send().await.map_err(|error| EngineError::transport(&error))?;
        let status = response.status();
        tracing::Span::current().record("status", status.as_u16());
        let retry_after = retry_after(response.headers());
        let limit = if status.is_success() { call.limit } else { PROBLEM };
        let body = self.read(&mut response, &target.endpoint, limit).await;
        if status.is_success() {
            return body?.ok_or_else(|| EngineError::bad(&format!("longer than {limit} bytes")));
        }
        Err(match body? {
            Some(body) => problem(status.as_u16(), &body, retry_after),
            None => refused(status.as_u16(), Refusal::wordless("its error is too long to be read"), retry_after),
        })
    }

    /// The whole body; `None` where it is longer than `limit`: the rest is not read, and the connection goes.
    async fn read(
        &self,
        response: &mut reqwest::Response,
        endpoint: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        let mut room = self.room.as_ref().and_then(|room| room.take(&endpoint.to_owned(), 0).ok());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| EngineError::transport(&error))? {
            if body.len() + chunk.len() > limit {
                return Ok(None);
            }
            if room.as_mut().is_some_and(|room| room.grow(chunk.len()).is_err()) {
                // Not this engine's fault: it may be asked again when the others have been read.
                return Err(EngineError::Unreachable(
                    "its answer was not read: engines answer too much at once".into(),
                ));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Some(body))
    }
}

/// No engine puts its game off for longer than this by a header.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

fn problem(status: u16, body: &[u8], retry_after: Option<Duration>) -> EngineError {
    match Refusal::read(body) {
        Ok(refusal) => refused(status, refusal, retry_after),
        // Its words cannot be passed on. Where the status alone says what to do, that is done; a refusal is nothing without its words.
        Err(unsound) if status >= 500 || matches!(status, 401 | 429) => {
            refused(status, Refusal::wordless(&format!("of its error, {unsound}")), retry_after)
        }
        Err(unsound) => unsound.into(),
    }
}

fn refused(status: u16, refusal: Refusal, retry_after: Option<Duration>) -> EngineError {
    let Refusal { code, detail, errors } = refusal;
    EngineError::Problem { status, code, detail, errors, retry_after }
}

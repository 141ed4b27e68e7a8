//! One call: request, bounded answer, errors told apart.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Url};
use serde::Serialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use tracing::field::Empty;

use super::door::Refusal;
use super::{EngineClient, EngineError, EngineTarget};
use crate::service::listen::{Budget, Permit, Short};
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
        let asked_back = CancellationToken::new();
        let mut taken = Taken { room: self.room.as_ref(), endpoint, permit: None, asked_back, waited: Duration::ZERO };
        let mut body: Vec<u8> = Vec::new();
        while let Some(chunk) = taken.next(response).await? {
            let length = body.len() + chunk.len();
            if length > limit {
                return Ok(None);
            }
            if length > body.capacity() {
                // What is counted is what is taken: not the length, but what it grows to.
                let capacity = body.capacity().saturating_mul(2).max(length).min(limit);
                taken.grow(capacity.saturating_sub(FREE) - body.capacity().saturating_sub(FREE)).await?;
                body.reserve_exact(capacity - body.len());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Some(body))
    }
}

/// Of each answer so much needs no room: most statuses, and all that `/healthz` says, are read however much others say.
const FREE: usize = 4 << 10;
/// How long an answer waits for room, all in all, and between two looks: what others have is asked back meanwhile.
const ROOM_WAIT: Duration = Duration::from_secs(1);
const ROOM_LOOK: Duration = Duration::from_millis(50);

/// What one answer has of the room that answers have. It is lent: whoever is slow with more gives way to others.
struct Taken<'a> {
    room: Option<&'a Budget<String>>,
    endpoint: &'a str,
    permit: Option<Permit<String>>,
    asked_back: CancellationToken,
    /// How long it has waited for room so far. The call's own time goes on meanwhile.
    waited: Duration,
}

impl Taken<'_> {
    /// The next bytes, unless what the answer has is asked back.
    async fn next(&self, response: &mut reqwest::Response) -> Result<Option<Bytes>, EngineError> {
        tokio::select! {
            biased;
            () = self.asked_back.cancelled() => Err(EngineError::NoRoom),
            chunk = response.chunk() => chunk.map_err(|error| match EngineError::transport(&error) {
                // A part of its time went to others: that it had too little says nothing of the engine.
                EngineError::Timeout if !self.waited.is_zero() => EngineError::NoRoom,
                other => other,
            }),
        }
    }

    /// Takes room for `more` bytes.
    async fn grow(&mut self, more: usize) -> Result<(), EngineError> {
        let Some(room) = self.room.filter(|_| more > 0) else { return Ok(()) };
        loop {
            let short = match &mut self.permit {
                Some(permit) => permit.grow(more).err(),
                None => match room.take(&self.endpoint.to_owned(), more) {
                    Ok(mut permit) => {
                        let ask = self.asked_back.clone();
                        permit.lend(move || ask.cancel());
                        self.permit = Some(permit);
                        None
                    }
                    Err(short) => Some(short),
                },
            };
            match short {
                None => return Ok(()),
                Some(Short::GaveWay) => return Err(EngineError::NoRoom),
                Some(Short::Total | Short::Share) if self.waited >= ROOM_WAIT => return Err(EngineError::NoRoom),
                Some(Short::Total | Short::Share) => {
                    let since = Instant::now();
                    tokio::time::sleep(ROOM_LOOK).await;
                    self.waited += since.elapsed();
                }
            }
        }
    }
}

/// No engine puts its game off for longer than this by `Retry-After`.
pub const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_grows_often_waits_for_room_no_longer_than_one_that_grows_once() {
        const ROOM: usize = 100;
        let (room, asked_back) = (Budget::new(ROOM, ROOM), CancellationToken::new());
        let mut taken =
            Taken { room: Some(&room), endpoint: "http://engine", permit: None, asked_back, waited: Duration::ZERO };
        let (began, mut grown) = (Instant::now(), 0);
        loop {
            // Others have all of it each time, for a while.
            let others = room.take(&"others".to_owned(), ROOM - room.spent()).unwrap();
            let freed = async {
                tokio::time::sleep(ROOM_WAIT * 2 / 5).await;
                drop(others);
            };
            match futures::future::join(taken.grow(10), freed).await {
                (Ok(()), ()) => grown += 1,
                (Err(error), ()) => {
                    assert!(matches!(error, EngineError::NoRoom), "{error}");
                    break;
                }
            }
        }
        assert_eq!(grown, 2);
        assert!((ROOM_WAIT..ROOM_WAIT * 3 / 2).contains(&began.elapsed()), "{:?}", began.elapsed());
    }
}

//! REST calls over all replicas that are ready, repeated on lost connections and 503, which idempotency keys make harmless.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use serde_json::Value;
use testkit::stack::Summary;
use uuid::Uuid;

use super::ready::Ready;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// On whose behalf a call is made.
#[derive(Debug, Clone, Copy)]
pub enum As {
    /// Somebody without an account, at this address.
    Anyone(Ipv4Addr),
    /// The gateway itself.
    Gateway,
    /// A user.
    User(Uuid),
    /// The administrator of the stack.
    Admin,
}

/// One call, before it is sent.
#[derive(Debug, Clone)]
pub struct Call {
    method: Method,
    path: String,
    body: Option<Value>,
    key: Option<Uuid>,
}

impl Call {
    /// `GET`. Paths are those below `/api/v1`.
    pub fn get(path: impl Into<String>) -> Call {
        Call { method: Method::GET, path: path.into(), body: None, key: None }
    }

    /// `POST` without a body.
    pub fn post(path: impl Into<String>) -> Call {
        Call { method: Method::POST, path: path.into(), body: None, key: None }
    }

    /// `POST` that creates: with a body, under a fresh idempotency key that its repetitions keep.
    pub fn create(path: impl Into<String>, body: Value) -> Call {
        Call { method: Method::POST, path: path.into(), body: Some(body), key: Some(Uuid::new_v4()) }
    }

    /// `PATCH` with a body.
    pub fn patch(path: impl Into<String>, body: Value) -> Call {
        Call { method: Method::PATCH, path: path.into(), body: Some(body), key: None }
    }

    /// With this body.
    #[must_use]
    pub fn with(mut self, body: Value) -> Call {
        self.body = Some(body);
        self
    }
}

/// A call of which the gateway has begun a trace.
#[derive(Debug, Clone)]
pub struct Traced {
    /// Method and path.
    pub call: String,
    /// The trace's id, in hexadecimal.
    pub trace_id: String,
    /// The gateway's own span, from which the trace goes on.
    pub span_id: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; null when there is none.
    pub body: Value,
    /// The headers.
    pub headers: HeaderMap,
    /// When it was there.
    pub at: DateTime<Utc>,
    /// Whether an earlier try may have had its effect, without its answer reaching us.
    pub repeated: bool,
    /// How many tries may have had their effect, the one that was answered among them.
    pub tries: usize,
    what: String,
}

impl Answer {
    /// The body, if the status is this one.
    ///
    /// # Errors
    /// When it is another one, with what the server says.
    pub fn expect(self, status: u16) -> Result<Value> {
        ensure!(self.status == status, "{}: expected {status}, got {} {}", self.what, self.status, self.body);
        Ok(self.body)
    }

    /// Demands a refusal with this status and code.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn refused(&self, status: u16, code: &str) -> Result<()> {
        let got = (self.status, self.code());
        ensure!(got == (status, code), "{}: expected {status} {code}, got {} {}", self.what, self.status, self.body);
        Ok(())
    }

    /// The problem's `code`; empty on success.
    pub fn code(&self) -> &str {
        self.body.get("code").and_then(Value::as_str).unwrap_or_default()
    }
}

/// The REST side of a gateway.
pub struct Rest {
    client: reqwest::Client,
    replicas: Vec<String>,
    ready: Ready,
    next: AtomicUsize,
    gateway_token: String,
    admin: (String, String),
    patience: Duration,
    retries: Mutex<Vec<String>>,
    traced: Mutex<Vec<Traced>>,
}

impl Rest {
    /// A client of this stack that goes on trying a call for `patience`. Needs a runtime, for the questions whether a replica is ready.
    ///
    /// # Errors
    /// When the stack has no REST listener.
    pub fn new(summary: &Summary, patience: Duration) -> Result<Rest> {
        ensure!(!summary.rest.is_empty(), "the stack has no REST listener");
        let client = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(1))
            .timeout(Duration::from_secs(20))
            .build()?;
        Ok(Rest {
            client,
            replicas: summary.rest.clone(),
            ready: Ready::watch(summary, summary.rest.len())?,
            next: AtomicUsize::new(0),
            gateway_token: summary.gateway_token.clone(),
            admin: (summary.admin_user.clone(), summary.admin_password.clone()),
            patience,
            retries: Mutex::default(),
            traced: Mutex::default(),
        })
    }

    /// The calls that had to be repeated so far: which, and why.
    pub fn retries(&self) -> Vec<String> {
        self.retries.lock().clone()
    }

    /// The traces that were begun so far, one for each call that was sent.
    pub fn traced(&self) -> Vec<Traced> {
        self.traced.lock().clone()
    }

    /// Begins a trace for a call.
    fn trace(&self, call: &Call) -> String {
        let trace_id = Uuid::new_v4().simple().to_string();
        let span_id = format!("{:016x}", rand::random::<u64>().max(1));
        let traceparent = format!("00-{trace_id}-{span_id}-01");
        self.traced.lock().push(Traced { call: format!("{} {}", call.method, call.path), trace_id, span_id });
        traceparent
    }

    /// Makes a call; the answer may be a refusal.
    ///
    /// # Errors
    /// When no replica gave a definite answer in time, or an answer breaks the contract of SPEC §3.
    pub async fn call(&self, who: As, call: &Call) -> Result<Answer> {
        let what = format!("{} {}", call.method, call.path);
        let end = Instant::now() + self.patience;
        let (mut tries, mut pause) = (0, FIRST_PAUSE);
        loop {
            let trouble = match self.once(who, call).await {
                Ok((status, headers, body)) if !matches!(status, 502..=504) => {
                    check_shape(&what, status, &headers, &body)?;
                    let repeated = tries > 0;
                    return Ok(Answer { status, body, headers, at: Utc::now(), repeated, tries: tries + 1, what });
                }
                Ok((status, headers, body)) => {
                    check_shape(&what, status, &headers, &body)?;
                    let wait = headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse().ok());
                    // It is the server's word against a person's patience: a second is the longest that we heed.
                    pause = wait.map_or(pause, |seconds| Duration::from_secs(seconds).min(Duration::from_secs(1)));
                    tries += 1;
                    format!("{status} {body}")
                }
                Err(error) => {
                    // A connection that was refused carried nothing.
                    tries += usize::from(!error.is_connect());
                    format!("{:#}", anyhow::Error::from(error))
                }
            };
            if Instant::now() + pause > end {
                bail!("{what}: no answer within {:?}, at last: {trouble}", self.patience);
            }
            self.retries.lock().push(format!("{what}: {trouble}"));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn once(&self, who: As, call: &Call) -> reqwest::Result<(u16, HeaderMap, Value)> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let base = self.replicas.get(self.ready.pick(turn)).map_or("", String::as_str);
        let mut request = self.client.request(call.method.clone(), format!("{base}/api/v1{}", call.path));
        request = request.header("traceparent", self.trace(call));
        request = match who {
            As::Anyone(address) => request.header("x-forwarded-for", address.to_string()),
            As::Gateway => request.bearer_auth(&self.gateway_token),
            As::User(id) => request.bearer_auth(&self.gateway_token).header("x-user-id", id.to_string()),
            As::Admin => request.basic_auth(&self.admin.0, Some(&self.admin.1)),
        };
        if let Some(key) = call.key {
            request = request.header("idempotency-key", key.to_string());
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?;
        let text = String::from_utf8_lossy(&bytes);
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(text.into_owned()));
        Ok((status, headers, if bytes.is_empty() { Value::Null } else { body }))
    }

    /// Walks a list to its end.
    ///
    /// # Errors
    /// As [`Rest::call`]; when an answer is no page.
    pub async fn list(&self, who: As, path: &str) -> Result<Vec<Value>> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.call(who, &Call::get(format!("{path}?limit=50{cursor}"))).await?.expect(200)?;
            let found = page.get("items").and_then(Value::as_array).with_context(|| format!("{path} is no list"))?;
            items.extend(found.iter().cloned());
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }
}

/// Every error is problem+json, and every answer carries its request id.
fn check_shape(what: &str, status: u16, headers: &HeaderMap, body: &Value) -> Result<()> {
    ensure!(headers.contains_key("x-request-id"), "{what}: the answer {status} has no X-Request-ID");
    if status < 400 {
        return Ok(());
    }
    let media_type = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let whole =
        ["type", "title", "status", "detail", "code", "request_id"].iter().all(|field| body.get(field).is_some());
    ensure!(
        media_type.starts_with("application/problem+json") && whole,
        "{what}: the error {status} is no problem+json: {media_type} {body}"
    );
    ensure!(status != 500, "{what}: the server failed: {body}");
    Ok(())
}

//! Calls to the engine under test.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

/// The engine under test.
#[derive(Debug, Clone)]
pub struct Target {
    client: Client,
    url: String,
    token: String,
    /// The game that the engine was started for.
    pub game_id: String,
    /// Turns to play at most, for games that are long.
    pub max_turns: u32,
}

/// What it answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(super) status: u16,
    pub(super) content_type: String,
    /// `null` if the body is not JSON.
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn code(&self) -> &str {
        self.body.get("code").and_then(Value::as_str).unwrap_or_default()
    }
}

impl Target {
    /// An engine at `url` (without a path), with the token and the game id that it was started with.
    ///
    /// # Errors
    /// If the HTTP client cannot be set up.
    pub fn new(url: &str, token: &str, game_id: &str) -> Result<Self, reqwest::Error> {
        let client = Client::builder().timeout(Duration::from_secs(60)).no_proxy().build()?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { client, url, token: token.to_owned(), game_id: game_id.to_owned(), max_turns: 200 })
    }

    /// A request with the right token.
    pub(super) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.request_as(method, path, Some(&format!("Bearer {}", self.token)))
    }

    /// A request with any `Authorization`, or none.
    pub(super) fn request_as(&self, method: &str, path: &str, authorization: Option<&str>) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
        let request = self.client.request(method, format!("{}{path}", self.url));
        match authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    }

    pub(super) async fn get(&self, path: &str) -> Result<Answer, String> {
        send(self.request("GET", path)).await
    }

    pub(super) async fn call(&self, method: &str, path: &str, body: &Value) -> Result<Answer, String> {
        send(self.request(method, path).json(body)).await
    }

    pub(super) async fn report(&self, race_name: &str, turn: u32) -> Result<Answer, String> {
        let query = encode(race_name);
        self.get(&format!("/api/v1/report?race_name={query}&turn={turn}")).await
    }
}

/// Percent-encodes all but letters and digits.
fn encode(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

pub(super) async fn send(request: RequestBuilder) -> Result<Answer, String> {
    let response = request.send().await.map_err(|error| format!("no answer: {error}"))?;
    let status = response.status().as_u16();
    let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let bytes = response.bytes().await.map_err(|error| format!("the answer broke off: {error}"))?;
    Ok(Answer { status, content_type, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
}

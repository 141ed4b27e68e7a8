//! The client.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::contract::Contract;

/// Which operation answered which status with which `code`, one JSON object `{operation, id, status, code}` a line (`code` is
/// null but for problems), appended by all tests. `cargo xtask test` begins with an empty one, and ends by judging it
/// ([`super::coverage`]).
pub fn seen_file() -> PathBuf {
    crate::state_dir().join("contract-seen.jsonl")
}

/// Calls a server, and fails the test when either side departs from the document.
#[derive(Debug, Clone)]
pub struct ContractClient {
    contract: Arc<Contract>,
    base: String,
    http: reqwest::Client,
    headers: HeaderMap,
}

impl ContractClient {
    /// A client of the server at `base` (`http://127.0.0.1:1234`), held to the committed document.
    ///
    /// # Panics
    /// When the document is missing.
    pub fn new(base: impl Into<String>) -> ContractClient {
        Self::with_contract(Contract::committed().unwrap_or_else(|error| panic!("{error:#}")), base)
    }

    /// A client held to another document.
    pub fn with_contract(contract: Arc<Contract>, base: impl Into<String>) -> ContractClient {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .no_proxy()
            .build()
            .expect("an HTTP client");
        let base = base.into().trim_end_matches('/').to_owned();
        ContractClient { contract, base, http, headers: HeaderMap::new() }
    }

    /// The document that both sides are held to.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The same client, with a header on each request: credentials, a user.
    ///
    /// # Panics
    /// When it is no header.
    #[must_use]
    pub fn with_header(&self, name: &str, value: impl AsRef<str>) -> ContractClient {
        let mut client = self.clone();
        client.headers.insert(header_name(name), header_value(value.as_ref()));
        client
    }

    /// The same client, with a bearer token on each request.
    #[must_use]
    pub fn with_bearer(&self, token: &str) -> ContractClient {
        self.with_header(AUTHORIZATION.as_str(), format!("Bearer {token}"))
    }

    /// The same client, with HTTP Basic credentials on each request.
    #[must_use]
    pub fn with_basic(&self, name: &str, password: &str) -> ContractClient {
        use base64::Engine as _;
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
        self.with_header(AUTHORIZATION.as_str(), format!("Basic {pair}"))
    }

    /// A GET of a path, its query included if you like.
    pub fn get(&self, path: impl AsRef<str>) -> ContractRequest {
        self.request(Method::GET, path)
    }

    /// A POST.
    pub fn post(&self, path: impl AsRef<str>) -> ContractRequest {
        self.request(Method::POST, path)
    }

    /// A PUT.
    pub fn put(&self, path: impl AsRef<str>) -> ContractRequest {
        self.request(Method::PUT, path)
    }

    /// A PATCH.
    pub fn patch(&self, path: impl AsRef<str>) -> ContractRequest {
        self.request(Method::PATCH, path)
    }

    /// A DELETE.
    pub fn delete(&self, path: impl AsRef<str>) -> ContractRequest {
        self.request(Method::DELETE, path)
    }

    /// Any method.
    pub fn request(&self, method: Method, path: impl AsRef<str>) -> ContractRequest {
        ContractRequest {
            client: self.clone(),
            method,
            path: path.as_ref().to_owned(),
            query: Vec::new(),
            headers: self.headers.clone(),
            body: None,
            bad: false,
        }
    }
}

/// A request under way.
#[derive(Debug)]
#[must_use = "nothing happens before `send`"]
pub struct ContractRequest {
    client: ContractClient,
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    bad: bool,
}

impl ContractRequest {
    /// Sets a header, over the client's own.
    ///
    /// # Panics
    /// When it is no header.
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.headers.insert(header_name(name), header_value(value.as_ref()));
        self
    }

    /// Sends a header beside another one of the same name.
    ///
    /// # Panics
    /// When it is no header.
    pub fn another_header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.headers.append(header_name(name), header_value(value.as_ref()));
        self
    }

    /// Takes a header of the client's away.
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.remove(header_name(name));
        self
    }

    /// Adds a query parameter.
    pub fn query(mut self, name: &str, value: impl ToString) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// Sends a JSON body.
    ///
    /// # Panics
    /// When it cannot be serialised.
    pub fn json(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        self.body = Some(serde_json::to_vec(body).expect("a body that serialises"));
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self
    }

    /// Sends any body.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.headers.insert(CONTENT_TYPE, header_value(content_type));
        self
    }

    /// Says that the request departs from the document on purpose. The answer is held to it still.
    pub fn bad(mut self) -> Self {
        self.bad = true;
        self
    }

    /// Sends it, and judges the answer.
    ///
    /// # Panics
    /// When the request or the answer departs from the document, or there is no answer.
    pub async fn send(self) -> ContractResponse {
        let contract = self.client.contract.clone();
        let mut url: reqwest::Url =
            format!("{}{}", self.client.base, self.path).parse().unwrap_or_else(|e| panic!("{}: {e}", self.path));
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let operation = contract.find(self.method.as_str(), url.path());
        let what = format!("{} {}", self.method, self.path);
        if !self.bad {
            let operation = operation
                .unwrap_or_else(|| panic!("{what}: no such operation in the document; `bad()` calls it still"));
            let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            let content_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            contract
                .check_request(operation, &query, content_type, self.body.as_deref())
                .unwrap_or_else(|fault| panic!("{what}: {fault:#}"));
        }
        let mut request = self.client.http.request(self.method.clone(), url).headers(self.headers);
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let started = Instant::now();
        let response = request.send().await.unwrap_or_else(|error| panic!("{what}: no answer: {error:?}"));
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.unwrap_or_else(|error| panic!("{what}: half an answer: {error:?}"));
        let took = started.elapsed();
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        // An answer to HEAD describes a body that is not sent.
        if self.method != Method::HEAD {
            contract
                .check_response(operation, status.as_u16(), content_type, &body)
                .unwrap_or_else(|fault| panic!("{what}: {fault:#}"));
        }
        if let Some(operation) = operation {
            let problem = status.is_client_error() || status.is_server_error();
            let body: Option<Value> = serde_json::from_slice(&body).ok().filter(|_| problem);
            let code = body.as_ref().and_then(|body| body["code"].as_str());
            record(&operation.name(), &operation.id, status.as_u16(), code);
        }
        ContractResponse { what, status, headers, body: body.to_vec(), took }
    }
}

/// An answer that fits the document.
#[derive(Debug, Clone)]
pub struct ContractResponse {
    what: String,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, as it came.
    pub body: Vec<u8>,
    /// From the request to the last byte of the body; judging it is not in it.
    pub took: Duration,
}

impl ContractResponse {
    /// Demands a status.
    ///
    /// # Panics
    /// When it is another one; the message has the body.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert!(
            self.status.as_u16() == status,
            "{}: expected {status}, got {}: {}",
            self.what,
            self.status,
            String::from_utf8_lossy(&self.body)
        );
        self
    }

    /// Demands a problem with a status and a `code`.
    ///
    /// # Panics
    /// When it is another one.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert!(answer.json()["code"] == code, "{}: expected {code}, got {}", answer.what, answer.json());
        answer
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        self.json_as()
    }

    /// The body as a type.
    ///
    /// # Panics
    /// When it does not fit.
    #[track_caller]
    pub fn json_as<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: {error} in {:?}", self.what, String::from_utf8_lossy(&self.body)))
    }

    /// A header as text, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

fn record(operation: &str, id: &str, status: u16, code: Option<&str>) {
    static WRITTEN: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
    let line = format!("{}\n", json!({ "operation": operation, "id": id, "status": status, "code": code }));
    if !WRITTEN.lock().insert(line.clone()) {
        return;
    }
    // One write to a file opened for appending: lines of tests that run at once do not mix.
    let written = File::options()
        .create(true)
        .append(true)
        .open(seen_file())
        .and_then(|mut file| file.write_all(line.as_bytes()));
    written.unwrap_or_else(|error| panic!("{}: {error}", seen_file().display()));
}

fn header_name(name: &str) -> HeaderName {
    name.parse().unwrap_or_else(|error| panic!("header {name:?}: {error}"))
}

fn header_value(value: &str) -> HeaderValue {
    // Not `from_str`: a test may want to send what is not ASCII.
    HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|error| panic!("header value {value:?}: {error}"))
}

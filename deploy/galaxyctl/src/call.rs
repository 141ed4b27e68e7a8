//! One call of the API.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::ArgMatches;
use http::{Request, header, response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;

use crate::Fault;
use crate::commands::Spec;
use crate::settings::{Settings, Who};

/// What comes of an answer.
pub type Body = BoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// How long an answer, or the next part of a file, may take: longer than any that the API makes.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long an answer may be that is no file, in bytes.
const MAX_ANSWER: usize = 64 << 20;

/// What stands in a path or a query as it is: RFC 3986's unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Calls the API in one administrator's name.
pub struct Api {
    settings: Settings,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Api {
    /// With these settings.
    ///
    /// # Errors
    /// [`Fault::Usage`]: nothing that could vouch for the server.
    pub fn new(settings: Settings) -> Result<Self, Fault> {
        let tls = tls(&settings).map_err(|error| Fault::Usage(format!("{error:#}")))?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), settings })
    }

    /// Does a command; `cursor` stands in place of the one that was given.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn call(&self, spec: &Spec, given: &ArgMatches, cursor: Option<String>) -> Result<Value, Fault> {
        let request = self.request(spec, given, cursor, "", "application/json")?;
        self.in_time(async {
            let (head, body) = self.send(request).await?;
            let body = self.whole(body).await?;
            if body.is_empty() {
                return Ok(Value::Null);
            }
            serde_json::from_slice(&body).map_err(|_| self.no_answer(&head))
        })
        .await
    }

    /// A list as a file of CSV, from `cursor` on: what comes of it is read by [`Api::part`].
    ///
    /// # Errors
    /// Why there is none.
    pub async fn file(&self, spec: &Spec, given: &ArgMatches, cursor: Option<String>) -> Result<Body, Fault> {
        let request = self.request(spec, given, cursor, "/export", "text/csv")?;
        let (head, body) = self.in_time(self.send(request)).await?;
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // A proxy's page, as one for signing in, would be taken for the list.
        if kind.starts_with("text/csv") { Ok(body) } else { Err(self.no_answer(&head)) }
    }

    /// What comes next of a file, and nothing at its end.
    ///
    /// # Errors
    /// [`Fault::Unreached`]: the file breaks off here, or nothing comes any more.
    pub async fn part(&self, body: &mut Body) -> Result<Option<Bytes>, Fault> {
        self.in_time(async {
            let frame = body.frame().await.transpose().map_err(|error| self.lost(error.as_ref()))?;
            // Another frame than one of data is that of trailers, which say nothing.
            Ok(frame.map(|frame| frame.into_data().unwrap_or_default()))
        })
        .await
    }

    /// The request of a command, below whose path `below` stands.
    fn request(
        &self,
        spec: &Spec,
        given: &ArgMatches,
        cursor: Option<String>,
        below: &str,
        accept: &str,
    ) -> Result<Request<Full<Bytes>>, Fault> {
        let encoded = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
        let mut url = format!("{}/api/v1/admin", self.settings.url);
        for part in spec.path.split('/').skip(1) {
            let argument = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
            let text =
                argument.and_then(|name| given.get_one::<String>(name)).map_or(part.to_owned(), |text| encoded(text));
            // Whole, these would be taken for steps of the path.
            if ["", ".", ".."].contains(&text.as_str()) {
                return Err(Fault::Usage(format!("{text:?} is no {}", argument.unwrap_or("name"))));
            }
            url = format!("{url}/{text}");
        }
        url.push_str(below);
        let mut query = spec.query(given);
        if let Some(cursor) = cursor {
            query.retain(|(name, _)| *name != "cursor");
            query.push(("cursor", cursor));
        }
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        if !query.is_empty() {
            url = format!("{url}?{}", query.join("&"));
        }
        let credentials = match &self.settings.who {
            Who::Basic { user, password } => {
                format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose())))
            }
            Who::Token(token) => format!("Bearer {}", token.expose()),
        };
        let mut request = Request::builder()
            .method(spec.method)
            .uri(&url)
            .header(header::AUTHORIZATION, credentials)
            .header(header::ACCEPT, accept);
        if let Some(key) = spec.key(given) {
            request = request.header("Idempotency-Key", key);
        }
        let body = spec.body(given)?.map(|body| body.to_string());
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .map_err(|error| Fault::Usage(format!("this cannot be asked: {error}")))
    }

    /// The head and the body of an answer that is no refusal.
    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(response::Parts, Body), Fault> {
        let response = self.client.request(request).await.map_err(|error| self.lost(&error))?;
        let (head, body) = response.into_parts();
        let body = body.map_err(|error| -> Box<dyn Error + Send + Sync> { error.into() }).boxed();
        if head.status.is_success() {
            return Ok((head, body));
        }
        match serde_json::from_slice::<Value>(&self.whole(body).await?) {
            Ok(problem) if problem.get("code").is_some() => Err(Fault::Refused(head.status.as_u16(), told(&problem))),
            _ => Err(self.no_answer(&head)),
        }
    }

    async fn whole(&self, body: Body) -> Result<Bytes, Fault> {
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| self.lost(error.as_ref()))?;
        Ok(body.to_bytes())
    }

    async fn in_time<T>(&self, doing: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let late = |_| Err(Fault::Unreached(format!("{} does not answer", self.settings.url)));
        tokio::time::timeout(TIMEOUT, doing).await.unwrap_or_else(late)
    }

    fn lost(&self, error: &dyn Error) -> Fault {
        Fault::Unreached(format!("{}: {}", self.settings.url, chain(error)))
    }

    fn no_answer(&self, head: &response::Parts) -> Fault {
        Fault::Unreached(format!("{}: {}, and no answer of the API", self.settings.url, head.status))
    }
}

/// A problem in one line for people: its code, its detail, each field's, and what to look for in the log.
fn told(problem: &Value) -> String {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut said = format!("{}: {}", text(problem, "code"), text(problem, "detail"));
    for field in problem.get("errors").and_then(Value::as_array).into_iter().flatten() {
        said = format!("{said}\n  {} {}: {}", text(field, "pointer"), text(field, "code"), text(field, "detail"));
    }
    format!("{said}\n  request_id {}", text(problem, "request_id"))
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    std::iter::successors(error.source(), |cause| (**cause).source())
        .fold(error.to_string(), |said, cause| format!("{said}: {cause}"))
}

fn tls(settings: &Settings) -> anyhow::Result<rustls::ClientConfig> {
    let mut roots = RootCertStore::empty();
    if settings.url.starts_with("https:") {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = &settings.ca_file {
            let shown = path.display();
            for certificate in CertificateDer::pem_file_iter(path).with_context(|| format!("{shown}"))? {
                roots.add(certificate.with_context(|| format!("{shown}"))?).with_context(|| format!("{shown}"))?;
            }
        }
        anyhow::ensure!(!roots.is_empty(), "no roots on this system to check the server against: --ca-file");
    }
    Ok(rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

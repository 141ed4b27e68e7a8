//! What stands around every request: identity, admission, limits, time, and one shape for every error.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt as _;
use http_body_util::combinators::BoxBody;
use hyper::body::Body as _;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};
use poem::error::{MethodNotAllowedError, NotFoundError, ReadBodyError};
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, Response};
use poem_openapi::error::{ParseParamError, ParsePathError, ParseRequestPayloadError};
use poem_openapi::types::ToJSON as _;
use shared::domain::network::Network;
use shared::postgres::rehearse;
use shared::service::listen::Peer;
use shared::service::telemetry;
use tracing::Instrument as _;

use super::answer;
use super::connection::unread::Unread;
use super::objects::effects::{Effects, MEDIA_TYPE};
use super::request::admission::{self, Admission, Caller, Kind, Taken};
use super::request::body::{self, MAX_BODY, too_large};
use super::request::cors::{self, Cors};
use super::request::guard::{self, Group};
use super::request::paths::{Path, Paths};
use super::request::{context, cross_site, headers, purpose};
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};
use crate::use_cases::caller::Context;

/// Wraps the routes; answers always, with problem+json where they failed.
pub struct Frame<E> {
    inner: E,
    app: Arc<App>,
    admission: Admission,
    paths: Paths,
    cors: Cors,
    requests: Counter<u64>,
    duration: Histogram<f64>,
}

impl<E> Frame<E> {
    /// `document` tells which paths there are, and what each operation takes; `open` which paths stand beside it.
    pub fn new(inner: E, app: Arc<App>, document: &serde_json::Value, open: &[&str]) -> Self {
        let meter = telemetry::meter();
        Self {
            inner,
            admission: Admission::new(app.config.http.max_in_flight),
            cors: Cors::new(app.config.http.cors_origins.clone()),
            app,
            paths: Paths::new(document, open),
            requests: meter.u64_counter("http_requests_total").with_description("Requests answered").build(),
            duration: telemetry::histogram_seconds(
                "http_request_duration_seconds",
                "From the request's headers to the answer's",
            ),
        }
    }

    /// Every error of the framework and ours, as a problem.
    fn problem(&self, error: poem::Error, path: &str) -> Problem {
        if let Some(problem) = error.downcast_ref::<Problem>() {
            return problem.clone();
        }
        if error.is::<NotFoundError>() {
            return not_found();
        }
        if error.is::<MethodNotAllowedError>() {
            let allow = self.paths.find(path).map(Path::allow).unwrap_or_default();
            return Problem::new(ErrorCode::MethodNotAllowed, "This path does not take this method.")
                .header(header::ALLOW, &allow);
        }
        // What the generator finds was found before, by the document ([`Operation::check`]); its words are about its own types.
        if let Some(fault) = error.downcast_ref::<ParseParamError>() {
            return Problem::field(format!("/query/{}", fault.name), "value", "cannot be read");
        }
        if error.is::<ParsePathError>() || error.is::<ParseRequestPayloadError>() {
            return Problem::new(ErrorCode::InvalidRequest, "The request cannot be read.");
        }
        match error.downcast_ref::<ReadBodyError>() {
            Some(ReadBodyError::PayloadTooLarge) => return too_large(),
            Some(ReadBodyError::Io(_)) => {
                return Problem::new(ErrorCode::InvalidRequest, "The body could not be read to its end.");
            }
            Some(_) => return Problem::internal(&error),
            None => {}
        }
        match error.status() {
            StatusCode::NOT_FOUND => not_found(),
            StatusCode::PAYLOAD_TOO_LARGE => too_large(),
            status if status.is_client_error() => Problem::new(ErrorCode::InvalidRequest, "The request is malformed."),
            _ => Problem::internal(&error),
        }
    }

    /// `OPTIONS`, a preflight or not: what the path takes, told anybody, since the document tells it too; of `*` what the server
    /// takes (RFC 9110 §9.3.7).
    fn options(&self, request: &Request, path: Option<&Path>) -> Result<Response, Problem> {
        let allow = match path {
            None if request.uri().path() == "*" => self.paths.allow(),
            path => path.ok_or_else(not_found)?.allow(),
        };
        let allow = HeaderValue::try_from(allow).map_err(|e| Problem::internal(&e))?;
        let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
        if cors::is_preflight(request) && self.cors.allowed(request.headers()).is_some() {
            Cors::preflight(&mut response, &allow);
        }
        response.headers_mut().insert(header::ALLOW, allow);
        Ok(response)
    }
}

fn not_found() -> Problem {
    Problem::new(ErrorCode::NotFound, "No such path.")
}

/// The time that answering may take: a call that goes on to an engine has the engine's limit and 5 s (SPEC §9).
fn time_limit(app: &App, path: &str) -> Duration {
    let mut segments = path.strip_prefix("/api/v1/user/games/").unwrap_or_default().split('/').skip(1);
    match segments.next() {
        Some("commands" | "orders") => app.config.engine.call + Duration::from_secs(5),
        Some("reports") => app.config.engine.probe + Duration::from_secs(5),
        _ => app.config.http.write_timeout,
    }
}

impl<E> Endpoint for Frame<E>
where
    E: Endpoint,
    E::Output: IntoResponse,
{
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let peer = peer(&request);
        let trusted = &self.app.config.http.trusted_proxies;
        let context = context::read(request.headers(), peer.address.ip(), peer.tls, trusted);
        let entry = self.paths.find(request.uri().path());
        // Known before routing, as it must be: the name of a span that has begun stands.
        let span = tracing::info_span!("request", otel.kind = "server",
            otel.name = format!("{} {}", known_method(request.method()), template(entry)),
            request_id = %context.request_id, method = %request.method());
        if let Some(parent) = request.headers().get("traceparent").and_then(|v| v.to_str().ok()) {
            telemetry::set_parent(&span, parent);
        }
        Ok(self.handle(request, context, peer, entry).instrument(span).await)
    }
}

impl<E> Frame<E>
where
    E: Endpoint,
    E::Output: IntoResponse,
{
    async fn handle(&self, mut request: Request, mut context: Context, peer: Peer, entry: Option<&Path>) -> Response {
        let started = Instant::now();
        context.traceparent = telemetry::current_traceparent();
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let group = Group::of(&path);
        let origin = self.cors.allowed(request.headers());
        if method == Method::HEAD {
            // As GET in everything but that the content stays here (RFC 9110 §9.3.2).
            request.set_method(Method::GET);
        }
        request.extensions_mut().insert(context.clone());
        let unread = Unread::watch(&mut request);
        let caller = Caller { peer, underway: request.extensions().get().cloned() };
        let mut place = None;
        let outcome = self.admit_and_call(request, &context, group, entry, &caller, &mut place).await;
        let mut response = outcome.unwrap_or_else(|error| self.problem(error, &path).respond(&context.request_id));
        // The document and its page are shared, and cost nothing but a place.
        if let Err(problem) = self.admission.cost(&caller, &mut response, place, group != Group::Open) {
            response = problem.respond(&context.request_id);
        }
        if peer.ambiguous {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Ok(id) = HeaderValue::from_str(&context.request_id) {
            response.headers_mut().insert("x-request-id", id);
        }
        self.cors.show(origin, &mut response);
        answer::headers::finish(&mut response);
        unread.say(&mut response);
        if method == Method::HEAD {
            without_content(&mut response);
        }
        let status = response.status();
        let elapsed = started.elapsed();
        let template = template(entry).to_owned();
        if telemetry::is_sampled() {
            telemetry::set_attribute("http.route", template.clone());
            telemetry::set_attribute("http.response.status_code", i64::from(status.as_u16()));
        }
        let labels = [
            KeyValue::new("group", group.label()),
            KeyValue::new("method", known_method(&method)),
            KeyValue::new("path", template.clone()),
            KeyValue::new("status", i64::from(status.as_u16())),
        ];
        self.requests.add(1, &labels);
        self.duration.record(elapsed.as_secs_f64(), &labels);
        if group == Group::Open {
            tracing::debug!(path = template, status = status.as_u16(), "answered");
        } else {
            tracing::info!(
                path = template,
                status = status.as_u16(),
                duration_ms = elapsed.as_secs_f64() * 1e3,
                "answered"
            );
        }
        response
    }

    async fn admit_and_call(
        &self,
        mut request: Request,
        context: &Context,
        group: Group,
        entry: Option<&Path>,
        caller: &Caller,
        place: &mut Taken,
    ) -> poem::Result<Response> {
        let peer = &caller.peer;
        admission::unambiguous(&request, peer)?;
        headers::check(&request)?;
        if request.method() == Method::OPTIONS {
            return Ok(self.options(&request, entry)?);
        }
        let kind = kind(group, request.uri().path());
        let limit = time_limit(&self.app, request.uri().path());
        let mut bytes = self.admission.head(peer, request.headers())?;
        let announced = request
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.parse::<u64>().ok());
        if announced.is_some_and(|length| length > MAX_BODY as u64) {
            return Err(too_large().into());
        }
        if group != Group::Open {
            guard::refuse_early(&self.app, group, request.headers(), context)?;
        }
        // Before it takes a place: a slow body holds up nobody but its own connection.
        admission::read_body(&mut request, caller, &mut bytes, self.app.config.http.read_timeout).await?;
        let began = Instant::now();
        *place = self.admission.place(peer, kind).await?;
        // What few requests need is boxed: each stream that sends its body, which anybody may, holds room for all of the rest.
        let answer = async {
            if matches!(group, Group::Admin | Group::AdminDoor) {
                cross_site::check(&request, &self.cors)?;
            }
            let operation = entry.and_then(|entry| Some((entry.template(), entry.operation(request.method())?)));
            guard::admit(&self.app, &mut request, context, operation, &self.cors).await?;
            let masked = guard::sees_no_addresses(&request);
            let mut tried = false;
            body::check_content_encoding(&request)?;
            if let Some((_, operation)) = operation {
                operation.check(&mut request)?;
                if let Some(right) = operation.right {
                    let wanted = right.wants_reason && self.app.config.admin.require_reason;
                    let dry_run = Box::pin(purpose::read(&mut request, &operation.in_body, wanted)).await?;
                    tried = dry_run && right.has_preview;
                }
                if !operation.takes_body {
                    body::check_absent(&mut request).await?;
                }
            }
            let response = match tried {
                true => Box::pin(preview(self.inner.call(request))).await?,
                false => self.inner.call(request).await?.into_response(),
            };
            Ok::<_, poem::Error>(if masked { Box::pin(answer::masked::addresses(response)).await? } else { response })
        };
        let answer = self.app.db.within(AssertUnwindSafe(answer).catch_unwind());
        let answered = match tokio::time::timeout(limit.saturating_sub(began.elapsed()), answer).await {
            Ok(Ok(Ok(result))) => result,
            Ok(Ok(Err(_panic))) => Err(Problem::internal(&"handler panicked").into()),
            Ok(Err(silence)) => Err(Problem::from(silence).into()),
            Err(_elapsed) => Err(Problem::new(ErrorCode::Timeout, "The request took longer than it may.").into()),
        };
        match answered {
            // Nobody looked for a name or a password in it.
            Err(error) if group == Group::AdminDoor && guard::is_of_form(&error) => {
                guard::no_attempt(&self.app, context)?;
                Err(error)
            }
            answered => answered,
        }
    }
}

/// What a call would change: it is made, and taken back.
async fn preview<T: IntoResponse>(call: impl Future<Output = poem::Result<T>>) -> poem::Result<Response> {
    let (answer, written) = rehearse(call).await;
    let response = answer?.into_response();
    if !response.status().is_success() {
        return Ok(response);
    }
    Ok(Response::builder().content_type(MEDIA_TYPE).body(Effects::from(written).to_json_string()))
}

/// The methods that a label may name.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

/// The answer to HEAD: what the one to GET says of its content, without it.
fn without_content(response: &mut Response) {
    let content: BoxBody<Bytes, std::io::Error> = response.take_body().into();
    if let Some(length) = content.size_hint().exact()
        && response.status() != StatusCode::NO_CONTENT
    {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(length.into());
    }
}

/// Whoever sent a request: the listener put it there.
fn peer(request: &Request) -> Peer {
    request.extensions().get::<Peer>().copied().unwrap_or_else(|| {
        let nowhere = std::net::SocketAddr::from(([0, 0, 0, 0], 0));
        let address = request.remote_addr().as_socket_addr().copied().unwrap_or(nowhere);
        let network = Network::of(address.ip());
        Peer { address, local: nowhere, network, tls: false, own: false, ambiguous: false }
    })
}

fn kind(group: Group, path: &str) -> Kind {
    match group {
        Group::Open if super::probes::PATHS.contains(&path) => Kind::Probe,
        Group::Open => Kind::Document,
        _ => Kind::Operation,
    }
}

/// Unknown paths share one name, and so do unknown methods: a scanner must make neither series nor names of spans.
fn template(entry: Option<&Path>) -> &str {
    entry.map_or("unknown", Path::template)
}

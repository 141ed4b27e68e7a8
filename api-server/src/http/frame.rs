//! What stands around every request: identity, admission, limits, time, and one shape for every error.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};
use poem::error::{MethodNotAllowedError, NotFoundError, ReadBodyError};
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, PathPattern, Request, Response};
use poem_openapi::error::{ParseParamError, ParsePathError, ParseRequestPayloadError};
use shared::service::telemetry;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use super::body::MAX_BODY;
use super::context::Context;
use super::guard::{self, Group};
use super::problem::{ErrorCode, Problem};
use super::unread::Unread;
use crate::app::App;

/// Wraps the routes; answers always, with problem+json where they failed.
pub struct Frame<E> {
    inner: E,
    app: Arc<App>,
    in_flight: Semaphore,
    /// `(path template, its methods)`, for `Allow`.
    methods: Vec<(Vec<String>, Vec<Method>)>,
    requests: Counter<u64>,
    duration: Histogram<f64>,
}

impl<E> Frame<E> {
    /// `document` tells which methods a path has.
    pub fn new(inner: E, app: Arc<App>, document: &serde_json::Value) -> Self {
        let meter = opentelemetry::global::meter("galaxy");
        Self {
            inner,
            in_flight: Semaphore::new(app.config.http.max_in_flight),
            app,
            methods: methods(document),
            requests: meter.u64_counter("http_requests_total").with_description("Requests answered").build(),
            duration: meter
                .f64_histogram("http_request_duration_seconds")
                .with_unit("s")
                .with_description("From the request's headers to the answer's")
                .with_boundaries(vec![
                    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
                ])
                .build(),
        }
    }

    /// The templates that a path fits: of several those with the fewest parameters, as the router chooses.
    fn templates(&self, path: &str) -> Vec<&(Vec<String>, Vec<Method>)> {
        let segments: Vec<&str> = path.split('/').collect();
        let fitting = self.methods.iter().filter(|(template, _)| {
            template.len() == segments.len()
                && template.iter().zip(&segments).all(|(t, s)| t.starts_with('{') || t == s)
        });
        let parameters =
            |(template, _): &&(Vec<String>, Vec<Method>)| template.iter().filter(|t| t.starts_with('{')).count();
        let fewest = fitting.clone().map(|t| parameters(&t)).min();
        fitting.filter(|t| Some(parameters(t)) == fewest).collect()
    }

    fn allow(&self, path: &str) -> String {
        let mut methods: Vec<&str> =
            self.templates(path).into_iter().flat_map(|(_, methods)| methods.iter().map(Method::as_str)).collect();
        methods.sort_unstable();
        methods.dedup();
        methods.join(", ")
    }

    /// A path parameter's own name: the router numbers them (`param0`), since operations of one path may name them apart.
    fn parameter(&self, path: &str, name: &str) -> String {
        let number: Option<usize> = name.strip_prefix("param").and_then(|n| n.parse().ok());
        let own = number.and_then(|n| {
            let (template, _) = self.templates(path).into_iter().next()?;
            template.iter().filter_map(|t| t.strip_prefix('{')?.strip_suffix('}')).nth(n)
        });
        own.unwrap_or(name).to_owned()
    }

    /// Every error of the framework and ours, as a problem.
    fn problem(&self, error: poem::Error, path: &str) -> Problem {
        if let Some(problem) = error.downcast_ref::<Problem>() {
            return problem.clone();
        }
        if error.is::<NotFoundError>() {
            return Problem::new(ErrorCode::NotFound, "No such path.");
        }
        if error.is::<MethodNotAllowedError>() {
            let mut problem = Problem::new(ErrorCode::MethodNotAllowed, "This path does not take this method.");
            problem.allow = Some(self.allow(path));
            return problem;
        }
        if let Some(fault) = error.downcast_ref::<ParsePathError>() {
            return Problem::field(
                format!("/path/{}", self.parameter(path, fault.name)),
                "format",
                fault.reason.clone(),
            );
        }
        if let Some(fault) = error.downcast_ref::<ParseParamError>() {
            return Problem::field(format!("/query/{}", fault.name), "value", fault.reason.clone());
        }
        if let Some(fault) = error.downcast_ref::<ParseRequestPayloadError>() {
            return Problem::new(ErrorCode::InvalidRequest, fault.reason.clone());
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
            StatusCode::NOT_FOUND => Problem::new(ErrorCode::NotFound, "No such path."),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Problem::new(ErrorCode::UnsupportedMediaType, "The body must be application/json.")
            }
            StatusCode::PAYLOAD_TOO_LARGE => too_large(),
            status if status.is_client_error() => Problem::new(ErrorCode::InvalidRequest, "The request is malformed."),
            _ => Problem::internal(&error),
        }
    }
}

fn too_large() -> Problem {
    Problem::new(ErrorCode::PayloadTooLarge, format!("The body may have {MAX_BODY} bytes."))
}

fn methods(document: &serde_json::Value) -> Vec<(Vec<String>, Vec<Method>)> {
    // Not operations of the API, and so not in its document.
    let open = super::OPEN_PATHS
        .iter()
        .map(|path| (path.split('/').map(str::to_owned).collect(), vec![Method::GET, Method::HEAD]));
    let Some(paths) = document.get("paths").and_then(serde_json::Value::as_object) else { return open.collect() };
    paths
        .iter()
        .map(|(path, operations)| {
            let methods = operations
                .as_object()
                .into_iter()
                .flat_map(|o| o.keys())
                .filter_map(|m| m.to_ascii_uppercase().parse().ok())
                .collect();
            (path.split('/').map(str::to_owned).collect(), methods)
        })
        .collect()
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
        let peer = request
            .remote_addr()
            .as_socket_addr()
            .map_or(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), std::net::SocketAddr::ip);
        let context = Context::read(request.headers(), peer, &self.app.config.http.trusted_proxies);
        let span = tracing::info_span!("request", otel.name = %format!("{} {}", request.method(), group_path(request.uri().path())),
            otel.kind = "server", request_id = %context.request_id, method = %request.method());
        if let Some(parent) = request.headers().get("traceparent").and_then(|v| v.to_str().ok()) {
            telemetry::set_parent(&span, parent);
        }
        Ok(self.handle(request, context).instrument(span).await)
    }
}

impl<E> Frame<E>
where
    E: Endpoint,
    E::Output: IntoResponse,
{
    async fn handle(&self, mut request: Request, mut context: Context) -> Response {
        let started = Instant::now();
        context.traceparent = telemetry::current_traceparent();
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let group = Group::of(&path);
        request.extensions_mut().insert(context.clone());
        let unread = Unread::watch(&mut request);
        let outcome = self.admit_and_call(request, &context, group, &path).await;
        let (mut response, pattern) = match outcome {
            Ok(response) => {
                let pattern = response.data::<PathPattern>().map(|p| p.0.to_string());
                (response, pattern)
            }
            Err(error) => {
                let pattern = error.data::<PathPattern>().map(|p| p.0.to_string());
                (self.problem(error, &path).respond(&context.request_id), pattern)
            }
        };
        if let Ok(id) = HeaderValue::from_str(&context.request_id) {
            response.headers_mut().insert("x-request-id", id);
        }
        unread.say(&mut response);
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        let status = response.status();
        let elapsed = started.elapsed();
        // Unknown paths share one label: a scanner must not make series. The router knows templates by other names.
        let template = self.templates(&path).first().map(|(segments, _)| segments.join("/"));
        let pattern = pattern.and(template).unwrap_or_else(|| "unknown".to_owned());
        let labels = [
            KeyValue::new("group", group.label()),
            KeyValue::new("method", method.as_str().to_owned()),
            KeyValue::new("path", pattern.clone()),
            KeyValue::new("status", i64::from(status.as_u16())),
        ];
        self.requests.add(1, &labels);
        self.duration.record(elapsed.as_secs_f64(), &labels);
        if group == Group::Open {
            tracing::debug!(path = pattern, status = status.as_u16(), "answered");
        } else {
            tracing::info!(
                path = pattern,
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
        path: &str,
    ) -> poem::Result<Response> {
        let _permit = match group {
            // A probe must be answered however busy the replica is.
            Group::Open => None,
            _ => Some(self.in_flight.try_acquire().map_err(|_| {
                Problem::new(ErrorCode::Unavailable, "Too many requests are under way.")
                    .retry_after(Duration::from_secs(1))
            })?),
        };
        let announced = request
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.parse::<u64>().ok());
        if announced.is_some_and(|length| length > MAX_BODY as u64) {
            return Err(too_large().into());
        }
        let answer = async {
            guard::admit(&self.app, &mut request, context).await?;
            // The database has no text for it, in whichever parameter it stands.
            if request.uri().path_and_query().is_some_and(|given| given.as_str().contains("%00")) {
                return Err(Problem::field("", "value", "path and query must not contain U+0000").into());
            }
            self.inner.call(request).await.map(IntoResponse::into_response)
        };
        let answer = self.app.db.within(AssertUnwindSafe(answer).catch_unwind());
        match tokio::time::timeout(time_limit(&self.app, path), answer).await {
            Ok(Ok(Ok(result))) => result,
            Ok(Ok(Err(_panic))) => Err(Problem::internal(&"handler panicked").into()),
            Ok(Err(silence)) => Err(Problem::from(silence).into()),
            Err(_elapsed) => Err(Problem::new(ErrorCode::Timeout, "The request took longer than it may.").into()),
        }
    }
}

/// The first three segments: enough for a span's name, with no ids in it.
fn group_path(path: &str) -> &str {
    path.match_indices('/').nth(4).map_or(path, |(end, _)| path.get(..end).unwrap_or(path))
}

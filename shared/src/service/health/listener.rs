//! The ops listener: probes and `/metrics`, plain HTTP/1.1, straight on hyper.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinHandle};

use super::Health;
use crate::service::{config::OpsConfig, telemetry};

/// A peer that does not finish its request's head in this time is hung up on; idle connections too.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest life of a connection: probes and scrapers come back.
const CONNECTION_LIMIT: Duration = Duration::from_secs(300);

/// Connections at a time; more wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 64;

/// Serves until dropped. It outlives the soft stop, so that probes hear "stopping" instead of nothing.
pub struct OpsListener {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for OpsListener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl OpsListener {
    /// Binds and serves `/healthz`, `/readyz`, `/health/live`, `/health/ready`, and `/metrics` where there is a registry.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(
        config: &OpsConfig,
        health: Health,
        registry: Option<prometheus::Registry>,
    ) -> std::io::Result<Self> {
        let listener = config.listen_addr.bind().await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, Arc::new(Answers { health, registry })));
        Ok(Self { address, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(listener: TcpListener, answers: Arc<Answers>) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, most likely: the peers' closing is what helps.
                tracing::warn!(error = &error as &dyn std::error::Error, "ops listener cannot accept");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let answers = Arc::clone(&answers);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let answers = Arc::clone(&answers);
                async move { Ok::<_, Infallible>(answers.to(&request)) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .max_buf_size(16 * 1024)
                .serve_connection(TokioIo::new(stream), service);
            let _ = tokio::time::timeout(CONNECTION_LIMIT, connection).await;
            drop(slot);
        });
    }
}

struct Answers {
    health: Health,
    registry: Option<prometheus::Registry>,
}

impl Answers {
    fn to(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned());
            answer.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match request.uri().path() {
            "/healthz" | "/health/live" => json(StatusCode::OK, r#"{"status":"ok"}"#.to_owned()),
            "/readyz" | "/health/ready" => {
                let report = self.health.report();
                let status = StatusCode::from_u16(report.http_status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
                json(status, serde_json::to_string(&report).unwrap_or_default())
            }
            "/metrics" => match self.registry.as_ref().map(telemetry::render) {
                Some(Ok(metrics)) => text(StatusCode::OK, metrics),
                Some(Err(error)) => {
                    tracing::error!(error = format!("{error:#}"), "metrics cannot be written");
                    text(StatusCode::INTERNAL_SERVER_ERROR, String::new())
                }
                None => {
                    let why = "metrics are not served here: set BACKEND_OTEL_METRICS_EXPORTER=prometheus\n";
                    text(StatusCode::NOT_FOUND, why.to_owned())
                }
            },
            _ => text(StatusCode::NOT_FOUND, "try /healthz, /readyz or /metrics\n".to_owned()),
        }
    }
}

fn json(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    answer(status, "application/json", body)
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    answer(status, "text/plain; version=0.0.4; charset=utf-8", body)
}

fn answer(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    answer.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use super::{
        super::{PartKind, ask_readiness},
        *,
    };
    use crate::service::config::ListenAddr;

    async fn serve(health: Health, registry: Option<prometheus::Registry>) -> (OpsListener, OpsConfig) {
        let config = OpsConfig { listen_addr: ListenAddr::parse("127.0.0.1:0").unwrap() };
        let listener = OpsListener::start(&config, health, registry).await.unwrap();
        let bound = OpsConfig { listen_addr: ListenAddr::parse(&listener.address().to_string()).unwrap() };
        (listener, bound)
    }

    async fn get(listener: &OpsListener, path: &str) -> (u16, String) {
        let answer = reqwest::get(format!("http://{}{path}", listener.address())).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    #[tokio::test]
    async fn probes_follow_the_parts() {
        let health = Health::new();
        let part = health.part("postgres", PartKind::Required);
        let (listener, config) = serve(health.clone(), None).await;
        for path in ["/healthz", "/health/live"] {
            assert_eq!(get(&listener, path).await.0, 200);
        }
        for path in ["/readyz", "/health/ready"] {
            let (status, body) = get(&listener, path).await;
            assert_eq!(status, 503);
            assert!(body.contains(r#""name":"postgres""#), "{body}");
        }
        let asked = tokio::task::spawn_blocking({
            let config = config.clone();
            move || ask_readiness(&config)
        });
        assert!(asked.await.unwrap().unwrap_err().to_string().contains("503"));
        part.set_ok();
        assert_eq!(get(&listener, "/readyz").await.0, 200);
        let asked = tokio::task::spawn_blocking(move || ask_readiness(&config));
        asked.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn metrics_are_there_only_with_a_registry() {
        let (listener, _) = serve(Health::new(), None).await;
        assert_eq!(get(&listener, "/metrics").await.0, 404);
        assert_eq!(get(&listener, "/elsewhere").await.0, 404);
        let registry = prometheus::Registry::new();
        let counter = prometheus::IntCounter::new("seen_total", "Seen").unwrap();
        registry.register(Box::new(counter.clone())).unwrap();
        counter.inc();
        let (listener, _) = serve(Health::new(), Some(registry)).await;
        let (status, body) = get(&listener, "/metrics").await;
        assert_eq!(status, 200);
        assert!(body.contains("seen_total 1"), "{body}");
    }
}

//! The ops listener: probes and `/metrics`, plain HTTP/1.1, one request a connection (docs/shares.md).

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    config::OpsConfig,
    domain::network::Network,
    service::{
        health::Health,
        listen::{Budget, Costs, Limits, Listener, Peer, Protocol, Underway, unambiguous},
        telemetry,
    },
};

/// Connections, in all and of one network: a probe or a scrape takes milliseconds, and nobody's carries everybody.
const CONNECTIONS: usize = 64;
const SHARE: usize = 16;
/// For a request to come, for a connection to be of use, and for an answer to be taken.
const PATIENCE: Duration = Duration::from_secs(5);
/// Answers under way, in all and of one network. `/metrics` has places of its own, so that whoever floods it keeps no probe out.
const PROBES: (usize, usize) = (32, 8);
const SCRAPES: (usize, usize) = (8, 4);

/// Serves until dropped. It outlives the soft stop, so that probes hear "stopping" instead of nothing.
pub struct OpsListener {
    address: SocketAddr,
    _stop: DropGuard,
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
        let tcp = config.listen_addr.bind().await?;
        let address = tcp.local_addr()?;
        let limits = Limits {
            name: "ops",
            protocol: Protocol::Http1Once,
            connections: CONNECTIONS,
            share: SHARE,
            opening: PATIENCE,
            idle: PATIENCE,
            answering: None,
            unread: PATIENCE,
            ping: PATIENCE,
            drain: Duration::ZERO,
        };
        let answers = Arc::new(Answers {
            health,
            registry,
            probes: Budget::new(PROBES.0, PROBES.1),
            scrapes: Budget::new(SCRAPES.0, SCRAPES.1),
            rendering: tokio::sync::Mutex::new(()),
        });
        let stop = CancellationToken::new();
        let handler = move |request| {
            let answers = Arc::clone(&answers);
            async move { answers.to(&request).await }
        };
        tokio::spawn(Listener::new(tcp, None, limits).serve(handler, stop.clone()));
        Ok(Self { address, _stop: stop.drop_guard() })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

struct Answers {
    health: Health,
    registry: Option<prometheus::Registry>,
    probes: Budget<Network>,
    scrapes: Budget<Network>,
    /// All metrics are written at once, in memory and on a thread that others wait for: one at a time.
    rendering: tokio::sync::Mutex<()>,
}

impl Answers {
    async fn to(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let peer = request.extensions().get::<Peer>();
        if let Some(peer) = peer
            && let Err(doubt) = unambiguous(peer, request.version(), request.uri(), request.headers())
        {
            return text(StatusCode::BAD_REQUEST, format!("{doubt}\n"));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned());
            answer.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        let path = request.uri().path();
        let budget = if path == "/metrics" { &self.scrapes } else { &self.probes };
        let network = peer.map(|peer| peer.network);
        let mut place = match network.map(|network| budget.take(&network, 1)).transpose() {
            Ok(place) => place,
            Err(_short) => {
                let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, "too many at once\n".to_owned());
                answer.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
                return answer;
            }
        };
        let mut answer = match path {
            "/healthz" | "/health/live" => json(StatusCode::OK, r#"{"status":"ok"}"#.to_owned()),
            "/readyz" | "/health/ready" => {
                let report = self.health.report();
                let status = StatusCode::from_u16(report.http_status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
                json(status, serde_json::to_string(&report).unwrap_or_default())
            }
            "/metrics" => self.metrics().await,
            _ => text(StatusCode::NOT_FOUND, "try /healthz, /readyz or /metrics\n".to_owned()),
        };
        // Whoever does not read their answer leaves the place to others.
        if let (Some(place), Some(underway)) = (&mut place, request.extensions().get::<Underway>().cloned()) {
            place.lend(move || underway.end());
        }
        answer.extensions_mut().insert(Costs::new(place));
        answer
    }

    async fn metrics(&self) -> Response<Full<Bytes>> {
        let Some(registry) = &self.registry else {
            let why = "metrics are not served here: set BACKEND_OTEL_METRICS_EXPORTER=prometheus\n";
            return text(StatusCode::NOT_FOUND, why.to_owned());
        };
        let _alone = self.rendering.lock().await;
        match telemetry::render(registry) {
            Ok(metrics) => text(StatusCode::OK, metrics),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "metrics cannot be written");
                text(StatusCode::INTERNAL_SERVER_ERROR, String::new())
            }
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
    // The last three as on every listener (SPEC §4).
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        answer.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::ListenAddr,
        service::health::{PartKind, ask_readiness},
    };
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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
        let answer = reqwest::get(format!("http://{}/healthz", listener.address())).await.unwrap();
        for header in ["x-content-type-options", "referrer-policy", "content-security-policy"] {
            assert!(answer.headers().contains_key(header), "{header}");
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
    async fn what_may_be_read_in_two_ways_is_refused() {
        let (listener, _) = serve(Health::new(), None).await;
        let lengths = "Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        for (words, status) in [
            ("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "200"),
            ("GET /healthz HTTP/1.0\r\n\r\n".to_owned(), "200"),
            ("GET /healthz HTTP/1.1\r\n\r\n".to_owned(), "400"),
            ("GET /metrics HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".to_owned(), "400"),
            ("GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n".to_owned(), "400"),
            ("GET /healthz HTTP/1.1\r\nHost: u@x\r\n\r\n".to_owned(), "400"),
            ("GET /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n".to_owned(), "400"),
            (format!("GET /healthz HTTP/1.1\r\n{lengths}"), "400"),
            (format!("POST /healthz HTTP/1.1\r\n{lengths}"), "400"),
        ] {
            let mut peer = tokio::net::TcpStream::connect(listener.address()).await.unwrap();
            peer.write_all(words.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            // It is closed, whatever of the request is still unread.
            let _ = peer.read_to_end(&mut answer).await;
            let answer = String::from_utf8_lossy(&answer);
            assert_eq!(answer.split(' ').nth(1), Some(status), "{words:?}: {answer}");
        }
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

//! The settings of the REST listener.

use std::num::NonZeroU32;
use std::time::Duration;

use ipnet::IpNet;
use shared::config::{Group, ListenAddr, Reader, parse};

use super::rate;

/// REST listener and limits.
#[derive(Debug)]
pub struct HttpConfig {
    /// The address that is listened on.
    pub listen_addr: ListenAddr,
    /// For the head of a request, and for its body.
    pub read_timeout: Duration,
    /// For a connection without a request under way.
    pub idle_timeout: Duration,
    /// From the whole request to the whole answer.
    pub write_timeout: Duration,
    /// Draining at shutdown.
    pub shutdown_timeout: Duration,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins that browsers may call from.
    pub cors_origins: Vec<String>,
    /// Whether `/docs` is served.
    pub docs: bool,
    /// Whether `/console` is served.
    pub console: bool,
    /// Requests under way at once; more are answered 503.
    pub max_in_flight: usize,
    /// Requests a minute and address on the public group.
    pub public_rate: NonZeroU32,
}

impl Group for HttpConfig {
    fn read(r: &mut Reader) -> Self {
        r.section("REST");
        Self {
            listen_addr: r.optional(
                "BACKEND_HTTP_LISTEN_ADDR",
                ":8080",
                "REST listener; probes and the OpenAPI document are served here too.",
                ListenAddr::parse,
            ),
            read_timeout: r.optional(
                "BACKEND_HTTP_READ_TIMEOUT",
                "30s",
                "The longest that a peer may take to begin, that reading the head of a request may take, and \
                 that reading its body may take.",
                parse::positive_duration,
            ),
            idle_timeout: r.optional(
                "BACKEND_HTTP_IDLE_TIMEOUT",
                "75s",
                "How long a connection to REST or gRPC may stay without a request or stream under way, of \
                 whichever version of HTTP; longer than the usual 60s of balancers. Where places are out it \
                 gives way at once.",
                parse::positive_duration,
            ),
            write_timeout: r.optional(
                "BACKEND_HTTP_WRITE_TIMEOUT",
                "30s",
                "The longest that answering one request may take, and again that its answer may lie unread \
                 (beside a second for every 64 KiB of it); a call that goes on to an engine has the engine's \
                 timeout and 5s instead of the first.",
                parse::positive_duration,
            ),
            shutdown_timeout: r.optional(
                "BACKEND_HTTP_SHUTDOWN_TIMEOUT",
                "15s",
                "Budget for requests under way at shutdown.",
                parse::positive_duration,
            ),
            trusted_proxies: r.optional(
                "BACKEND_TRUSTED_PROXIES",
                "127.0.0.0/8,::1/128",
                "Networks whose `X-Forwarded-For` is believed, comma-separated.",
                parse::networks,
            ),
            cors_origins: r.optional(
                "BACKEND_CORS_ORIGINS",
                "",
                "Origins that browsers' scripts may call from (`https://admin.example`), comma-separated, `*` \
                 for any; empty: none. Administrators' writes are taken from those that are named.",
                origins,
            ),
            docs: r.optional(
                "BACKEND_DOCS_ENABLED",
                "true",
                "Serve Swagger UI at `/docs`. The document itself, `/openapi.json`, is served in any case.",
                parse::bool,
            ),
            console: r.optional(
                "BACKEND_CONSOLE_ENABLED",
                "true",
                "Serve the operator console at `/console`, where the binary was built with it.",
                parse::bool,
            ),
            max_in_flight: r.optional(
                "BACKEND_HTTP_MAX_IN_FLIGHT",
                "512",
                "Requests under way at once, until their answers have gone; one more is answered 503 with \
                 `Retry-After`. One network has half of them, calls to engines a quarter. REST takes this many \
                 connections and 256, one network half of those (docs/shares.md).",
                parse::positive,
            ),
            public_rate: r.optional(
                "BACKEND_HTTP_PUBLIC_RATE",
                "120",
                "Requests a minute and client address on `/api/v1/public`, per replica.",
                rate,
            ),
        }
    }
}

/// Origins as browsers write them (RFC 6454 §6.2): scheme, host, and a port where it is not the scheme's own.
fn origins(value: &str) -> Result<Vec<String>, String> {
    let origins = parse::list(value)?;
    for origin in &origins {
        let fits = origin.split_once("://").is_some_and(|(scheme, authority)| {
            matches!(scheme, "http" | "https")
                && authority
                    .parse::<http::uri::Authority>()
                    .is_ok_and(|a| !a.host().is_empty() && !authority.contains('@'))
        });
        if origin != "*" && !fits {
            return Err(format!("{origin:?} is no origin, such as https://admin.example or http://localhost:3000"));
        }
    }
    Ok(origins)
}

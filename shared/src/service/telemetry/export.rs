//! OTLP exporters that neither block nor spam when no collector answers.

use std::{
    fmt::Debug,
    future::{Future, poll_fn},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_otlp::{
    MetricExporter, Protocol, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
    WithTonicConfig as _,
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    metrics::{Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
    trace::SpanData,
};
use rustls::RootCertStore;
use tokio::runtime::Handle;
use tonic::transport::ClientTlsConfig;

use crate::config::{OtlpProtocol, TelemetryConfig};

/// How long one batch may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Builds the exporter of a signal to the configured collector. A macro, since the builders of two signals are types that have
/// no `build` of one trait.
macro_rules! exporter {
    ($exporter:ident, $config:expr, $signal:literal) => {{
        let builder = $exporter::builder();
        let inner = match ($config.protocol, &$config.endpoint) {
            (OtlpProtocol::Grpc, None) => builder.with_tonic().with_retry_policy(retry()).with_timeout(TIMEOUT).build(),
            (OtlpProtocol::Grpc, Some(url)) => {
                let builder = builder.with_tonic().with_retry_policy(retry()).with_timeout(TIMEOUT).with_endpoint(url);
                if is_https(url) { builder.with_tls_config(system_roots()).build() } else { builder.build() }
            }
            (OtlpProtocol::HttpProtobuf, url) => {
                let url = signal_url(url.as_deref(), $signal);
                builder
                    .with_http()
                    .with_http_client(http_client(&url)?)
                    .with_retry_policy(retry())
                    .with_protocol(Protocol::HttpBinary)
                    .with_timeout(TIMEOUT)
                    .with_endpoint(url)
                    .build()
            }
        };
        Ok(Steady::new($signal, inner.context(concat!("exporter of ", $signal))?))
    }};
}

/// An exporter of spans to the configured collector.
pub(super) fn spans(config: &TelemetryConfig) -> anyhow::Result<Steady<SpanExporter>> {
    exporter!(SpanExporter, config, "traces")
}

/// An exporter of metrics to the configured collector.
pub(super) fn metrics(config: &TelemetryConfig) -> anyhow::Result<Steady<MetricExporter>> {
    exporter!(MetricExporter, config, "metrics")
}

fn is_https(url: &str) -> bool {
    url.starts_with("https:")
}

/// gRPC to a collector whose certificate the system's roots vouch for.
fn system_roots() -> ClientTlsConfig {
    ClientTlsConfig::new().with_native_roots()
}

/// HTTP to a collector, over TLS where its URL says so. Not reqwest: with TLS, its clients everywhere in the process would want a
/// crypto provider that is installed process-wide.
fn http_client(url: &str) -> anyhow::Result<HyperClient<HttpsConnector<HttpConnector>>> {
    let mut roots = RootCertStore::empty();
    if is_https(url) {
        let found = rustls_native_certs::load_native_certs();
        anyhow::ensure!(!found.certs.is_empty(), "no roots on this system to check {url} against: {:?}", found.errors);
        roots.add_parsable_certificates(found.certs);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    Ok(HyperClient::new(connector, TIMEOUT, None))
}

/// One more try, soon: a process that ends must not wait for a collector that is away.
fn retry() -> RetryPolicy {
    RetryPolicy::recommended().with_max_retries(1)
}

/// The path of a signal below the collector's base URL (OTLP over HTTP).
fn signal_url(base: Option<&str>, signal: &str) -> String {
    let base = base.unwrap_or("http://localhost:4318");
    let suffix = format!("/v1/{signal}");
    if base.ends_with(&suffix) { base.to_owned() } else { format!("{base}{suffix}") }
}

/// Wraps an exporter: its futures run with the tokio runtime at hand (the SDK polls them on threads of its own), and a
/// collector that does not answer is told of once, and once more when it is back.
#[derive(Debug)]
pub(super) struct Steady<E> {
    inner: E,
    signal: &'static str,
    runtime: Handle,
    failing: AtomicBool,
}

impl<E> Steady<E> {
    fn new(signal: &'static str, inner: E) -> Self {
        Self { inner, signal, runtime: Handle::current(), failing: AtomicBool::new(false) }
    }

    async fn watched(&self, export: impl Future<Output = OTelSdkResult> + Send) -> OTelSdkResult {
        let mut export = Box::pin(export);
        let result = poll_fn(|cx| {
            let _within = self.runtime.enter();
            export.as_mut().poll(cx)
        })
        .await;
        let failing = result.is_err();
        if self.failing.swap(failing, Ordering::Relaxed) != failing {
            match result {
                Err(error) => tracing::warn!(
                    signal = self.signal,
                    error = &error as &dyn std::error::Error,
                    "the OpenTelemetry collector does not answer; telemetry is lost until it does"
                ),
                Ok(()) => tracing::info!(signal = self.signal, "the OpenTelemetry collector answers again"),
            }
        }
        // The SDK would log every single failure.
        Ok(())
    }
}

impl<E: opentelemetry_sdk::trace::SpanExporter> opentelemetry_sdk::trace::SpanExporter for Steady<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.watched(self.inner.export(batch)).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Steady<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.watched(self.inner.export(metrics)).await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_their_own_path_below_the_base() {
        assert_eq!(signal_url(None, "traces"), "http://localhost:4318/v1/traces");
        assert_eq!(signal_url(Some("http://c:4318"), "metrics"), "http://c:4318/v1/metrics");
        assert_eq!(signal_url(Some("http://c/v1/traces"), "traces"), "http://c/v1/traces");
    }
}

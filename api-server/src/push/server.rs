//! The gRPC server: who is let in where, keepalive, and the end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::TryStreamExt as _;
use shared::proto::PUSH_DESCRIPTORS;
use shared::proto::push::push_hub_server::PushHubServer;
use shared::proto::push::push_server::PushServer;
use tokio::net::TcpListener;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server, ServerTlsConfig};
use tonic_health::ServingStatus;

use super::Hub;
use super::access::Needs;
use super::publish::{MAX_MESSAGE, Publisher};
use super::subscribe::Subscriptions;
use crate::opening::Opening;

/// A peer that answers no ping within this and half of it again is dead, and its streams end.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);
/// A subscription is a name and a cursor.
const MAX_SUBSCRIPTION: usize = 4 << 10;
/// Calls and streams of one connection.
const MAX_CONCURRENT: u32 = 256;

pub(super) async fn run(hub: Arc<Hub>, listener: TcpListener, tls: Option<ServerTlsConfig>) -> anyhow::Result<()> {
    // However this ends, the follower need not go on for it.
    let _served = hub.served.clone().drop_guard();
    let (reporter, health) = tonic_health::server::health_reporter();
    let push = PushServer::new(Subscriptions(hub.clone())).max_decoding_message_size(MAX_SUBSCRIPTION);
    let publish = PushHubServer::new(Publisher(hub.clone())).max_decoding_message_size(MAX_MESSAGE);
    let described = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(PUSH_DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let any = hub.access.guard(Needs::AnyToken);
    let mut server = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .max_concurrent_streams(MAX_CONCURRENT);
    if let Some(tls) = tls {
        server = server.tls_config(tls.timeout(hub.config.opening_timeout)).context("gRPC TLS")?;
    }
    let router = server
        .add_service(health)
        .add_service(InterceptedService::new(push, hub.access.guard(Needs::Gateway)))
        .add_service(InterceptedService::new(publish, hub.access.guard(Needs::Worker)))
        .add_service(InterceptedService::new(described().build_v1().context("reflection")?, any.clone()))
        .add_service(InterceptedService::new(described().build_v1alpha().context("reflection")?, any));
    let soft = hub.lifecycle.soft();
    let limit = hub.config.opening_timeout;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let incoming = incoming.map_ok(move |socket| Opening::within(socket, limit));
    let serving = router.serve_with_incoming_shutdown(incoming, soft.clone().cancelled_owned());
    let over = async {
        soft.cancelled().await;
        tokio::time::sleep(hub.config.shutdown_timeout).await;
    };
    tokio::select! {
        served = serving => served.context("gRPC server"),
        () = over => {
            tracing::warn!("push streams did not end within their budget: leaving them behind");
            Ok(())
        }
        never = report(&hub, &reporter) => match never {},
    }
}

/// Keeps gRPC health true: serving while the follower reads the log and the process is not stopping.
async fn report(hub: &Hub, reporter: &tonic_health::server::HealthReporter) -> std::convert::Infallible {
    let mut known = None;
    let soft = hub.lifecycle.soft();
    let mut looked = tokio::time::interval(Duration::from_millis(500));
    loop {
        let status = match hub.part.is_ok() && !soft.is_cancelled() {
            true => ServingStatus::Serving,
            false => ServingStatus::NotServing,
        };
        if known.replace(status) != Some(status) {
            for service in ["", "galaxy.push.v1.Push", "galaxy.push.v1.PushHub"] {
                reporter.set_service_status(service, status).await;
            }
        }
        if soft.is_cancelled() {
            std::future::pending::<()>().await;
        }
        tokio::select! {
            _ = looked.tick() => {}
            () = soft.cancelled() => {}
        }
    }
}

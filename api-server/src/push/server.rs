//! The gRPC server: who is let in where, keepalive, and the end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use hyper::body::Incoming;
use shared::proto::PUSH_DESCRIPTORS;
use shared::proto::push::push_hub_server::PushHubServer;
use shared::proto::push::push_server::PushServer;
use shared::service::listen::{Lasting, Limits, Listener, Protocol, Tls};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tonic_health::ServingStatus;
use tower::ServiceExt as _;

use super::Hub;
use super::access::Needs;
use super::arriving::Arrivals;
use super::publish::{MAX_MESSAGE, Publisher};
use super::subscribe::Subscriptions;

/// Between two pings; a peer that answers none within this again is dead, and its streams end.
const PING: Duration = Duration::from_secs(7);
/// From a call's head to its answer's, and for the answer to be read: whatever is no stream is short.
const CALL: Duration = Duration::from_secs(60);
/// Whoever asks for health, which anybody may, or for a description names something.
const MAX_QUESTION: usize = 1 << 10;
/// A subscription is a name and a cursor.
const MAX_SUBSCRIPTION: usize = 4 << 10;
/// What goes on for as long as both sides like.
const SUBSCRIBE: &str = "/galaxy.push.v1.Push/SubscribePush";
/// The same, and anybody may ask for it.
const WATCH: &str = "/grpc.health.v1.Health/Watch";

pub(super) async fn run(hub: Arc<Hub>, listener: TcpListener, tls: Option<Tls>) -> anyhow::Result<()> {
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
    let v1 = described().build_v1().context("reflection")?.max_decoding_message_size(MAX_QUESTION);
    let v1alpha = described().build_v1alpha().context("reflection")?.max_decoding_message_size(MAX_QUESTION);
    let any = hub.access.guard(Needs::AnyToken);
    let routes = Routes::new(health.max_decoding_message_size(MAX_QUESTION))
        .add_service(InterceptedService::new(push, hub.access.guard(Needs::Gateway)))
        .add_service(InterceptedService::new(publish, hub.access.guard(Needs::Worker)))
        .add_service(InterceptedService::new(v1, any.clone()))
        .add_service(InterceptedService::new(v1alpha, any))
        .prepare();
    let soft = hub.lifecycle.soft();
    let limits = Limits {
        name: "grpc",
        protocol: Protocol::Http2,
        connections: hub.config.connections,
        share: Limits::share_of(hub.config.connections),
        opening: hub.config.opening_timeout,
        idle: hub.config.idle_timeout,
        answering: Some(CALL),
        unread: CALL,
        ping: PING,
        drain: hub.config.shutdown_timeout,
    };
    let arrivals = Arrivals::new();
    let handler = move |request| answer(routes.clone(), arrivals.clone(), request);
    tokio::select! {
        () = Listener::new(listener, tls, limits).serve(handler, soft) => Ok(()),
        never = report(&hub, &reporter) => match never {},
    }
}

async fn answer(routes: Routes, arrivals: Arrivals, request: http::Request<Incoming>) -> http::Response<Body> {
    let lasting = match request.uri().path() {
        SUBSCRIBE => Some(Lasting::Subscription),
        WATCH => Some(Lasting::Watch),
        _ => None,
    };
    let (request, _held) = match arrivals.admit(request) {
        Ok(admitted) => admitted,
        Err(busy) => return busy.into_http(),
    };
    let Ok(mut response) = routes.oneshot(request).await;
    // A refusal is whole in its head, and no stream.
    if let Some(lasting) = lasting
        && !response.headers().contains_key(tonic::Status::GRPC_STATUS)
    {
        response.extensions_mut().insert(lasting);
    }
    response
}

/// Keeps gRPC health true: serving while the follower reads the log and the process is not about to stop.
async fn report(hub: &Hub, reporter: &tonic_health::server::HealthReporter) -> std::convert::Infallible {
    let mut known = None;
    let leaving = hub.lifecycle.leaving();
    let mut looked = tokio::time::interval(Duration::from_millis(500));
    loop {
        let status = match hub.part.is_ok() && !leaving.is_cancelled() {
            true => ServingStatus::Serving,
            false => ServingStatus::NotServing,
        };
        if known.replace(status) != Some(status) {
            for service in ["", "galaxy.push.v1.Push", "galaxy.push.v1.PushHub"] {
                reporter.set_service_status(service, status).await;
            }
        }
        if leaving.is_cancelled() {
            std::future::pending::<()>().await;
        }
        tokio::select! {
            _ = looked.tick() => {}
            () = leaving.cancelled() => {}
        }
    }
}

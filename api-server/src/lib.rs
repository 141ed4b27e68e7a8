//! `api-server`: REST and the push hub. Stateless: whatever a replica holds, no other replica needs.

pub mod admins;
pub mod app;
pub mod brakes;
pub mod code_metrics;
pub mod config;
mod engine_places;
pub mod geo;
pub mod http;
mod listeners;
mod pepper;
pub mod push;
pub mod refusal;
mod seal;
pub mod tls;
mod totp;
pub mod use_cases;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use shared::db;
use shared::engine_client::EngineClient;
use shared::queue::wake;
use shared::service::health::PartKind;
use shared::service::listen::{Budget, Listener};
use shared::service::run::Service;
use tokio::net::TcpListener;

use app::App;
use config::{Bootstrap, Config};
use engine_places::EnginePlaces;

/// Bytes of engines' answers that are being read, in all; one engine has half, which is more than the longest report.
const ENGINE_BYTES: usize = 48 << 20;

/// Where a started replica listens.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// REST.
    pub rest: SocketAddr,
    /// The push hub.
    pub grpc: SocketAddr,
}

/// Wires a replica on listeners that are bound already, so that tests take free ports, and spawns its tasks.
///
/// # Errors
/// What keeps it from starting at all: unreadable certificates, no randomness, a listener without an address.
pub async fn start(service: Service<Config>, rest: TcpListener, grpc: TcpListener) -> anyhow::Result<Addresses> {
    let Service { config, base, lifecycle, health, clock, random, db, gate, .. } = service;
    // Before anything else: the ops listener answers already, and must not say "ready" of a part that it has not heard of.
    let bootstrapped = config.bootstrap.is_some().then(|| health.part("bootstrap", PartKind::Required));
    let served = health.part("rest", PartKind::Required);
    let addresses = Addresses { rest: rest.local_addr()?, grpc: grpc.local_addr()? };
    let (rest_tls, grpc_tls) = match tls::load(config.tls.as_ref()).context("TLS")? {
        Some(tls::Both { rest, grpc }) => (Some(rest), Some(grpc)),
        None => (None, None),
    };
    let places = listeners::fit(&config, base.postgres.max_conns);
    let engines = EngineClient::limited(&config.engine).map_err(|e| anyhow::anyhow!("engine client: {e:?}"))?;
    let (waker, listener) = wake::start(&base.postgres, &lifecycle, &random);
    let config = Arc::new(config);

    let hub_config = push::PushConfig {
        freshness_window: config.push.freshness_window,
        gateway_token: config.gateway_token.clone(),
        worker_token: config.worker_token.clone(),
        shutdown_timeout: config.push.shutdown_timeout,
        opening_timeout: config.http.read_timeout,
        idle_timeout: config.http.idle_timeout,
        connections: places.grpc,
        ..push::PushConfig::default()
    };
    let hub = push::PushHub::start(db.clone(), waker.clone(), listener, &lifecycle, &health, gate.clone(), hub_config);
    hub.serve(grpc, grpc_tls);

    let geo = geo::Geo::start(config.geo.as_ref(), &db, &lifecycle, &health).await;
    let app = Arc::new(App {
        brakes: brakes::Brakes::new(config.http.public_rate, config.auth.email_rate, config.auth.wrong_code_rate),
        admins: admins::Admins::new(random.bytes()),
        codes: code_metrics::CodeMetrics::new(),
        engines: engines.with_room(Budget::new(ENGINE_BYTES, ENGINE_BYTES / 2)),
        engine_places: EnginePlaces::new(config.http.max_in_flight),
        config,
        db,
        waker,
        clock,
        random,
        health: health.clone(),
        geo,
    });
    let routes = http::routes(app.clone())?;
    let listener = Listener::new(rest, rest_tls, listeners::rest(&app.config, places.rest));
    let probe = listener.probe("/healthz").context("REST")?;
    let soft = lifecycle.soft();
    let (leaving, stop) = (lifecycle.leaving(), lifecycle.soft());
    lifecycle.spawn("rest", http::connection::server::serve(listener, routes, leaving, stop));
    lifecycle.spawn("rest probe", async move {
        probe.run(served, soft).await;
        Ok(())
    });
    if let Some(part) = bootstrapped {
        let (soft, mut gate) = (lifecycle.soft(), gate);
        lifecycle.spawn_detached_ok("bootstrap", async move {
            tokio::select! {
                () = soft.cancelled() => {}
                () = async { gate.opened().await; bootstrap(&app).await; } => part.set_ok(),
            }
            Ok(())
        });
    }
    Ok(addresses)
}

/// Inserts the first administrator if no row has the name; tries until the database answers.
async fn bootstrap(app: &App) {
    let Some(Bootstrap { user, password }) = &app.config.bootstrap else { return };
    loop {
        match app.db.try_within(insert_administrator(app, user, password.expose())).await {
            Ok(true) => tracing::info!("bootstrap administrator inserted; rotate the password"),
            Ok(false) => tracing::debug!("bootstrap administrator exists already"),
            Err(error) => {
                tracing::warn!(%error, "bootstrap administrator not inserted yet");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        }
        return;
    }
}

async fn insert_administrator(app: &App, user: &str, password: &str) -> anyhow::Result<bool> {
    let mut conn = app.db.acquire().await?;
    if db::admin_accounts::exists(&mut conn, user).await? {
        return Ok(false);
    }
    // No connection is held while bcrypt works.
    drop(conn);
    let hash = app.admins.hash(password.to_owned()).await?;
    let mut conn = app.db.acquire().await?;
    Ok(db::admin_accounts::bootstrap(&mut conn, user, &hash).await?)
}

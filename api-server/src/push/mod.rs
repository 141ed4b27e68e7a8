//! The push hub (SPEC §12; docs/push.md): follows the log, serves it to gateways, takes events from workers.
//!
//! A replica holds nothing that another needs. One [`follower`] reads the log's tail into a ring in memory; a
//! stream holds only its position, and reads the ring, or the table where the ring no longer reaches back.

mod access;
mod arriving;
mod follower;
mod frame;
mod log;
mod metrics;
mod positions;
mod publish;
mod replacement;
mod retention;
mod server;
mod stream;
mod subscribe;

use std::sync::Arc;
use std::time::Duration;

use shared::db::Db;
use shared::queue::wake::{Listener, Waker};
use shared::secret::Tokens;
use shared::service::health::{Health, PartHandle, PartKind, SchemaGate};
use shared::service::lifecycle::Lifecycle;
use shared::service::listen::Tls;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use access::Access;
use log::Log;
use metrics::Metrics;
use replacement::Streams;

/// What the hub can be told. The defaults are the product's; tests take shorter times.
#[derive(Debug, Clone)]
pub struct PushConfig {
    /// How far back a cursor may lie (`BACKEND_FRESHNESS_WINDOW`); at most [`shared::db::push_log::MAX_WINDOW`].
    pub freshness_window: Duration,
    /// Bearer tokens of gateways; `None`: anybody is one (a trusted network).
    pub gateway_token: Option<Tokens>,
    /// Bearer tokens of our workers; `None`: anybody is one.
    pub worker_token: Option<Tokens>,
    /// Budget for ending streams and calls at shutdown (`BACKEND_GRPC_PUSH_SHUTDOWN_TIMEOUT`).
    pub shutdown_timeout: Duration,
    /// For a peer's first words, and for a TLS handshake (`BACKEND_HTTP_READ_TIMEOUT`).
    pub opening_timeout: Duration,
    /// For a connection without a stream under way (`BACKEND_HTTP_IDLE_TIMEOUT`).
    pub idle_timeout: Duration,
    /// Connections at a time; one network has half.
    pub connections: usize,
    /// Silence on a stream before a bookmark; SPEC allows 5 s.
    pub bookmark_interval: Duration,
    /// A replica that has not seen the log for so long ends its streams: a revocation must not hide behind a stream that
    /// looks alive (SPEC §12).
    pub blind_limit: Duration,
    /// Bytes of events that the ring keeps in memory.
    pub ring_bytes: usize,
    /// How often the log is looked at while nothing happens and notifications are known to arrive.
    pub idle_poll: Duration,
    /// The same while they are not.
    pub anxious_poll: Duration,
    /// How often a replica looks whether its streams were replaced elsewhere, should the notification get lost.
    pub replacement_poll: Duration,
    /// How often a replica writes down how far its streams are.
    pub report_interval: Duration,
    /// How long the ids of events are remembered, so that publishing one again appends nothing.
    pub ids_kept: Duration,
    /// How often expired ticks are removed.
    pub retention_interval: Duration,
}

impl Default for PushConfig {
    fn default() -> Self {
        Self {
            freshness_window: Duration::from_secs(300),
            gateway_token: None,
            worker_token: None,
            shutdown_timeout: Duration::from_secs(10),
            opening_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            connections: 256,
            bookmark_interval: Duration::from_secs(4),
            blind_limit: Duration::from_secs(10),
            ring_bytes: 8 << 20,
            idle_poll: Duration::from_secs(1),
            anxious_poll: Duration::from_millis(250),
            replacement_poll: Duration::from_millis(500),
            report_interval: Duration::from_secs(5),
            ids_kept: Duration::from_secs(7 * 24 * 3600),
            retention_interval: Duration::from_secs(10),
        }
    }
}

/// One replica's hub. Clones are handles on the same one.
#[derive(Clone)]
pub struct PushHub(Arc<Hub>);

struct Hub {
    config: PushConfig,
    db: Db,
    waker: Waker,
    listener: Listener,
    lifecycle: Lifecycle,
    gate: SchemaGate,
    part: PartHandle,
    access: Access,
    log: Log,
    streams: Streams,
    metrics: Metrics,
    /// How many streams may read the table at once: slow ones must not take the pool from the requests.
    table_reads: Semaphore,
    /// Fires when nobody is served any more: the follower has outlived the streams and calls that lean on it.
    served: CancellationToken,
}

impl PushHub {
    /// Starts following the log, as the health part `push`, which is well once the follower has caught up and
    /// [`PushHub::serve`] was called. While `gate` is closed (the schema does not fit) nothing is touched.
    #[must_use]
    pub fn start(
        db: Db,
        waker: Waker,
        listener: Listener,
        lifecycle: &Lifecycle,
        health: &Health,
        gate: SchemaGate,
        config: PushConfig,
    ) -> Self {
        let log = Log::new(config.ring_bytes);
        let hub = Arc::new(Hub {
            part: health.part("push", PartKind::Required),
            access: Access::new(config.gateway_token.clone(), config.worker_token.clone()),
            metrics: Metrics::new(log.looks()),
            log,
            streams: Streams::default(),
            table_reads: Semaphore::new(4),
            served: CancellationToken::new(),
            config,
            db,
            waker,
            listener,
            lifecycle: lifecycle.clone(),
            gate,
        });
        lifecycle.spawn("push follower", follower::run(hub.clone()));
        lifecycle.spawn("push retention", retention::run(hub.clone()));
        lifecycle.spawn("push replacement", replacement::run(hub.clone()));
        lifecycle.spawn("push positions", positions::run(hub.clone()));
        Self(hub)
    }

    /// Serves gRPC on a bound listener until the soft stop: then every stream ends with a bookmark, calls under way are
    /// answered, and what has not ended after `shutdown_timeout` is left behind.
    pub fn serve(&self, listener: TcpListener, tls: Option<Tls>) {
        self.0.log.bound();
        self.0.lifecycle.spawn("grpc", server::run(self.0.clone(), listener, tls));
    }
}

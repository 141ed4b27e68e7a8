//! The figures of the two listeners, and how they fit into the file descriptors that there are (docs/shares.md).

use std::time::Duration;

use shared::service::listen::{Limits, Protocol, descriptors};

use crate::config::Config;
use crate::engine_places::EnginePlaces;

/// Those of the ops listener, which is there already.
const OPS_CONNECTIONS: usize = 64;
/// Connections to REST beside those that requests of HTTP/1 under way need. Each may cost 150 KiB where its peer makes the
/// most of it.
const SPARE: usize = 256;
/// Connections to Postgres beside the pool: the listener, a look at why the pool gives none, a few more.
const BESIDE_THE_POOL: usize = 8;

/// How many connections each listener takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connections {
    pub(crate) rest: usize,
    pub(crate) grpc: usize,
}

/// As many as wished for, or as fit beside the database, the engines and the ops listener.
pub(crate) fn fit(config: &Config, pool: u32) -> Connections {
    let pool = usize::try_from(pool).unwrap_or(usize::MAX);
    let others = pool
        .saturating_add(BESIDE_THE_POOL + OPS_CONNECTIONS)
        .saturating_add(EnginePlaces::most(config.http.max_in_flight));
    let wanted = SPARE + config.http.max_in_flight;
    let [rest, grpc] = descriptors::fit(descriptors::limit(), others, [wanted, config.push.max_connections]);
    tracing::info!(rest, grpc, "connections that the listeners take");
    Connections { rest, grpc }
}

/// REST.
pub(crate) fn rest(config: &Config, connections: usize) -> Limits {
    Limits {
        name: "rest",
        protocol: Protocol::Both,
        connections,
        share: Limits::share_of(connections),
        opening: config.http.read_timeout,
        idle: config.http.idle_timeout,
        // The frame keeps time, and answers 504.
        answering: None,
        unread: config.http.write_timeout,
        ping: Duration::from_secs(20),
        drain: config.http.shutdown_timeout,
    }
}

//! Listeners that no peer can take away from others (SPEC §3 "Shares"; docs/shares.md): one accept loop for REST, gRPC
//! and the operations of every process.
//!
//! A listener has so many places for connections, and each peer network a share of them. A connection without a request
//! under way is idle: it ends after a while, and gives way at once where a newcomer needs its place. An answer that
//! nobody reads ends by a deadline.

mod activity;
mod budget;
mod connection;
pub mod descriptors;
mod doubt;
mod exchange;
mod fields;
mod frames;
mod head;
mod metrics;
mod own;
mod shares;
mod socket;
mod tls;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use hyper::body::Body;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::budget::{Budget, Permit, Short};
use self::connection::Server;
pub use self::doubt::{Doubt, unambiguous};
pub use self::exchange::{Costs, Lasting, Underway};
use self::metrics::Metrics;
use self::own::Own;
pub use self::own::SelfProbe;
use self::shares::Shares;
pub use self::tls::Tls;
use crate::domain::network::Network;

/// How long it is waited after an accept that failed, most likely for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, one request a connection.
    Http1Once,
    /// HTTP/1.1 and HTTP/2, told apart by the preface.
    Both,
    /// HTTP/2 alone.
    Http2,
}

/// What a listener grants.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Its name in metrics and logs.
    pub name: &'static str,
    /// What it speaks.
    pub protocol: Protocol,
    /// Connections in all.
    pub connections: usize,
    /// Connections of one peer network.
    pub share: usize,
    /// For a peer's first words, a TLS handshake, and the head of a request of HTTP/1.
    pub opening: Duration,
    /// For a connection without a request under way.
    pub idle: Duration,
    /// From a request's head to the answer's; `None` where the handler keeps time itself.
    pub answering: Option<Duration>,
    /// For an answer to be read, beside what its size takes.
    pub unread: Duration,
    /// Between two pings of HTTP/2, and for the answer to one.
    pub ping: Duration,
    /// For requests under way when the listener stops.
    pub drain: Duration,
}

impl Limits {
    /// The most that one network may have of `total`: half. A gateway or a balancer is often one address that carries
    /// everybody, so it is not less; nobody has more, trusted or not, so that one peer never takes all.
    #[must_use]
    pub const fn share_of(total: usize) -> usize {
        total.div_ceil(2)
    }
}

/// Whoever sent a request, in the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The socket's other end.
    pub address: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// What limits count by.
    pub network: Network,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// It is this process, asking whether it serves.
    pub own: bool,
    /// The request had both a `Content-Length` and a `Transfer-Encoding`, or may have had, or another coding than one
    /// `chunked`.
    pub ambiguous: bool,
}

/// A bound listener with its limits.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<Tls>,
    limits: Limits,
    own: Own,
}

impl Listener {
    /// Over a bound socket.
    #[must_use]
    pub fn new(tcp: TcpListener, tls: Option<Tls>, limits: Limits) -> Self {
        Self { tcp, tls, limits, own: Own::default() }
    }

    /// A probe that asks this listener for `path`.
    ///
    /// # Errors
    /// When the socket has no address.
    pub fn probe(&self, path: &'static str) -> std::io::Result<SelfProbe> {
        let listener = self.tcp.local_addr()?;
        Ok(SelfProbe { own: self.own.clone(), listener, tls: self.tls.as_ref().map(Tls::own), path })
    }

    /// Accepts until `stop`, then lets what is under way end, for as long as the limits say. Every request goes to
    /// `handler`, with its [`Peer`] in its extensions.
    pub async fn serve<H, F, B>(self, handler: H, stop: CancellationToken)
    where
        H: Fn(hyper::Request<hyper::body::Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Self { tcp, tls, limits, own } = self;
        let metrics = Metrics::new(limits.name);
        let shares = Shares::new(limits.connections, limits.share);
        let (connections, gone) = (TaskTracker::new(), CancellationToken::new());
        // However this ends, nobody is served any longer.
        let _gone = gone.clone().drop_guard();
        let server = Server::new(handler, tls, limits, metrics.clone(), stop.clone(), gone);
        let shortest = limits.opening.min(limits.idle).min(limits.unread);
        let mut sweep = tokio::time::interval((shortest / 4).clamp(Duration::from_millis(20), Duration::from_secs(1)));
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let (socket, address) = tokio::select! {
                () = stop.cancelled() => break,
                _ = sweep.tick(), if !shares.is_empty() => {
                    shares.sweep(&limits);
                    continue;
                }
                accepted = tcp.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) if is_the_peers(&error) => continue,
                    Err(error) => {
                        tracing::warn!(listener = limits.name, %error, "cannot accept");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        shares.sweep(&limits);
                        continue;
                    }
                },
            };
            let _ = socket.set_nodelay(true);
            let peer = Peer {
                address,
                local: socket.local_addr().unwrap_or(address),
                network: Network::of(address.ip()),
                tls: server.is_tls(),
                own: own.is(address),
                ambiguous: false,
            };
            if peer.own {
                connections.spawn(server.clone().own(socket, peer));
                continue;
            }
            match shares.admit(peer.network) {
                Ok((place, activity)) => {
                    connections.spawn(server.clone().connection(socket, peer, activity, place));
                }
                Err(why) => {
                    metrics.refused(why);
                    let (listener, reason) = (limits.name, why.word());
                    tracing::debug!(listener, reason, network = %peer.network, "turned away");
                }
            }
        }
        drop(tcp);
        connections.close();
        let ended = async {
            // Those who do not read their answers do not hold up the end either.
            loop {
                tokio::select! {
                    () = connections.wait() => return,
                    _ = sweep.tick() => shares.sweep(&limits),
                }
            }
        };
        if tokio::time::timeout(limits.drain, ended).await.is_err() {
            tracing::warn!(listener = limits.name, "requests still under way after the drain budget are abandoned");
        }
    }
}

/// The peer was gone before it was accepted.
fn is_the_peers(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

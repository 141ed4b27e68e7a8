//! The accept loop. Our own, since poem's sets no hyper timer and so has no header timeout, and waits for ever at shutdown.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use poem::endpoint::DynEndpoint;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::linger::Lingering;
use crate::opening::Opening;

/// The routes with their frame.
pub type Routes = Arc<dyn DynEndpoint<Output = Response>>;

/// Limits of a connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// For the headers of a request, for whatever comes before them, and for a TLS handshake.
    pub header_timeout: Duration,
    /// At a time; more wait in the kernel's backlog.
    pub connections: usize,
    /// For connections under way at the soft stop.
    pub drain: Duration,
}

/// Accepts until `stop`, then drains.
///
/// # Errors
/// Never for one connection's sake; accept errors are waited out.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    routes: Routes,
    limits: ConnectionLimits,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let graceful = GracefulShutdown::new();
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(64 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20))
        .max_concurrent_streams(256)
        .max_header_list_size(32 * 1024);
    let slots = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = async {
            let slot = slots.clone().acquire_owned().await;
            listener.accept().await.map(|(socket, peer)| (socket, peer, slot))
        };
        let (socket, peer, slot) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accepted => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, most likely: wait for some to be closed instead of spinning.
                    tracing::warn!(%error, "cannot accept");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let _ = socket.set_nodelay(true);
        let local = LocalAddr(socket.local_addr().map(Into::into).unwrap_or_default());
        let remote = RemoteAddr(peer.into());
        let (routes, tls, builder, watcher) = (routes.clone(), tls.clone(), builder.clone(), graceful.watcher());
        let socket = Opening::within(socket, limits.header_timeout);
        tokio::spawn(async move {
            let _slot = slot;
            match tls {
                None => connection(builder, watcher, socket, routes, local, remote, Scheme::HTTP).await,
                Some(tls) => match tokio::time::timeout(limits.header_timeout, handshake(tls, socket)).await {
                    Ok(Ok(socket)) => connection(builder, watcher, socket, routes, local, remote, Scheme::HTTPS).await,
                    Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
                    Err(_) => tracing::debug!("TLS handshake timed out"),
                },
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests still under way after the drain budget are abandoned");
    }
    Ok(())
}

async fn handshake(tls: TlsAcceptor, socket: Opening) -> std::io::Result<tokio_rustls::server::TlsStream<Opening>> {
    tls.accept(socket).await
}

async fn connection<Io>(
    builder: auto::Builder<TokioExecutor>,
    watcher: hyper_util::server::graceful::Watcher,
    socket: Io,
    routes: Routes,
    local: LocalAddr,
    remote: RemoteAddr,
    scheme: Scheme,
) where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let routes = routes.clone();
        let request: Request = (request, local.clone(), remote.clone(), scheme.clone()).into();
        async move {
            let response = match routes.call(request).await {
                Ok(response) => response,
                Err(error) => error.into_response(),
            };
            Ok::<hyper::Response<_>, std::convert::Infallible>(response.into())
        }
    });
    let conn = builder.serve_connection(TokioIo::new(Lingering::new(socket)), service).into_owned();
    if let Err(error) = watcher.watch(conn).await {
        tracing::debug!(%error, "connection ended");
    }
}

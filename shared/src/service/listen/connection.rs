//! One connection from its accept to its end.

use std::future::{Future, poll_fn, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures::future::Either;
use http::{Response, Version, header};
use hyper::body::{Body, Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, End};
use super::budget::Budget;
use super::doubt::is_chunked_alone;
use super::exchange::{Answer, Costs, Exchange, Lasting, Streams, Until, time_to_read};
use super::head::Heads;
use super::metrics::Metrics;
use super::shares::Place;
use super::socket::Socket;
use super::tls::Tls;
use super::{Limits, Peer, Protocol};
use crate::domain::network::Network;

/// Requests of one connection at a time over HTTP/2. RFC 9113 §5.1.2 advises against fewer than 100, for the sake of
/// parallelism over one connection; clients open another one where they need more, and each stream can hold an answer
/// that nobody reads.
const STREAMS: u32 = 32;
/// Requests under way on a listener, for each of its connections. Those beyond are refused before anything is kept of
/// them (RFC 9113 §8.7: whoever asked may ask again).
const EXCHANGES: usize = 2;
/// Of one request's head.
const HEAD_BYTES: u32 = 16 << 10;
/// What a peer may send ahead of us on a stream, and on all of a connection's together. The second cannot be less
/// (RFC 9113 §6.9.2), and each of a thousand connections may make use of it.
const STREAM_WINDOW: u32 = 32 << 10;
const CONNECTION_WINDOW: u32 = 64 << 10;
/// Bytes that wait in a stream for the socket.
const SEND_BUFFER: usize = 64 << 10;
/// Streams that a peer opened and reset before we took them up: past this the connection ends (CVE-2023-44487, "rapid
/// reset").
const RESETS: usize = 32;
/// Streams that a peer made us reset (CVE-2025-8671, "made you reset"). Those beyond [`STREAMS`] are among them, and a
/// client that has not read our settings yet may well open a hundred.
const LOCAL_RESETS: usize = 256;
/// For a peer to hear that its idle connection ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// What all connections of a listener share.
pub(super) struct Server<H>(Arc<Shared<H>>);

struct Shared<H> {
    handler: H,
    tls: Option<Tls>,
    limits: Limits,
    builder: auto::Builder<Streams>,
    exchanges: Budget<Network>,
    metrics: Metrics,
    stop: CancellationToken,
    gone: CancellationToken,
}

impl<H> Clone for Server<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<H> Server<H> {
    pub(super) fn new(
        handler: H,
        tls: Option<Tls>,
        limits: Limits,
        metrics: Metrics,
        stop: CancellationToken,
        gone: CancellationToken,
    ) -> Self {
        let unread = metrics.clone();
        let builder = builder(&limits, Streams { passed: Arc::new(move || unread.unread()) });
        let exchanges = EXCHANGES * limits.connections;
        let exchanges = Budget::new(exchanges, Limits::share_of(exchanges));
        Self(Arc::new(Shared { handler, tls, limits, builder, exchanges, metrics, stop, gone }))
    }

    pub(super) fn is_tls(&self) -> bool {
        self.0.tls.is_some()
    }
}

fn builder(limits: &Limits, streams: Streams) -> auto::Builder<Streams> {
    let mut builder = auto::Builder::new(streams);
    builder
        .http1()
        .timer(TokioTimer::new())
        // Ours runs from a head's first byte; hyper's would run while nothing is asked.
        .header_read_timeout(None)
        .keep_alive(limits.protocol != Protocol::Http1Once)
        // An answer's bytes are passed on as they are, so that what they hold is held until they are gone.
        .writev(true)
        .max_buf_size(HEAD_BYTES as usize * 2);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.ping)
        .keep_alive_timeout(limits.ping)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .max_header_list_size(HEAD_BYTES);
    match limits.protocol {
        Protocol::Http1Once => builder.http1_only(),
        Protocol::Both => builder,
        Protocol::Http2 => builder.http2_only(),
    }
}

impl<H, F, B> Server<H>
where
    H: Fn(hyper::Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// A connection of this process itself, which holds nobody's place.
    pub(super) async fn own(self, socket: TcpStream, peer: Peer) {
        let activity = Arc::new(Activity::new(peer.network));
        let limit = self.0.limits.opening;
        let _ = tokio::time::timeout(limit, self.handshake(socket, peer, &activity)).await;
    }

    pub(super) async fn connection(self, socket: TcpStream, peer: Peer, activity: Arc<Activity>, place: Place) {
        let _open = self.0.metrics.opened();
        let handshake = self.handshake(socket, peer, &activity);
        tokio::select! {
            biased;
            () = handshake => {}
            () = self.0.gone.cancelled() => {}
        }
        if let Some(end) = activity.reason() {
            self.0.metrics.ended(end);
        }
        drop(place);
    }

    async fn handshake(&self, socket: TcpStream, peer: Peer, activity: &Arc<Activity>) {
        match &self.0.tls {
            None => self.speak(socket, peer, activity).await,
            Some(tls) => {
                let shaken = tokio::select! {
                    shaken = tls.accept(socket, peer.own) => shaken,
                    () = activity.end.cancelled() => return,
                };
                match shaken {
                    Ok(socket) => self.speak(socket, peer, activity).await,
                    Err(error) => tracing::debug!(%error, "TLS handshake failed"),
                }
            }
        }
    }

    async fn speak<Io>(&self, io: Io, peer: Peer, activity: &Arc<Activity>)
    where
        Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let heads = Arc::new(Mutex::new(Heads::default()));
        let socket = Socket::new(io, Arc::clone(activity), Arc::clone(&heads));
        let service = hyper::service::service_fn(|request| self.exchange(request, peer, activity, &heads));
        let mut connection = pin!(self.0.builder.serve_connection(TokioIo::new(socket), service));
        let until = Until::new();
        let mut stopping = false;
        let mut farewell = pin!(tokio::time::sleep(FAREWELL));
        let mut ending = false;
        loop {
            // With HTTP/1 the connection's deadline is the exchange's.
            let spoken = until.bound(poll_fn(|cx| connection.as_mut().poll(cx)));
            tokio::select! {
                biased;
                ended = spoken => match ended {
                    Some(Ok(())) => return,
                    Some(Err(error)) => {
                        tracing::debug!(%error, "connection ended");
                        return;
                    }
                    None => {
                        self.0.metrics.unread();
                        return;
                    }
                },
                () = activity.end.cancelled(), if !ending => {
                    ending = true;
                    match activity.reason() {
                        Some(End::Idle) => {
                            connection.as_mut().graceful_shutdown();
                            farewell.as_mut().reset(tokio::time::Instant::now() + FAREWELL);
                        }
                        Some(End::GaveWay) => {
                            // It has a moment to write its farewell, and none to wait for the peer to take it.
                            connection.as_mut().graceful_shutdown();
                            let _ = poll_fn(|cx| Poll::Ready(connection.as_mut().poll(cx).is_ready())).await;
                            return;
                        }
                        _ => return,
                    }
                },
                () = farewell.as_mut(), if ending => return,
                () = self.0.stop.cancelled(), if !stopping => {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                },
            }
        }
    }

    fn exchange(
        &self,
        mut request: hyper::Request<Incoming>,
        peer: Peer,
        activity: &Arc<Activity>,
        heads: &Mutex<Heads>,
    ) -> impl Future<Output = Result<Response<Answer<B>>, h2::Error>> + Send + use<H, F, B> {
        let http1 = request.version() < Version::HTTP_2;
        let place = match http1 || peer.own {
            // A connection has one of these, and is counted itself.
            true => Ok(None),
            false => self.0.exchanges.take(&peer.network, 1).map(Some),
        };
        let place = match place {
            Ok(place) => place,
            Err(why) => {
                self.0.metrics.refused_stream(why);
                return Either::Left(ready(Err(h2::Reason::REFUSED_STREAM.into())));
            }
        };
        let exchange = Exchange::begin(activity, place);
        let ambiguous = http1 && request.headers().contains_key(header::TRANSFER_ENCODING) && {
            let verdict = heads.lock().take();
            verdict.both || !verdict.seen || !is_chunked_alone(request.headers())
        };
        request.extensions_mut().insert(Peer { ambiguous, ..peer });
        let (server, activity) = (self.clone(), Arc::clone(activity));
        // On the heap, so that a stream that waits to be read keeps only its answer.
        Either::Right(Box::pin(async move {
            let limits = server.0.limits;
            if http1 {
                activity.unblocked().await;
            }
            exchange.must_end(limits.answering);
            request.extensions_mut().insert(exchange.underway());
            let mut response = (server.0.handler)(request).await;
            let costs = response.extensions_mut().remove::<Costs>();
            let lasting = response.extensions().get::<Lasting>().copied();
            match lasting {
                Some(Lasting::Subscription) => {
                    exchange.must_end(None);
                    exchange.underway().goes_on();
                }
                Some(Lasting::Watch) => {
                    exchange.must_end(None);
                    exchange.let_go();
                    exchange.underway().waits();
                }
                Some(Lasting::Parts) | None => {
                    let bytes = response.body().size_hint().exact().unwrap_or_default();
                    exchange.must_end(Some(time_to_read(limits.unread, bytes)));
                    exchange.underway().waits();
                }
            }
            let parts = (lasting == Some(Lasting::Parts)).then_some(limits.unread);
            Ok(response.map(|body| Answer::new(body, exchange, costs, parts)))
        }))
    }
}

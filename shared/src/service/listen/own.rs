//! The process's own connection to its listener: whether a client would be served, asked as a client asks.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpSocket;
use tokio_util::sync::CancellationToken;

use super::tls::OwnTls;
use crate::service::health::PartHandle;

/// While all is well, while something is not, and how long one look may take.
const CALM: Duration = Duration::from_secs(5);
const ALERT: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(5);
/// One look may fail because the machine was busy; the listener is at fault when looks fail in a row.
const FAILURES: u32 = 2;

/// Addresses from which this process itself calls; a connection from there has a place beside all others.
#[derive(Clone, Default)]
pub(super) struct Own(Arc<Mutex<HashSet<SocketAddr>>>);

impl Own {
    pub(super) fn is(&self, peer: SocketAddr) -> bool {
        self.0.lock().contains(&canonical(peer))
    }

    fn add(&self, address: SocketAddr) -> Known {
        let address = canonical(address);
        self.0.lock().insert(address);
        Known(self.clone(), address)
    }
}

struct Known(Own, SocketAddr);

impl Drop for Known {
    fn drop(&mut self) {
        self.0.0.lock().remove(&self.1);
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Asks a listener for a path, as a client from this machine.
pub struct SelfProbe {
    pub(super) own: Own,
    pub(super) listener: SocketAddr,
    pub(super) tls: Option<OwnTls>,
    pub(super) path: &'static str,
}

impl SelfProbe {
    /// Keeps `part` true until `stop`.
    pub async fn run(self, part: PartHandle, stop: CancellationToken) {
        let looking = async {
            let mut failures = 0;
            loop {
                let looked = tokio::time::timeout(PATIENCE, self.ask()).await;
                let fault = match looked {
                    Ok(Ok(())) => None,
                    Ok(Err(error)) => Some(format!("{error:#}")),
                    Err(_) => Some("no answer in time".to_owned()),
                };
                match fault {
                    None => {
                        failures = 0;
                        part.set_ok();
                    }
                    Some(reason) => {
                        failures += 1;
                        if failures >= FAILURES {
                            part.set_failed(reason);
                        }
                    }
                }
                tokio::time::sleep(if failures == 0 { CALM } else { ALERT }).await;
            }
        };
        stop.run_until_cancelled(looking).await;
    }

    async fn ask(&self) -> anyhow::Result<()> {
        let (socket, to) = match self.listener.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => bound(&[IpAddr::V4(Ipv4Addr::LOCALHOST)]),
            // It takes IPv4 too, and in a container's network there often is no other: `::` can be listened on, `::1` is nobody's.
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
                bound(&[IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)])
            }
            own => bound(&[own]),
        }
        .context("bind")?;
        // Known before it is connected: the listener looks when it accepts.
        let _known = self.own.add(socket.local_addr().context("address")?);
        let stream = socket.connect(SocketAddr::new(to, self.listener.port())).await.context("connect")?;
        match &self.tls {
            None => get(stream, self.path).await,
            Some(tls) => get(tls.connect(stream).await.context("TLS")?, self.path).await,
        }
    }
}

/// A socket bound to the first of the addresses that this machine has, and the address.
fn bound(addresses: &[IpAddr]) -> io::Result<(TcpSocket, IpAddr)> {
    let mut fault = io::ErrorKind::AddrNotAvailable.into();
    for &address in addresses {
        let bound = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
            .and_then(|socket| socket.bind(SocketAddr::new(address, 0)).map(|()| socket));
        match bound {
            Ok(socket) => return Ok((socket, address)),
            Err(error) => fault = error,
        }
    }
    Err(fault)
}

async fn get(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, path: &str) -> anyhow::Result<()> {
    let (mut sender, connection) = http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await?;
    let request =
        Request::get(path).header(header::HOST, "localhost").header(header::CONNECTION, "close").body(Empty::new())?;
    let mut asked = pin!(async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        answer.into_body().collect().await?;
        ensure!(status == StatusCode::OK, "answered {status}");
        Ok(())
    });
    tokio::select! {
        biased;
        asked = &mut asked => asked,
        // It may be over because all is said: then the answer is here.
        ended = connection => {
            ended?;
            asked.await
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use tokio::net::TcpListener;

    use super::super::{Limits, Listener, Protocol};
    use super::*;
    use crate::service::health::{Health, PartKind};

    fn limits(connections: usize) -> Limits {
        let long = Duration::from_secs(60);
        Limits {
            name: "test",
            protocol: Protocol::Both,
            connections,
            share: connections,
            opening: long,
            idle: long,
            answering: None,
            unread: long,
            ping: long,
            drain: Duration::ZERO,
        }
    }

    async fn listener() -> Listener {
        Listener::new(TcpListener::bind(("127.0.0.1", 0)).await.unwrap(), None, limits(1))
    }

    async fn answer(status: StatusCode) -> http::Response<Full<Bytes>> {
        let mut answer = http::Response::new(Full::new(Bytes::from_static(b"{}")));
        *answer.status_mut() = status;
        answer
    }

    #[tokio::test]
    async fn it_says_what_a_client_would_hear_and_needs_nobodys_place() {
        for (status, well) in [(StatusCode::OK, true), (StatusCode::INTERNAL_SERVER_ERROR, false)] {
            let (listener, stop) = (listener().await, CancellationToken::new());
            let probe = listener.probe("/healthz").unwrap();
            let address = probe.listener;
            let served = tokio::spawn(listener.serve(move |_| answer(status), stop.clone()));
            // The one place is taken.
            let _held = tokio::net::TcpStream::connect(address).await.unwrap();
            let asked = probe.ask().await;
            assert_eq!(asked.is_ok(), well, "{asked:?}");
            stop.cancel();
            served.await.unwrap();
            assert!(probe.ask().await.is_err(), "nobody listens");
            assert!(probe.own.0.lock().is_empty());
        }
    }

    #[tokio::test]
    async fn where_the_first_address_is_not_this_machines_the_next_is_taken() {
        // For documentation (RFC 3849): as `::1` where IPv6 is switched off.
        let nobodys: IpAddr = "2001:db8::1".parse().unwrap();
        let v4 = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert_eq!(bound(&[nobodys, v4]).unwrap().1, v4);
        assert_eq!(bound(&[nobodys]).unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
    }

    #[tokio::test]
    async fn a_listener_on_every_address_is_asked_over_ipv4_too() {
        let (tcp, stop) = (TcpListener::bind("[::]:0").await.unwrap(), CancellationToken::new());
        let listener = Listener::new(tcp, None, limits(1));
        let mut probe = listener.probe("/healthz").unwrap();
        let served = tokio::spawn(listener.serve(|_| answer(StatusCode::OK), stop.clone()));
        let _held = tokio::net::TcpStream::connect(("127.0.0.1", probe.listener.port())).await.unwrap();
        probe.ask().await.unwrap();
        // Its own place is known by the plain address, as which a peer of IPv4 is not seen at such a socket.
        probe.listener = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), probe.listener.port());
        probe.ask().await.unwrap();
        stop.cancel();
        served.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_listener_that_does_not_accept_is_not_ready() {
        let listener = listener().await;
        let (health, stop) = (Health::new(), CancellationToken::new());
        let part = health.part("rest", PartKind::Required);
        part.set_ok();
        let probing = tokio::spawn(listener.probe("/healthz").unwrap().run(part.clone(), stop.clone()));
        // The kernel connects, and nobody answers.
        while part.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(health.report().http_status(), 503);
        stop.cancel();
        probing.await.unwrap();
    }
}

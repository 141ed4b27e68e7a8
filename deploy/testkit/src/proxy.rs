//! A network that fails on demand, between a program and Postgres, SMTP, the hub or an engine.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the program to what it talks to.
    ToUpstream,
    /// Back.
    ToClient,
}

#[derive(Debug, Clone, Copy, Default)]
struct Weather {
    stalled: bool,
    /// Connections with a lower number are stalled.
    frozen_before: u64,
    /// Of connections with a lower number this way is closed.
    to_upstream_closed_before: u64,
    to_client_closed_before: u64,
    to_upstream: Duration,
    to_client: Duration,
}

/// Passes bytes between whoever connects to [`addr`](Self::addr) and its upstream, as well as told. Ends when dropped.
#[derive(Debug)]
pub struct TcpProxy {
    addr: SocketAddr,
    upstream: Arc<Mutex<SocketAddr>>,
    weather: watch::Sender<Weather>,
    accepted: Arc<AtomicU64>,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl TcpProxy {
    /// Listens on a free port of 127.0.0.1. The upstream need not be there yet.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(upstream: SocketAddr) -> io::Result<TcpProxy> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let proxy = TcpProxy {
            addr: listener.local_addr()?,
            upstream: Arc::new(Mutex::new(upstream)),
            weather: watch::Sender::new(Weather::default()),
            accepted: Arc::default(),
            running: Mutex::new(None),
        };
        proxy.accept(listener);
        Ok(proxy)
    }

    /// Where to connect instead of to the upstream.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many connections have been accepted.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// How many connections are open now.
    pub fn open(&self) -> usize {
        // The task that accepts is one of them.
        self.running.lock().as_ref().map_or(0, |running| running.tasks.len().saturating_sub(1))
    }

    /// Sends connections made from now on somewhere else.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        *self.upstream.lock() = upstream;
    }

    /// Drops every connection (with a reset) and refuses new ones until [`restore`](Self::restore).
    pub async fn cut(&self) {
        let running = self.running.lock().take();
        if let Some(running) = running {
            running.stop.cancel();
            running.tasks.close();
            running.tasks.wait().await;
        }
    }

    /// Drops every connection, but takes new ones: a network blip.
    ///
    /// # Errors
    /// When somebody else took the port in between.
    pub async fn reset(&self) -> io::Result<()> {
        self.cut().await;
        self.listen_again()
    }

    /// Keeps connections open and takes new ones, but passes nothing either way until [`restore`](Self::restore):
    /// what a dead host or a full firewall looks like.
    pub fn stall(&self) {
        self.weather.send_modify(|weather| weather.stalled = true);
    }

    /// Passes nothing more on the connections that are there, until [`restore`](Self::restore), and lets new ones be: a host that
    /// vanished while another took its address over.
    pub fn freeze(&self) {
        let before = self.accepted();
        self.weather.send_modify(|weather| weather.frozen_before = before);
    }

    /// Closes one way of the connections that are there, and lets the other way and new connections be: whoever listens at that end is
    /// told that nothing more will come, and is heard all the same.
    pub fn half_close(&self, direction: Direction) {
        let before = self.accepted();
        self.weather.send_modify(|weather| match direction {
            Direction::ToUpstream => weather.to_upstream_closed_before = before,
            Direction::ToClient => weather.to_client_closed_before = before,
        });
    }

    /// Holds every chunk back for `delay` before passing it on. Applies to open connections too.
    pub fn delay(&self, direction: Direction, delay: Duration) {
        self.weather.send_modify(|weather| match direction {
            Direction::ToUpstream => weather.to_upstream = delay,
            Direction::ToClient => weather.to_client = delay,
        });
    }

    /// A good network again: no cut, no stall, no delay. What a stall held back is passed on. What was closed stays so.
    ///
    /// # Errors
    /// When it was cut and somebody else has taken the port meanwhile.
    pub async fn restore(&self) -> io::Result<()> {
        self.weather.send_replace(Weather::default());
        self.listen_again()
    }

    fn listen_again(&self) -> io::Result<()> {
        if self.running.lock().is_some() {
            return Ok(());
        }
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(self.addr)?;
        self.accept(socket.listen(1024)?);
        Ok(())
    }

    fn accept(&self, listener: TcpListener) {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (token, tracker) = (stop.clone(), tasks.clone());
        let (upstream, accepted, weather) = (self.upstream.clone(), self.accepted.clone(), self.weather.subscribe());
        tasks.spawn(async move {
            loop {
                let client = tokio::select! {
                    client = listener.accept() => client,
                    () = token.cancelled() => return,
                };
                let Ok((client, _)) = client else {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                let number = accepted.fetch_add(1, Ordering::Relaxed);
                let upstream = *upstream.lock();
                let weather = Outlook { number, weather: weather.clone() };
                tracker.spawn(carry(client, upstream, weather, token.clone()));
            }
        });
        *self.running.lock() = Some(Running { stop, tasks });
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        if let Some(running) = self.running.lock().take() {
            running.stop.cancel();
        }
    }
}

/// The weather as one connection has it.
#[derive(Clone)]
struct Outlook {
    number: u64,
    weather: watch::Receiver<Weather>,
}

impl Outlook {
    fn delay(&self, direction: Direction) -> Duration {
        let now = *self.weather.borrow();
        match direction {
            Direction::ToUpstream => now.to_upstream,
            Direction::ToClient => now.to_client,
        }
    }

    /// Returns once nothing is stalled.
    async fn clear(&self) {
        let (number, mut weather) = (self.number, self.weather.clone());
        // An error means that the proxy is gone; the connection's token ends it.
        let _ = weather.wait_for(|weather| !weather.stalled && number >= weather.frozen_before).await;
    }

    /// Returns once this way is closed.
    async fn closed(&self, direction: Direction) {
        let (number, mut weather) = (self.number, self.weather.clone());
        let closed = weather.wait_for(|weather| match direction {
            Direction::ToUpstream => number < weather.to_upstream_closed_before,
            Direction::ToClient => number < weather.to_client_closed_before,
        });
        if closed.await.is_err() {
            // The proxy is gone, and the connection's token ends it.
            std::future::pending::<()>().await;
        }
    }
}

async fn carry(client: TcpStream, upstream: SocketAddr, weather: Outlook, stop: CancellationToken) {
    let _ = client.set_nodelay(true);
    let connect = async {
        weather.clear().await;
        TcpStream::connect(upstream).await
    };
    let server = tokio::select! {
        server = connect => server,
        () = stop.cancelled() => return reset(&client),
    };
    let Ok(server) = server else { return reset(&client) };
    let _ = server.set_nodelay(true);
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let both = async {
        // Each way ends on its own, so that a half-closed connection stays half-closed.
        tokio::try_join!(
            pass(&mut from_client, &mut to_server, weather.clone(), Direction::ToUpstream),
            pass(&mut from_server, &mut to_client, weather.clone(), Direction::ToClient),
        )
    };
    let whole = tokio::select! {
        outcome = both => outcome.is_ok(),
        () = stop.cancelled() => false,
    };
    if !whole {
        reset(to_client.as_ref());
        reset(to_server.as_ref());
    }
}

async fn pass(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    weather: Outlook,
    direction: Direction,
) -> io::Result<()> {
    let mut chunk = vec![0; 64 << 10];
    loop {
        // In this order: nothing passes that is sent after the way was closed.
        let n = tokio::select! {
            biased;
            () = weather.closed(direction) => 0,
            n = from.read(&mut chunk) => n?,
        };
        let delay = weather.delay(direction);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        weather.clear().await;
        if n == 0 {
            return to.shutdown().await;
        }
        to.write_all(&chunk[..n]).await?;
    }
}

/// Makes the close that follows a reset, as a broken network or a crashed peer does, instead of an orderly goodbye.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

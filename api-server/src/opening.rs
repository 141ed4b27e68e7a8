//! A connection that must say something: what the servers under it wait for without a limit.
//!
//! hyper's timers begin with a request's head. Before it, where HTTP/2 is told from HTTP/1 or its preface is awaited, a peer
//! that sends nothing, or a part of the preface, would hold its descriptor for ever.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tonic::transport::server::Connected;

/// How HTTP/2 begins (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A socket that fails its reader when the peer's first words do not come in time.
pub struct Opening {
    io: TcpStream,
    /// Until it is known what is spoken: by when, and how much of the preface has come.
    awaited: Option<(Pin<Box<Sleep>>, usize)>,
}

impl Opening {
    /// The peer of `io` has this long to begin.
    pub fn within(io: TcpStream, limit: Duration) -> Self {
        Self { io, awaited: Some((Box::pin(sleep(limit)), 0)) }
    }
}

impl AsyncRead for Opening {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let read = Pin::new(&mut this.io).poll_read(cx, buf);
        let Some((until, seen)) = &mut this.awaited else { return read };
        if read.is_pending() {
            ready!(until.as_mut().poll(cx));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not begin")));
        }
        let new = buf.filled().get(before..).unwrap_or_default();
        let expected = PREFACE.get(*seen..).unwrap_or_default();
        *seen += new.len();
        if !expected.starts_with(new) || *seen >= PREFACE.len() {
            this.awaited = None;
        }
        read
    }
}

impl AsyncWrite for Opening {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl Connected for Opening {
    type ConnectInfo = <TcpStream as Connected>::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.io.connect_info()
    }
}

//! A lingering close (RFC 9112 §9.6): an answer that is given before its request was read to the end must reach the client.
//!
//! Whoever closes a socket with bytes unread resets the connection, and the reset overtakes the answer: a client that is still
//! sending its body gets a broken pipe in place of the 413 or 401 that says why. So the sending half is closed first, and
//! what still comes is read and thrown away, for a while.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::body::MAX_BODY;

/// How long a closed connection goes on reading.
const LINGER: Duration = Duration::from_secs(1);
/// How much it reads at most: somewhat more than any body that is refused by mistake.
const MOST: usize = 4 * MAX_BODY;

/// A connection that lingers when it is shut down.
pub struct Lingering<Io> {
    io: Io,
    closing: Option<Closing>,
}

struct Closing {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl<Io> Lingering<Io> {
    /// Wraps a connection.
    pub fn new(io: Io) -> Self {
        Self { io, closing: None }
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Lingering<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<Io> {
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
        let me = &mut *self;
        if me.closing.is_none() {
            ready!(Pin::new(&mut me.io).poll_shutdown(cx))?;
        }
        let closing = me.closing.get_or_insert_with(|| Closing { until: Box::pin(sleep(LINGER)), left: MOST });
        let mut scratch = [0; 8192];
        while closing.left > 0 && closing.until.as_mut().poll(cx).is_pending() {
            let mut read = ReadBuf::new(&mut scratch);
            // The client has closed too, or is gone: there is nobody to wait for.
            if ready!(Pin::new(&mut me.io).poll_read(cx, &mut read)).is_err() || read.filled().is_empty() {
                break;
            }
            closing.left = closing.left.saturating_sub(read.filled().len());
        }
        Poll::Ready(Ok(()))
    }
}

//! A connection's byte stream, above TLS: it notes what the peer says and takes, and closes so that answers arrive.
//!
//! The close is a lingering one (RFC 9112 §9.6): an answer that is given before its request was read to the end must
//! reach the client. Whoever closes a socket with bytes unread resets the connection, and the reset overtakes the
//! answer: a client that is still sending its body gets a broken pipe in place of the 413 or 401 that says why. So the
//! sending half is closed first, and what still comes is read and thrown away, for a while.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::activity::{Activity, End};
use super::frames::Frames;
use super::head::Heads;

/// How HTTP/2 begins (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long a closed connection goes on reading.
const LINGER: Duration = Duration::from_secs(1);
/// How much it reads at most: somewhat more than any body that is refused by mistake.
const MOST: usize = 4 << 20;

/// See the module.
pub(super) struct Socket<Io> {
    io: Io,
    activity: Arc<Activity>,
    heads: Arc<Mutex<Heads>>,
    spoken: Spoken,
    closing: Option<Closing>,
}

/// What the peer speaks.
enum Spoken {
    /// So many bytes of the preface have come, and nothing else.
    Preface(usize),
    Http1,
    Http2(Frames),
}

struct Closing {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl<Io> Socket<Io> {
    pub(super) fn new(io: Io, activity: Arc<Activity>, heads: Arc<Mutex<Heads>>) -> Self {
        Self { io, activity, heads, spoken: Spoken::Preface(0), closing: None }
    }

    /// # Errors
    /// Where what came is not to be parsed: the connection ends.
    fn heard(&mut self, mut new: &[u8]) -> io::Result<()> {
        if new.is_empty() {
            return Ok(());
        }
        if let Spoken::Preface(seen) = self.spoken {
            let expected = PREFACE.get(seen..).unwrap_or_default();
            if let Some(frames) = new.strip_prefix(expected) {
                self.spoken = Spoken::Http2(Frames::new());
                self.activity.begun();
                new = frames;
            } else if expected.starts_with(new) {
                self.spoken = Spoken::Preface(seen + new.len());
            } else {
                self.spoken = Spoken::Http1;
                self.heads.lock().read(PREFACE.get(..seen).unwrap_or_default());
            }
        }
        match &mut self.spoken {
            Spoken::Preface(_) => {}
            Spoken::Http1 => {
                self.activity.heard();
                let mut heads = self.heads.lock();
                if self.activity.idle_since().is_some() {
                    heads.restart();
                }
                heads.read(new);
            }
            Spoken::Http2(frames) => {
                if let Err(flood) = frames.read(new) {
                    self.activity.end(End::Flood);
                    // The parser gets none of it: whoever sends fast keeps it reading before it lets anybody else in.
                    return Err(io::Error::other(flood));
                }
            }
        }
        Ok(())
    }

    /// Whether the peer takes what it is sent is what decides how long it may stay.
    fn wrote<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.activity.wrote(written.is_ready());
        written
    }

    /// The same, of bytes: whoever is sent many has much to reply to.
    fn wrote_bytes(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let (Spoken::Http2(frames), Poll::Ready(Ok(bytes))) = (&mut self.spoken, &written) {
            frames.wrote(*bytes);
        }
        self.wrote(written)
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Socket<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        let heard = self.heard(buf.filled().get(before..).unwrap_or_default());
        if heard.is_err() {
            buf.set_filled(before);
        }
        Poll::Ready(heard)
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.wrote_bytes(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.wrote_bytes(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Asked for only once everything was written: whoever flushes has nothing left that the peer would not take.
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.wrote(flushed)
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

//! Lines in, replies out.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

/// RFC 5321 §4.5.3.2.7 gives a server five minutes to wait for a command.
const IDLE_LIMIT: Duration = Duration::from_secs(300);
/// Longer than any command with its parameters (RFC 5321 §4.5.3.1.4), and than an AUTH response (RFC 4954 §4).
const MAX_COMMAND: usize = 12_288;

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection, plain or encrypted, with what was read ahead (PIPELINING).
pub(crate) struct Wire {
    io: Box<dyn Io>,
    read: Vec<u8>,
    encrypted: bool,
}

/// A content between `DATA` and its end.
pub(crate) enum Content {
    Whole(Vec<u8>),
    TooLarge,
    /// A line feed without its carriage return: relays refuse it since it allows mails to be smuggled.
    BareLineFeed,
}

impl Wire {
    pub(crate) fn new(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Wire {
        Wire { io: Box::new(io), read: Vec::new(), encrypted: false }
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Speaks TLS from here on. What the client sent ahead in the clear is thrown away (RFC 3207 §4.2).
    pub(crate) async fn encrypt(self, acceptor: &TlsAcceptor) -> io::Result<Wire> {
        let handshake = tokio::time::timeout(Duration::from_secs(30), acceptor.accept(self.io));
        let io = handshake.await??;
        Ok(Wire { io: Box::new(io), read: Vec::new(), encrypted: true })
    }

    /// The next command line without its end; `None` when the client has gone.
    pub(crate) async fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                return Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()));
            }
            if self.read.len() > MAX_COMMAND {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a command line without end"));
            }
            if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// The content up to the lone dot, dots unstuffed; `None` when the client went before its end. A content over
    /// `max` bytes is read to its end, and thrown away.
    pub(crate) async fn content(&mut self, max: usize) -> io::Result<Option<Content>> {
        let mut content = Vec::new();
        let (mut too_large, mut bare) = (false, false);
        loop {
            while let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                if line == b".\r\n" {
                    return Ok(Some(match (bare, too_large) {
                        (true, _) => Content::BareLineFeed,
                        (_, true) => Content::TooLarge,
                        _ => Content::Whole(content),
                    }));
                }
                bare |= !line.ends_with(b"\r\n");
                too_large |= content.len() + line.len() > max;
                if !too_large {
                    content.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
                }
            }
            if self.read.len() > max {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a content line without end"));
            }
            if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Sends `text` as it is.
    pub(crate) async fn send(&mut self, text: &str) -> io::Result<()> {
        self.io.write_all(text.as_bytes()).await?;
        self.io.flush().await
    }

    /// Sends `text` one byte at a time.
    pub(crate) async fn send_slowly(&mut self, text: &str, pause: Duration) -> io::Result<()> {
        for byte in text.as_bytes() {
            self.io.write_all(&[*byte]).await?;
            self.io.flush().await?;
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// Returns once the client has closed its side.
    pub(crate) async fn until_closed(&mut self) {
        while let Ok(1..) = self.fill().await {
            self.read.clear();
        }
    }

    /// Closes in order, with TLS' own goodbye.
    pub(crate) async fn close(mut self) {
        let _ = self.io.shutdown().await;
    }

    async fn fill(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 8192];
        let n = tokio::time::timeout(IDLE_LIMIT, self.io.read(&mut chunk)).await??;
        self.read.extend_from_slice(&chunk[..n]);
        Ok(n)
    }
}

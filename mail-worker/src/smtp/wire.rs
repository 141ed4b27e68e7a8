//! Bytes to and from the relay: commands out, replies in, each within its time.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};

use super::failure::{Failure, Reply, Step};
use super::reply::{Answer, Parser};

/// How long the rest of a line whose digits are there may be silent.
const REST_LIMIT: Duration = Duration::from_secs(5);

pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection, in clear or encrypted.
pub(super) struct Wire {
    io: Box<dyn Io>,
    read: Vec<u8>,
    /// Where the next reply begins is not known any more.
    spent: bool,
}

/// Why there is no reply.
enum Missing {
    Closed(String),
    Silent(Duration),
    Endless,
}

impl Wire {
    pub(super) fn new(io: impl Io + 'static) -> Self {
        Self { io: Box::new(io), read: Vec::new(), spent: false }
    }

    /// Whether no further command can be given on it.
    pub(super) fn is_spent(&self) -> bool {
        self.spent
    }

    /// The bare stream, with nothing read ahead; `None` when there is something.
    pub(super) fn into_io(self) -> Option<Box<dyn Io>> {
        self.read.is_empty().then_some(self.io)
    }

    /// Gives a command and reads its reply. A relay that has said something before it was asked is not in step with us: what
    /// it said could be taken for the reply.
    ///
    /// # Errors
    /// No reply: [`Failure::judge`] says at which steps that is the relay's trouble, and at which this mail's.
    pub(super) async fn ask(&mut self, step: Step, command: &str, limit: Duration) -> Result<Answer, Failure> {
        if self.spent {
            return Err(Failure::local(step, "the reply before broke off"));
        }
        if command.contains(['\r', '\n']) {
            return Err(Failure::local(step, "a command of more than one line"));
        }
        self.in_step(step, limit).await?;
        let line = format!("{command}\r\n");
        self.write(step, line.as_bytes(), limit).await?;
        self.reply(step, limit).await
    }

    /// Reads a reply.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(super) async fn reply(&mut self, step: Step, limit: Duration) -> Result<Answer, Failure> {
        self.answer(limit).await.map_err(|missing| match missing {
            Missing::Closed(why) => Failure::local(step, why),
            Missing::Silent(limit) => Failure::silence(step, limit),
            Missing::Endless => Failure::local(step, "a reply without end"),
        })
    }

    /// Fails when the relay has spoken, or gone, without being asked. An unasked 421 is its farewell, and counts as the reply; so
    /// does a refusal while the message is on its way: a relay need not hear the end of what it does not want.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(super) async fn in_step(&mut self, step: Step, limit: Duration) -> Result<(), Failure> {
        if self.read.is_empty() && self.is_quiet(step).await? {
            return Ok(());
        }
        self.spent = true;
        match self.answer(limit.min(REST_LIMIT)).await {
            Ok(answer) if answer.code == 421 || step == Step::Message && answer.class() >= 4 => {
                Err(Failure::said(step, &answer))
            }
            Ok(answer) => {
                Err(Failure::local(step, format!("the relay spoke out of turn: {} {}", answer.code, answer.text())))
            }
            Err(Missing::Closed(why)) => Err(Failure::local(step, why)),
            Err(Missing::Silent(_) | Missing::Endless) => Err(Failure::local(step, "the relay spoke out of turn")),
        }
    }

    /// Whether nothing was sent to us. What was is put into the buffer.
    async fn is_quiet(&mut self, step: Step) -> Result<bool, Failure> {
        let mut chunk = [0; 1024];
        let mut buf = ReadBuf::new(&mut chunk);
        let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut self.io).poll_read(cx, &mut buf))).await;
        match polled {
            Poll::Pending => Ok(true),
            Poll::Ready(Ok(())) if buf.filled().is_empty() => {
                self.spent = true;
                Err(Failure::local(step, CLOSED))
            }
            Poll::Ready(Ok(())) => {
                self.read.extend_from_slice(buf.filled());
                Ok(false)
            }
            Poll::Ready(Err(error)) => {
                self.spent = true;
                Err(Failure::local(step, error))
            }
        }
    }

    /// Sends bytes, and has them on their way when it returns. Where that fails, what the relay may have said to it is the
    /// reason: one that turns a message away before its end says so, and closes.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(super) async fn write(&mut self, step: Step, bytes: &[u8], limit: Duration) -> Result<(), Failure> {
        let writing = async {
            self.io.write_all(bytes).await?;
            self.io.flush().await
        };
        let failure = match timeout(limit, writing).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => Failure::local(step, error),
            Err(_) => Failure::silence(step, limit),
        };
        self.spent = true;
        match self.answer(limit.min(REST_LIMIT)).await {
            Ok(answer) if answer.class() >= 4 => Err(Failure::said(step, &answer)),
            _ => Err(failure),
        }
    }

    async fn answer(&mut self, limit: Duration) -> Result<Answer, Missing> {
        let end = Instant::now() + limit;
        let mut parser = Parser::default();
        let mut chunk = [0; 4096];
        let missing = loop {
            let mut taken = 0;
            let ended = self.read.iter().find_map(|byte| {
                taken += 1;
                parser.feed(*byte)
            });
            self.read.drain(..taken);
            if let Some(answer) = ended {
                return Ok(answer);
            }
            if parser.is_full() {
                break Missing::Endless;
            }
            let patience = if parser.is_decided() { end.min(Instant::now() + REST_LIMIT) } else { end };
            match timeout_at(patience, self.io.read(&mut chunk)).await {
                Ok(Ok(0)) => break Missing::Closed(CLOSED.to_owned()),
                Ok(Ok(n)) => self.read.extend(chunk.iter().take(n)),
                Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    break Missing::Closed(CLOSED.to_owned());
                }
                Ok(Err(error)) => break Missing::Closed(error.to_string()),
                Err(_) => break Missing::Silent(limit),
            }
        };
        self.spent = true;
        let begun = parser.has_begun();
        parser.cut().ok_or(match missing {
            Missing::Closed(why) if begun => Missing::Closed(format!("{why} in the middle of its reply")),
            missing => missing,
        })
    }

    /// Takes leave of the stream: under TLS with its own goodbye.
    pub(super) async fn close(mut self, limit: Duration) {
        let _ = timeout(limit, self.io.shutdown()).await;
    }
}

/// What is said of a connection that ended.
const CLOSED: &str = "the relay closed the connection";

impl Failure {
    /// A reply that is a refusal, or is none that the step knows.
    pub(super) fn said(step: Step, answer: &Answer) -> Self {
        let text = answer.text();
        if answer.class() >= 4 {
            return Self::judge(Reply::new(step, Some(answer.code), &text));
        }
        Self::local(step, format!("an answer that does not belong there: {} {text}", answer.code))
    }
}

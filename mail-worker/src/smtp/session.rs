//! One connection to the relay, with a limit on every step.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::failure::{Failure, Reply, Step};
use super::hello::{Extensions, wanted};
use super::path::Path;
use super::reply::Answer;
use super::transport::Connector;
use super::wire::Wire;
use crate::config::Login;

/// Shorter than a step: an idle connection that does not answer at once is not worth waiting for.
const CHECK_LIMIT: Duration = Duration::from_secs(5);
/// The answer to a message may take this many steps: relays scan it meanwhile (RFC 5321 §4.5.3.2.6).
const MESSAGE_STEPS: u32 = 4;

/// A connection that greeted us and, where asked to, let us in.
pub struct Session {
    wire: Wire,
    extensions: Extensions,
    step: Duration,
    /// Dialogues begun on it.
    pub(super) used: u32,
}

impl Session {
    /// Connects, encrypts, introduces and logs in.
    ///
    /// # Errors
    /// [`Failure::Relay`].
    pub async fn open(connector: &Connector, login: Option<&Login>, step: Duration) -> Result<Self, Failure> {
        let (wire, extensions) = connector.open().await?;
        let mut session = Self { wire, extensions, step, used: 0 };
        if let Some(login) = login {
            session.log_in(login).await?;
        }
        Ok(session)
    }

    async fn log_in(&mut self, login: &Login) -> Result<(), Failure> {
        let (user, password) = (&login.user, login.password.expose());
        let last = if self.extensions.plain {
            let secret = STANDARD.encode(format!("\0{user}\0{password}"));
            self.wire.ask(Step::Auth, &format!("AUTH PLAIN {secret}"), self.step).await?
        } else if self.extensions.login {
            let asks = self.wire.ask(Step::Auth, "AUTH LOGIN", self.step).await?;
            wanted(Step::Auth, asks, 3)?;
            let asks = self.wire.ask(Step::Auth, &STANDARD.encode(user), self.step).await?;
            wanted(Step::Auth, asks, 3)?;
            self.wire.ask(Step::Auth, &STANDARD.encode(password), self.step).await?
        } else {
            return Err(Failure::local(Step::Auth, "the relay offers neither AUTH PLAIN nor AUTH LOGIN"));
        };
        wanted(Step::Auth, last, 2).map(drop)
    }

    /// Whether addresses with a local part beyond ASCII can be sent over it (RFC 6531).
    pub fn smtp_utf8(&self) -> bool {
        self.extensions.smtp_utf8
    }

    /// `MAIL FROM`. `utf8`: an address or a header of this mail is not ASCII.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn mail(&mut self, from: &Path, utf8: bool) -> Result<(), Failure> {
        self.used += 1;
        let mut command = format!("MAIL FROM:<{from}>");
        if utf8 && self.extensions.smtp_utf8 {
            command.push_str(if self.extensions.eight_bit { " BODY=8BITMIME SMTPUTF8" } else { " SMTPUTF8" });
        }
        let answer = self.wire.ask(Step::MailFrom, &command, self.step).await?;
        wanted(Step::MailFrom, answer, 2).map(drop)
    }

    /// `RCPT TO`.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn rcpt(&mut self, to: &Path) -> Result<Reply, Failure> {
        let answer = self.wire.ask(Step::RcptTo, &format!("RCPT TO:<{to}>"), self.step).await?;
        wanted(Step::RcptTo, answer, 2).map(|answer| said(Step::RcptTo, &answer))
    }

    /// `DATA`: after it only the message may follow.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn data(&mut self) -> Result<(), Failure> {
        let answer = self.wire.ask(Step::Data, "DATA", self.step).await?;
        wanted(Step::Data, answer, 3)?;
        // A reply that is there already would be taken for the answer to the message.
        self.wire.in_step(Step::Data, self.step).await
    }

    /// The message and its final dot.
    ///
    /// # Errors
    /// Any [`Failure`]; after [`Failure::Unknown`], and only then, nobody knows whether the relay took it.
    pub async fn message(&mut self, message: &[u8]) -> Result<Reply, Failure> {
        let limit = self.step * MESSAGE_STEPS;
        // Without the dot no relay may take it: whatever fails up to here is known to have failed.
        self.wire.write(Step::Message, &stuffed(message), limit).await?;
        // A reply that came meanwhile would be taken for the answer to the dot, and the mail be lost with a yes.
        self.wire.in_step(Step::Message, self.step).await?;
        if let Err(failure) = self.wire.write(Step::Message, b".\r\n", limit).await {
            return Err(failure.after_the_dot());
        }
        loop {
            let answer = self.wire.reply(Step::Message, limit).await.map_err(Failure::after_the_dot)?;
            match answer.class() {
                2 => return Ok(said(Step::Message, &answer)),
                // A second 354 answers nothing that was asked now.
                3 if answer.whole => {}
                3 => return Err(Failure::said(Step::Message, &answer).after_the_dot()),
                _ => return Err(Failure::said(Step::Message, &answer)),
            }
        }
    }

    /// Whether no further command can be given on it.
    pub fn is_spent(&self) -> bool {
        self.wire.is_spent()
    }

    /// Ends a dialogue before `DATA`, so that the connection can be used again.
    pub(super) async fn reset(&mut self) -> bool {
        self.checks("RSET").await
    }

    /// Whether the relay is still there.
    pub(super) async fn check(&mut self) -> bool {
        self.checks("NOOP").await
    }

    async fn checks(&mut self, command: &str) -> bool {
        let asked = self.wire.ask(Step::Check, command, self.step.min(CHECK_LIMIT)).await;
        asked.is_ok_and(|answer| wanted(Step::Check, answer, 2).is_ok())
    }

    /// Takes leave. What the relay says to it does not matter.
    pub(super) async fn quit(mut self) {
        let limit = self.step.min(CHECK_LIMIT);
        let _ = self.wire.ask(Step::Check, "QUIT", limit).await;
        self.wire.close(limit).await;
    }
}

fn said(step: Step, answer: &Answer) -> Reply {
    Reply::new(step, Some(answer.code), &answer.text())
}

/// The message with every leading dot doubled (RFC 5321 §4.5.2), ended by a line end.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 16);
    let mut begins = true;
    for byte in message {
        if begins && *byte == b'.' {
            out.push(b'.');
        }
        out.push(*byte);
        begins = *byte == b'\n';
    }
    if !begins {
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_doubled_where_a_line_begins() {
        for (plain, wire) in
            [("a\r\n.\r\nb.c\r\n..d\r\n", "a\r\n..\r\nb.c\r\n...d\r\n"), (".", "..\r\n"), ("a", "a\r\n"), ("", "")]
        {
            assert_eq!(stuffed(plain.as_bytes()), wire.as_bytes(), "{plain:?}");
        }
    }

    /// What comes of a message to a relay that says this when it has read the beginning of it, and a yes to the dot.
    async fn interrupted_by(said: &str, hangs_up: bool) -> Result<Reply, Failure> {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        // So little room that the rest of the message is not written before the relay has spoken.
        let (ours, mut relay) = tokio::io::duplex(64);
        let said = said.to_owned();
        tokio::spawn(async move {
            relay.read_exact(&mut [0; 8]).await.unwrap();
            relay.write_all(said.as_bytes()).await.unwrap();
            let mut seen = Vec::new();
            while !hangs_up && !seen.ends_with(b"\r\n.\r\n") && relay.read_buf(&mut seen).await.unwrap() > 0 {}
            let _ = relay.write_all(b"250 ok\r\n").await;
        });
        let step = Duration::from_secs(60);
        let mut session = Session { wire: Wire::new(ours), extensions: Extensions::default(), step, used: 1 };
        session.message(&b"line\r\n".repeat(100)).await
    }

    #[tokio::test]
    async fn what_is_said_before_the_dot_is_no_yes_to_it() {
        assert!(interrupted_by("", false).await.is_ok());
        for said in ["250 ok\r\n", "354 go on\r\n", "220 hello\r\n", "250-one\r\n250 two\r\n"] {
            let failure = interrupted_by(said, false).await.unwrap_err();
            assert!(matches!(failure, Failure::Broken(_)), "{said}: {failure:?}");
        }
        assert!(matches!(interrupted_by("452 full\r\n", false).await, Err(Failure::Transient(_))));
        assert!(matches!(interrupted_by("552 too long\r\n", false).await, Err(Failure::Permanent(_))));
        assert!(matches!(interrupted_by("421 bye\r\n", false).await, Err(Failure::Closing(_))));
        assert!(matches!(interrupted_by("552 too long\r\n", true).await, Err(Failure::Permanent(_))));
        assert!(matches!(interrupted_by("", true).await, Err(Failure::Broken(_))));
    }
}

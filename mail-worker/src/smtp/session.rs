//! One connection to the relay, with a limit on every step.

use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Noop, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;

use super::failure::{Failure, Reply, Step};
use super::transport::Connector;

/// Shorter than a step: an idle connection that does not answer at once is not worth waiting for.
const CHECK_LIMIT: Duration = Duration::from_secs(5);

/// A connection that greeted us and, where asked to, let us in.
pub struct Session {
    conn: AsyncSmtpConnection,
    step: Duration,
    /// Dialogues begun on it.
    pub(super) used: u32,
}

impl Session {
    /// Connects, encrypts, introduces and logs in.
    ///
    /// # Errors
    /// [`Failure::Relay`].
    pub async fn open(
        connector: &Connector,
        hello: &ClientId,
        credentials: Option<&Credentials>,
        step: Duration,
    ) -> Result<Self, Failure> {
        let stream = connector.open().await?;
        // The greeting and EHLO are two steps in one call.
        let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(stream), hello);
        let conn = limited(Step::Greeting, step * 2, greeted).await?;
        let mut session = Self { conn, step, used: 0 };
        if let Some(credentials) = credentials {
            let auth = session.conn.auth(&[Mechanism::Plain, Mechanism::Login], credentials);
            limited(Step::Auth, step * 2, auth).await?;
        }
        Ok(session)
    }

    /// Whether non-ASCII addresses can be sent over it (RFC 6531).
    pub fn smtp_utf8(&self) -> bool {
        self.conn.server_info().supports_feature(Extension::SmtpUtfEight)
    }

    /// `MAIL FROM`.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn mail(&mut self, from: &Address, utf8: bool, eight_bit: bool) -> Result<(), Failure> {
        self.used += 1;
        let mut parameters = Vec::new();
        if utf8 {
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if eight_bit && self.conn.server_info().supports_feature(Extension::EightBitMime) {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        let mail = self.conn.command(Mail::new(Some(from.clone()), parameters));
        limited(Step::MailFrom, self.step, mail).await.map(drop)
    }

    /// `RCPT TO`.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn rcpt(&mut self, to: &Address) -> Result<Reply, Failure> {
        let rcpt = self.conn.command(Rcpt::new(to.clone(), Vec::new()));
        limited(Step::RcptTo, self.step, rcpt).await.map(|answer| said(Step::RcptTo, &answer))
    }

    /// `DATA`: after it only the message may follow.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn data(&mut self) -> Result<(), Failure> {
        limited(Step::Data, self.step, self.conn.command(Data)).await.map(drop)
    }

    /// The message and its final dot.
    ///
    /// # Errors
    /// Any [`Failure`]; after [`Failure::Broken`] nobody knows whether the relay took it.
    pub async fn message(&mut self, message: &[u8]) -> Result<Reply, Failure> {
        let sent = self.conn.message(message);
        limited(Step::Message, self.step * 4, sent).await.map(|answer| said(Step::Message, &answer))
    }

    /// Ends a dialogue before `DATA`, so that the connection can be used again.
    pub(super) async fn reset(&mut self) -> bool {
        limited(Step::Check, self.step.min(CHECK_LIMIT), self.conn.command(Rset)).await.is_ok()
    }

    /// Whether the relay is still there.
    pub(super) async fn check(&mut self) -> bool {
        limited(Step::Check, self.step.min(CHECK_LIMIT), self.conn.command(Noop)).await.is_ok()
    }

    /// Takes leave. What the relay says to it does not matter.
    pub(super) async fn quit(mut self) {
        let _ = limited(Step::Check, self.step.min(CHECK_LIMIT), self.conn.command(Quit)).await;
    }
}

fn said(step: Step, answer: &Response) -> Reply {
    Reply::new(step, Some(answer.code().into()), &answer.message().collect::<Vec<_>>().join(" "))
}

async fn limited<T>(
    step: Step,
    limit: Duration,
    work: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done.map_err(|e| Failure::of(step, &e)),
        Err(_) => Err(Failure::silence(step, limit)),
    }
}

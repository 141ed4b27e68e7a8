//! What went wrong in a dialogue, in the terms that decide what happens next.

use std::fmt;
use std::time::Duration;

use super::delay;

/// Where in the dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Name resolution and TCP.
    Connect,
    /// The TLS handshake, with or without `STARTTLS` before it.
    Tls,
    /// The relay's greeting.
    Greeting,
    /// The answer to `EHLO`.
    Hello,
    /// `AUTH`.
    Auth,
    /// `MAIL FROM`.
    MailFrom,
    /// `RCPT TO`.
    RcptTo,
    /// `DATA`, up to the 354.
    Data,
    /// The message, up to the answer to its final dot.
    Message,
    /// `RSET` or `NOOP`.
    Check,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Tls => "TLS",
            Self::Greeting => "greeting",
            Self::Hello => "EHLO",
            Self::Auth => "AUTH",
            Self::MailFrom => "MAIL FROM",
            Self::RcptTo => "RCPT TO",
            Self::Data => "DATA",
            Self::Message => "message",
            Self::Check => "check",
        })
    }
}

/// What the relay said, or what kept it from saying anything. Displays without addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// At which step.
    pub step: Step,
    /// The three digits, where there were any.
    pub code: Option<u16>,
    /// The words, cleaned by [`clean`].
    pub text: String,
    /// The delay that the words ask for.
    pub asked: Option<Duration>,
}

impl Reply {
    /// A reply, or a reason of our own; the text is cleaned.
    pub fn new(step: Step, code: Option<u16>, text: &str) -> Self {
        let asked = code.filter(|code| (400..=499).contains(code)).and_then(|_| delay::asked(text));
        Self { step, code, text: clean(text), asked }
    }

    /// The code as the columns hold it.
    pub fn smtp_code(&self) -> Option<i16> {
        self.code.and_then(|code| i16::try_from(code).ok())
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.step)?;
        if let Some(code) = self.code {
            write!(f, "{code} ")?;
        }
        f.write_str(&self.text)
    }
}

/// A step that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The relay cannot be used by anybody now: nothing that this mail could help.
    Relay(Reply),
    /// 4xx: later, perhaps.
    Transient(Reply),
    /// 5xx: never.
    Permanent(Reply),
    /// 421 about this mail: later, perhaps, and over another connection.
    Closing(Reply),
    /// The connection was lost, or stayed silent, or got out of step, in the middle of this mail; the relay has not taken it.
    Broken(Reply),
    /// The same after the final dot: the relay may have taken it.
    Unknown(Reply),
}

impl Failure {
    /// No answer within the limit.
    pub fn silence(step: Step, limit: Duration) -> Self {
        Self::judge(Reply::new(step, None, &format!("no answer within {} s", limit.as_secs_f32())))
    }

    /// A failure without an answer of the relay's.
    pub fn local(step: Step, error: impl fmt::Display) -> Self {
        Self::judge(Reply::new(step, None, &error.to_string()))
    }

    /// Judges a refusal, or what kept the relay from answering.
    pub(super) fn judge(reply: Reply) -> Self {
        match reply.code {
            _ if reply.step <= Step::Auth => Self::Relay(reply),
            // 421: the service closes. 530, 535, 538: it wants a login or encryption that the configuration does not give.
            // At `MAIL` nothing of this mail is known to it yet. Behind that it is an answer about one mail, and others go on.
            Some(421 | 530 | 535 | 538) if reply.step == Step::MailFrom => Self::Relay(reply),
            Some(421) => Self::Closing(reply),
            Some(530 | 535 | 538) => Self::Transient(reply),
            Some(400..=499) => Self::Transient(reply),
            Some(500..=599) => Self::Permanent(reply),
            _ => Self::Broken(reply),
        }
    }

    /// The same failure when the final dot may have reached the relay: without an answer nobody knows.
    pub(super) fn after_the_dot(self) -> Self {
        match self {
            Self::Broken(reply) => Self::Unknown(reply),
            answered => answered,
        }
    }

    /// What was said.
    pub fn reply(&self) -> &Reply {
        match self {
            Self::Relay(reply)
            | Self::Transient(reply)
            | Self::Permanent(reply)
            | Self::Closing(reply)
            | Self::Broken(reply)
            | Self::Unknown(reply) => reply,
        }
    }

    /// Whether the connection is of no use any more.
    pub fn ends_connection(&self) -> bool {
        !matches!(self, Self::Transient(_) | Self::Permanent(_))
    }
}

/// The longest text kept of a reply, in characters.
const TEXT_CHARS: usize = 300;

/// The words of a relay, fit for rows that operators read and for logs: no address, nothing that could be a code, one
/// line, bounded (SPEC §16).
pub fn clean(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let masked = words.map(|word| {
        let digits = word.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
        if word.contains('@') || digits >= 6 { "[…]" } else { word }
    });
    masked.collect::<Vec<_>>().join(" ").chars().take(TEXT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(step: Step, code: Option<u16>) -> &'static str {
        match Failure::judge(Reply::new(step, code, "x")) {
            Failure::Relay(_) => "relay",
            Failure::Transient(_) => "transient",
            Failure::Permanent(_) => "permanent",
            Failure::Closing(_) => "closing",
            Failure::Broken(_) => "broken",
            Failure::Unknown(_) => "unknown",
        }
    }

    #[test]
    fn the_failure_table() {
        for (step, code, wanted) in [
            (Step::Connect, None, "relay"),
            (Step::Tls, None, "relay"),
            (Step::Greeting, Some(554), "relay"),
            (Step::Auth, Some(535), "relay"),
            (Step::MailFrom, Some(421), "relay"),
            (Step::MailFrom, Some(530), "relay"),
            (Step::RcptTo, Some(421), "closing"),
            (Step::RcptTo, Some(530), "transient"),
            (Step::Message, Some(421), "closing"),
            (Step::MailFrom, Some(451), "transient"),
            (Step::RcptTo, Some(450), "transient"),
            (Step::RcptTo, Some(550), "permanent"),
            (Step::RcptTo, None, "broken"),
            (Step::Message, Some(552), "permanent"),
            (Step::Message, None, "broken"),
        ] {
            assert_eq!(judged(step, code), wanted, "{step} {code:?}");
        }
    }

    #[test]
    fn texts_lose_addresses_codes_and_line_breaks() {
        assert_eq!(clean("5.1.1 <eve@example.org>: unknown\r\nid=12345678 ok"), "5.1.1 […] unknown […] ok");
        assert_eq!(clean(&"é".repeat(1000)).chars().count(), TEXT_CHARS);
    }
}

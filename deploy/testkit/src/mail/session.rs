//! One SMTP conversation (RFC 5321; STARTTLS: RFC 3207; AUTH: RFC 4954; SIZE: RFC 1870; SMTPUTF8: RFC 6531).

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio_rustls::TlsAcceptor;

use super::faults::{AfterContent, Faults};
use super::message::Envelope;
use super::store::Store;
use super::tls_mode::TlsMode;
use super::wire::{Content, Wire};

const NAME: &str = "mail-catcher.localhost";
const MAX_RECIPIENTS: usize = 1000;

/// What all conversations of a catcher share.
pub(crate) struct Shared {
    pub(crate) mode: TlsMode,
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) credentials: Option<(String, String)>,
    pub(crate) max_size: usize,
    pub(crate) store: Store,
    pub(crate) faults: Faults,
}

#[derive(Debug, Default)]
struct Transaction {
    from: String,
    to: Vec<String>,
    utf8: bool,
}

struct Session {
    shared: Arc<Shared>,
    wire: Wire,
    greeted: bool,
    authenticated: bool,
    transaction: Option<Transaction>,
}

/// Whether the conversation goes on.
enum Next {
    On,
    StartTls,
    End,
}

/// Talks until either side has had enough.
pub(crate) async fn serve(shared: Arc<Shared>, io: tokio::net::TcpStream) -> io::Result<()> {
    let _ = io.set_nodelay(true);
    let mut wire = Wire::new(io);
    if shared.mode == TlsMode::Tls {
        wire = wire.encrypt(&shared.acceptor).await?;
    }
    let mut session = Session { shared, wire, greeted: false, authenticated: false, transaction: None };
    if session.greet().await? {
        while let Some(line) = session.wire.line().await? {
            match session.command(&line).await? {
                Next::On => {}
                Next::StartTls => {
                    let acceptor = session.shared.acceptor.clone();
                    session.wire = session.wire.encrypt(&acceptor).await?;
                    // RFC 3207 §4.2: as if the connection had just begun.
                    (session.greeted, session.authenticated, session.transaction) = (false, false, None);
                }
                Next::End => break,
            }
        }
    }
    session.wire.close().await;
    Ok(())
}

impl Session {
    async fn greet(&mut self) -> io::Result<bool> {
        let (code, slow) = self.shared.faults.greeting();
        if let Some(code) = code {
            self.reply(code, "no service here, as scripted").await?;
            return Ok(false);
        }
        let banner = format!("220 {NAME} ESMTP\r\n");
        tokio::time::sleep(self.shared.faults.delay()).await;
        match slow {
            Some(pause) => self.wire.send_slowly(&banner, pause).await?,
            None => self.wire.send(&banner).await?,
        }
        Ok(true)
    }

    async fn command(&mut self, line: &str) -> io::Result<Next> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => self.hello(true, rest).await?,
            "HELO" => self.hello(false, rest).await?,
            "STARTTLS" => return self.start_tls().await,
            "AUTH" => self.auth(rest).await?,
            "MAIL" => self.mail(rest).await?,
            "RCPT" => self.rcpt(rest).await?,
            "DATA" => return self.data().await,
            "RSET" => {
                self.transaction = None;
                self.reply(250, "2.0.0 forgotten").await?;
            }
            "NOOP" => self.reply(250, "2.0.0 nothing done").await?,
            "VRFY" => self.reply(252, "2.5.0 send it and see").await?,
            "HELP" => self.reply(214, "see RFC 5321").await?,
            "QUIT" => {
                self.reply(221, "2.0.0 goodbye").await?;
                return Ok(Next::End);
            }
            _ => self.reply(500, "5.5.1 unknown command").await?,
        }
        Ok(Next::On)
    }

    async fn hello(&mut self, extended: bool, client: &str) -> io::Result<()> {
        if client.trim().is_empty() {
            return self.reply(501, "5.5.4 who are you?").await;
        }
        self.greeted = true;
        self.transaction = None;
        if !extended {
            return self.reply(250, NAME).await;
        }
        let size = format!("SIZE {}", self.shared.max_size);
        let mut lines = vec![NAME, "PIPELINING", &size, "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"];
        if self.must_encrypt() {
            lines.push("STARTTLS");
        } else if self.shared.credentials.is_some() {
            lines.push("AUTH PLAIN LOGIN");
        }
        let last = lines.len() - 1;
        let reply: String =
            lines.iter().enumerate().map(|(i, l)| format!("250{}{l}\r\n", if i == last { ' ' } else { '-' })).collect();
        self.send(&reply).await
    }

    fn must_encrypt(&self) -> bool {
        self.shared.mode == TlsMode::StartTls && !self.wire.is_encrypted()
    }

    async fn start_tls(&mut self) -> io::Result<Next> {
        if !self.must_encrypt() {
            self.reply(503, "5.5.1 not offered").await?;
            return Ok(Next::On);
        }
        self.reply(220, "2.0.0 go ahead").await?;
        Ok(Next::StartTls)
    }

    async fn auth(&mut self, arguments: &str) -> io::Result<()> {
        let Some((name, password)) = self.shared.credentials.clone() else {
            return self.reply(503, "5.5.1 not offered").await;
        };
        if self.must_encrypt() {
            return self.reply(538, "5.7.11 encryption first").await;
        }
        if !self.greeted || self.authenticated || self.transaction.is_some() {
            return self.reply(503, "5.5.1 not now").await;
        }
        let (mechanism, initial) = arguments.split_once(' ').unwrap_or((arguments, ""));
        let given = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let response = if initial.is_empty() { self.challenge("").await? } else { initial.to_owned() };
                decode(&response).and_then(|text| {
                    let mut parts = text.split('\0').skip(1).map(str::to_owned);
                    Some((parts.next()?, parts.next()?))
                })
            }
            "LOGIN" => {
                let user = if initial.is_empty() { self.challenge("VXNlcm5hbWU6").await? } else { initial.to_owned() };
                let secret = self.challenge("UGFzc3dvcmQ6").await?;
                decode(&user).zip(decode(&secret))
            }
            _ => return self.reply(504, "5.5.4 unknown mechanism").await,
        };
        match given {
            Some(given) if given == (name, password) => {
                self.authenticated = true;
                self.reply(235, "2.7.0 welcome").await
            }
            Some(_) => self.reply(535, "5.7.8 wrong name or password").await,
            None => self.reply(501, "5.5.2 cannot decode that").await,
        }
    }

    async fn challenge(&mut self, text: &str) -> io::Result<String> {
        self.send(&format!("334 {text}\r\n")).await?;
        Ok(self.wire.line().await?.unwrap_or_default())
    }

    async fn mail(&mut self, arguments: &str) -> io::Result<()> {
        if !self.greeted || self.transaction.is_some() {
            return self.reply(503, "5.5.1 not now").await;
        }
        if self.must_encrypt() {
            return self.reply(530, "5.7.0 must issue a STARTTLS command first").await;
        }
        if self.shared.credentials.is_some() && !self.authenticated {
            return self.reply(530, "5.7.0 authentication required").await;
        }
        let Some((from, parameters)) = path(arguments, "FROM:") else {
            return self.reply(501, "5.5.4 MAIL FROM:<address>").await;
        };
        let mut utf8 = false;
        for parameter in parameters {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match (name.to_ascii_uppercase().as_str(), value.to_ascii_uppercase().as_str()) {
                ("SMTPUTF8", "") => utf8 = true,
                ("BODY", "7BIT" | "8BITMIME") | ("AUTH", _) => {}
                ("SIZE", size) => match size.parse::<usize>() {
                    Ok(size) if size > self.shared.max_size => {
                        return self.reply(552, "5.3.4 larger than I take").await;
                    }
                    Ok(_) => {}
                    Err(_) => return self.reply(501, "5.5.4 bad SIZE").await,
                },
                _ => return self.reply(555, "5.5.4 unknown parameter").await,
            }
        }
        if !utf8 && !from.is_ascii() {
            return self.reply(553, "5.6.7 that address needs SMTPUTF8").await;
        }
        if let Some(code) = self.shared.faults.on_mail() {
            return self.reply(code, "refused, as scripted").await;
        }
        self.transaction = Some(Transaction { from: from.to_owned(), to: Vec::new(), utf8 });
        self.reply(250, "2.1.0 sender taken").await
    }

    async fn rcpt(&mut self, arguments: &str) -> io::Result<()> {
        let Some(transaction) = &self.transaction else { return self.reply(503, "5.5.1 MAIL first").await };
        let utf8 = transaction.utf8;
        let full = transaction.to.len() >= MAX_RECIPIENTS;
        let to = match path(arguments, "TO:") {
            Some((to, parameters)) if !to.is_empty() && parameters.is_empty() => to.to_owned(),
            Some((to, _)) if !to.is_empty() => return self.reply(555, "5.5.4 unknown parameter").await,
            _ => return self.reply(501, "5.5.4 RCPT TO:<address>").await,
        };
        if !utf8 && !to.is_ascii() {
            return self.reply(553, "5.6.7 that address needs SMTPUTF8").await;
        }
        if full {
            return self.reply(452, "4.5.3 too many recipients").await;
        }
        if let Some(code) = self.shared.faults.on_rcpt(&to) {
            return self.reply(code, "refused, as scripted").await;
        }
        if let Some(transaction) = &mut self.transaction {
            transaction.to.push(to);
        }
        self.reply(250, "2.1.5 recipient taken").await
    }

    async fn data(&mut self) -> io::Result<Next> {
        match &self.transaction {
            None => {
                self.reply(503, "5.5.1 MAIL first").await?;
                return Ok(Next::On);
            }
            Some(transaction) if transaction.to.is_empty() => {
                self.reply(554, "5.5.1 no valid recipients").await?;
                return Ok(Next::On);
            }
            Some(_) => {}
        }
        if let Some(code) = self.shared.faults.on_data() {
            self.reply(code, "refused, as scripted").await?;
            return Ok(Next::On);
        }
        self.reply(354, "end with a dot on a line of its own").await?;
        let Some(content) = self.wire.content(self.shared.max_size).await? else { return Ok(Next::End) };
        let Some(transaction) = self.transaction.take() else { return Ok(Next::On) };
        match content {
            Content::TooLarge => self.reply(552, "5.3.4 larger than I take").await?,
            Content::BareLineFeed => self.reply(550, "5.6.11 a line feed without carriage return").await?,
            Content::Whole(raw) => return self.take(transaction, raw).await,
        }
        Ok(Next::On)
    }

    async fn take(&mut self, transaction: Transaction, raw: Vec<u8>) -> io::Result<Next> {
        let after = self.shared.faults.on_content();
        if let AfterContent::Reject(code) = after {
            self.reply(code, "refused, as scripted").await?;
            return Ok(Next::On);
        }
        let envelope = Envelope { from: transaction.from, to: transaction.to, encrypted: self.wire.is_encrypted() };
        let kept = self.shared.store.add(envelope, raw, after == AfterContent::Accept);
        let number = match kept {
            Ok(number) => number,
            Err(error) => {
                eprintln!("mail-catcher: {error:#}");
                self.reply(451, "4.3.0 could not keep it").await?;
                return Ok(Next::On);
            }
        };
        match after {
            AfterContent::Drop => return Err(io::ErrorKind::ConnectionAborted.into()),
            AfterContent::Hold => {
                self.wire.until_closed().await;
                return Ok(Next::End);
            }
            AfterContent::Accept | AfterContent::Reject(_) => {}
        }
        self.reply(250, &format!("2.0.0 kept as {number}")).await?;
        Ok(Next::On)
    }

    async fn reply(&mut self, code: u16, text: &str) -> io::Result<()> {
        self.send(&format!("{code} {text}\r\n")).await
    }

    async fn send(&mut self, text: &str) -> io::Result<()> {
        tokio::time::sleep(self.shared.faults.delay()).await;
        self.wire.send(text).await
    }
}

/// `FROM:<a@b> SIZE=1` is `a@b` with one parameter, `SIZE=1`.
fn path<'a>(arguments: &'a str, keyword: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let arguments = arguments.trim();
    let head = arguments.get(..keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let rest = arguments.get(keyword.len()..)?.trim_start().strip_prefix('<')?;
    let (address, parameters) = rest.rsplit_once('>')?;
    let plain = !address.chars().any(|c| c.is_control() || c == '<' || c == '>');
    (plain && (address.is_empty() || address.contains('@'))).then(|| (address, parameters.split_whitespace().collect()))
}

fn decode(text: &str) -> Option<String> {
    String::from_utf8(BASE64.decode(text.trim()).ok()?).ok()
}

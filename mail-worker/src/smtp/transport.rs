//! From a host name to an encrypted stream on which lettre can speak.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use lettre::transport::smtp::client::AsyncTokioStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::failure::{Failure, Reply, Step};
use crate::config::{SmtpConfig, TlsMode};

/// Opens streams to the relay.
pub struct Connector {
    host: String,
    port: u16,
    hello: String,
    tls: Option<(TlsMode, TlsConnector, ServerName<'static>)>,
    step: Duration,
}

impl Connector {
    /// A connector for the configured relay. Reads the system's roots where it needs them.
    ///
    /// # Errors
    /// No usable root certificates, or a host that no certificate can name.
    pub fn new(config: &SmtpConfig) -> anyhow::Result<Self> {
        let tls = match config.tls {
            TlsMode::None => None,
            mode => {
                let mut roots = RootCertStore::empty();
                match &config.roots {
                    Some(own) => {
                        for certificate in own.iter() {
                            roots.add(certificate.clone())?;
                        }
                    }
                    None => {
                        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                        anyhow::ensure!(
                            !roots.is_empty(),
                            "the system has no root certificates: install ca-certificates"
                        );
                    }
                }
                let provider = Arc::new(rustls::crypto::ring::default_provider());
                let client = ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()?
                    .with_root_certificates(roots)
                    .with_no_client_auth();
                let name = ServerName::try_from(config.host.clone())?;
                Some((mode, TlsConnector::from(Arc::new(client)), name))
            }
        };
        let (host, port, hello) = (config.host.clone(), config.port, config.hello.to_string());
        Ok(Self { host, port, hello, tls, step: config.timeout })
    }

    /// A stream on which the relay's greeting comes next.
    ///
    /// # Errors
    /// [`Failure::Relay`], whatever it was.
    pub async fn open(&self) -> Result<Stream, Failure> {
        let tcp = self.limited(Step::Connect, TcpStream::connect((self.host.as_str(), self.port))).await?;
        // A message and its final dot are two writes: without this the second waits for the relay's delayed ACK.
        tcp.set_nodelay(true).map_err(|e| Failure::local(Step::Connect, e))?;
        let Some((mode, connector, name)) = &self.tls else {
            return Ok(Stream { greeting: &[], inner: Inner::Plain(tcp) });
        };
        let (tcp, greeting): (_, &'static [u8]) = match mode {
            TlsMode::StartTls => (self.start_tls(tcp).await?, b"220 encrypted\r\n"),
            TlsMode::Tls | TlsMode::None => (tcp, &[]),
        };
        let tls = self.limited(Step::Tls, connector.connect(name.clone(), tcp)).await?;
        Ok(Stream { greeting, inner: Inner::Tls(Box::new(tls)) })
    }

    /// The dialogue in clear, up to the answer to `STARTTLS`. Ours and not lettre's, because whatever is left in the read
    /// buffer at that point came in clear and must not be taken for an answer given under TLS (response injection).
    async fn start_tls(&self, tcp: TcpStream) -> Result<TcpStream, Failure> {
        let mut clear = BufReader::new(tcp);
        self.limited(Step::Greeting, reply(&mut clear)).await?.expect(Step::Greeting, 220)?;
        let hello = format!("EHLO {}\r\n", self.hello);
        let offered = self.limited(Step::Greeting, ask(&mut clear, &hello)).await?.expect(Step::Greeting, 250)?;
        if !offered.iter().any(|line| line.trim().eq_ignore_ascii_case("STARTTLS")) {
            return Err(Failure::local(Step::Tls, "the relay does not offer STARTTLS"));
        }
        self.limited(Step::Tls, ask(&mut clear, "STARTTLS\r\n")).await?.expect(Step::Tls, 220)?;
        if !clear.buffer().is_empty() {
            return Err(Failure::local(Step::Tls, "the relay sent more in clear after its answer to STARTTLS"));
        }
        Ok(clear.into_inner())
    }

    async fn limited<T>(&self, step: Step, work: impl Future<Output = io::Result<T>>) -> Result<T, Failure> {
        match tokio::time::timeout(self.step, work).await {
            Ok(done) => done.map_err(|e| Failure::local(step, e)),
            Err(_) => Err(Failure::silence(step, self.step)),
        }
    }
}

/// An answer given in clear: code and lines.
struct ClearReply(u16, Vec<String>);

impl ClearReply {
    fn expect(self, step: Step, wanted: u16) -> Result<Vec<String>, Failure> {
        if self.0 == wanted {
            Ok(self.1)
        } else {
            Err(Failure::Relay(Reply::new(step, Some(self.0), &self.1.join(" "))))
        }
    }
}

/// Most bytes of one answer in clear.
const CLEAR_LIMIT: usize = 16 * 1024;

async fn ask(clear: &mut BufReader<TcpStream>, command: &str) -> io::Result<ClearReply> {
    clear.get_mut().write_all(command.as_bytes()).await?;
    reply(clear).await
}

async fn reply(clear: &mut BufReader<TcpStream>) -> io::Result<ClearReply> {
    let mut lines = Vec::new();
    let mut left = CLEAR_LIMIT;
    loop {
        let mut line = Vec::new();
        // Byte-wise limit: `take` on the reader itself would hide its buffer from the check for injected answers.
        while line.last() != Some(&b'\n') {
            let found = clear.fill_buf().await?;
            if found.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let end = found.iter().position(|b| *b == b'\n').map_or(found.len(), |at| at + 1);
            line.extend(found.iter().take(end));
            clear.consume(end);
            left = left.checked_sub(end).ok_or_else(|| io::Error::other("the answer is too long"))?;
        }
        let line = String::from_utf8_lossy(&line);
        let (code, rest) = line.split_at_checked(3).ok_or_else(|| io::Error::other("not an SMTP answer"))?;
        let code: u16 = code.parse().map_err(|_| io::Error::other("not an SMTP answer"))?;
        lines.push(rest.trim_start_matches(['-', ' ']).trim_end().to_owned());
        if !rest.starts_with('-') {
            return Ok(ClearReply(code, lines));
        }
    }
}

/// A stream to the relay, encrypted or not.
#[derive(Debug)]
pub struct Stream {
    /// What is read before anything else: lettre waits for a greeting, which under `STARTTLS` was given in clear.
    greeting: &'static [u8],
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncTokioStream for Stream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.inner {
            Inner::Plain(tcp) => tcp.peer_addr(),
            Inner::Tls(tls) => tls.get_ref().0.peer_addr(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.greeting.is_empty() && buf.remaining() > 0 {
            let (now, later) = self.greeting.split_at(self.greeting.len().min(buf.remaining()));
            buf.put_slice(now);
            self.greeting = later;
            return Poll::Ready(Ok(()));
        }
        match &mut self.inner {
            Inner::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Inner::Tls(tls) => Pin::new(tls.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.inner {
            Inner::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Inner::Tls(tls) => Pin::new(tls.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Inner::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Inner::Tls(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    fn connector(port: u16) -> Connector {
        let roots = Some(Arc::new(Vec::new()));
        let config = SmtpConfig {
            host: "127.0.0.1".to_owned(),
            port,
            credentials: None,
            from: "a@x.test".parse().unwrap(),
            tls: TlsMode::StartTls,
            roots,
            hello: lettre::transport::smtp::extension::ClientId::Domain("x.test".to_owned()),
            timeout: Duration::from_secs(2),
            unsubscribe: String::new(),
        };
        Connector::new(&config).unwrap()
    }

    /// What a connector makes of a relay that says these things, one after each command.
    async fn refusal(says: &'static [&'static str]) -> Reply {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let relay = tokio::spawn(async move {
            let (mut peer, _) = listener.accept().await.unwrap();
            for line in says {
                peer.write_all(line.as_bytes()).await.unwrap();
                let _ = peer.read(&mut [0; 512]).await;
            }
        });
        let failure = connector(port).open().await.expect_err("must not be taken for a usable relay");
        relay.abort();
        assert!(matches!(failure, Failure::Relay(_)), "{failure:?}");
        failure.reply().clone()
    }

    #[tokio::test]
    async fn answers_smuggled_in_before_the_handshake_end_the_connection() {
        let reply = refusal(&["220 hi\r\n", "250-hi\r\n250 STARTTLS\r\n", "220 go\r\n250 smuggled\r\n"]).await;
        assert_eq!(reply.step, Step::Tls);
        assert!(reply.text.contains("in clear"), "{reply}");
    }

    #[tokio::test]
    async fn starttls_that_is_stripped_or_refused_is_not_gone_without() {
        assert!(refusal(&["220 hi\r\n", "250-hi\r\n250 SIZE 1\r\n"]).await.text.contains("STARTTLS"));
        let reply = refusal(&["220 hi\r\n", "250-hi\r\n250 STARTTLS\r\n", "454 not now\r\n"]).await;
        assert_eq!((reply.step, reply.code), (Step::Tls, Some(454)));
        assert_eq!(refusal(&["554 no\r\n"]).await.code, Some(554));
        assert_eq!(refusal(&["hello\r\n"]).await.step, Step::Greeting);
    }
}

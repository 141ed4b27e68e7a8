//! From a host name to a connection that is encrypted as it should be.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::failure::{Failure, Step};
use super::hello::{Extensions, introduce, wanted};
use super::wire::{Io, Wire};
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
        let (host, port, hello) = (config.host.clone(), config.port, config.hello.clone());
        Ok(Self { host, port, hello, tls, step: config.timeout })
    }

    /// A connection that is encrypted as it should be, with the relay greeted and its offers known.
    ///
    /// # Errors
    /// [`Failure::Relay`], whatever it was.
    pub(super) async fn open(&self) -> Result<(Wire, Extensions), Failure> {
        let tcp = self.limited(Step::Connect, TcpStream::connect((self.host.as_str(), self.port))).await?;
        // A message and its final dot are two writes: without this the second waits for the relay's delayed ACK.
        tcp.set_nodelay(true).map_err(|e| Failure::local(Step::Connect, e))?;
        let wire = match &self.tls {
            None => self.greeted(Wire::new(tcp)).await?,
            Some((TlsMode::StartTls, connector, name)) => {
                let clear = self.start_tls(tcp).await?;
                Wire::new(self.limited(Step::Tls, connector.connect(name.clone(), clear)).await?)
            }
            Some((TlsMode::Tls | TlsMode::None, connector, name)) => {
                let tls = self.limited(Step::Tls, connector.connect(name.clone(), tcp)).await?;
                self.greeted(Wire::new(tls)).await?
            }
        };
        let mut wire = wire;
        let extensions = introduce(&mut wire, &self.hello, self.step).await?;
        Ok((wire, extensions))
    }

    async fn greeted(&self, mut wire: Wire) -> Result<Wire, Failure> {
        let greeting = wire.reply(Step::Greeting, self.step).await?;
        wanted(Step::Greeting, greeting, 2).map(|_| wire)
    }

    /// The dialogue in clear, up to the answer to `STARTTLS`. Whatever was sent beyond it came in clear and must not be taken
    /// for an answer given under TLS (response injection).
    async fn start_tls(&self, tcp: TcpStream) -> Result<Box<dyn Io>, Failure> {
        let mut clear = self.greeted(Wire::new(tcp)).await?;
        if !introduce(&mut clear, &self.hello, self.step).await?.start_tls {
            return Err(Failure::local(Step::Tls, "the relay does not offer STARTTLS"));
        }
        let ready = clear.ask(Step::Tls, "STARTTLS", self.step).await?;
        wanted(Step::Tls, ready, 2)?;
        clear
            .into_io()
            .ok_or_else(|| Failure::local(Step::Tls, "the relay sent more in clear after its answer to STARTTLS"))
    }

    async fn limited<T>(&self, step: Step, work: impl Future<Output = io::Result<T>>) -> Result<T, Failure> {
        match tokio::time::timeout(self.step, work).await {
            Ok(done) => done.map_err(|e| Failure::local(step, e)),
            Err(_) => Err(Failure::silence(step, self.step)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::super::failure::Reply;
    use super::*;

    fn connector(port: u16) -> Connector {
        let roots = Some(Arc::new(Vec::new()));
        let config = SmtpConfig {
            host: "127.0.0.1".to_owned(),
            port,
            login: None,
            from: "a@x.test".parse().unwrap(),
            tls: TlsMode::StartTls,
            roots,
            hello: "x.test".to_owned(),
            timeout: Duration::from_secs(2),
            rate: None,
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
        let opened = connector(port).open().await;
        let failure = opened.err().expect("must not be taken for a usable relay");
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

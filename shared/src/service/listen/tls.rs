//! TLS of a listener, and of the process's own connection to it.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

/// What a listener needs to speak TLS.
#[derive(Clone)]
pub struct Tls {
    others: TlsAcceptor,
    own: TlsAcceptor,
    connect: OwnTls,
}

impl Tls {
    /// For everybody `others`; for the process itself `own`, which asks for no client certificate: we have none to
    /// show, and need not prove to ourselves who we are. `shown` is the certificate that both of them show.
    ///
    /// # Errors
    /// When the provider supports no protocol version.
    pub fn new(
        others: ServerConfig,
        own: ServerConfig,
        shown: CertificateDer<'static>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        let verifier = Arc::new(Pinned { shown, provider: Arc::clone(&provider) });
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Self {
            others: TlsAcceptor::from(Arc::new(others)),
            own: TlsAcceptor::from(Arc::new(own)),
            connect: OwnTls(TlsConnector::from(Arc::new(client))),
        })
    }

    pub(super) async fn accept<Io>(&self, io: Io, own: bool) -> std::io::Result<server::TlsStream<Io>>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
    {
        if own { self.own.accept(io).await } else { self.others.accept(io).await }
    }

    pub(super) fn own(&self) -> OwnTls {
        self.connect.clone()
    }
}

/// The process as a client of itself.
#[derive(Clone)]
pub(super) struct OwnTls(TlsConnector);

impl OwnTls {
    pub(super) async fn connect<Io>(&self, io: Io) -> std::io::Result<client::TlsStream<Io>>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
        self.0.connect(name, io).await
    }
}

/// Trusts one certificate: the one that was configured. Its names, issuer and dates are for others to judge.
#[derive(Debug)]
struct Pinned {
    shown: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *end_entity == self.shown {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::UnknownIssuer.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

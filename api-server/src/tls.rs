//! TLS of both listeners, from the same files; with client roots, mutual (SPEC §4).

use std::sync::Arc;

use anyhow::Context as _;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::config::TlsConfig;

/// Reads the files for the REST and the gRPC listener; `None` where there is no TLS.
///
/// # Errors
/// Which file is missing or no PEM, or that key and certificate do not belong together.
pub fn load(config: Option<&TlsConfig>) -> anyhow::Result<(Option<TlsAcceptor>, Option<ServerTlsConfig>)> {
    let Some(files) = config else { return Ok((None, None)) };
    let read = |path: &std::path::Path| std::fs::read(path).with_context(|| path.display().to_string());
    let (cert, key) = (read(&files.cert)?, read(&files.key)?);
    let client_ca = files.client_ca.as_deref().map(read).transpose()?;

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        rustls::ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = match &client_ca {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for root in CertificateDer::pem_slice_iter(pem) {
                roots.add(root?)?;
            }
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?,
            )
        }
    };
    let chain = CertificateDer::pem_slice_iter(&cert).collect::<Result<Vec<_>, _>>().context("BACKEND_TLS_CERT")?;
    let private = PrivateKeyDer::from_pem_slice(&key).context("BACKEND_TLS_KEY")?;
    let mut server = builder.with_single_cert(chain, private)?;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];

    let mut grpc = ServerTlsConfig::new().identity(Identity::from_pem(&cert, &key));
    if let Some(pem) = &client_ca {
        grpc = grpc.client_ca_root(Certificate::from_pem(pem));
    }
    Ok((Some(TlsAcceptor::from(Arc::new(server))), Some(grpc)))
}

//! TLS of both listeners, from the same files; with client roots, mutual (SPEC §4).

use std::sync::Arc;

use anyhow::Context as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use shared::service::listen::Tls;

use crate::config::TlsConfig;

/// What the REST and the gRPC listener need.
pub struct Both {
    /// HTTP/1.1 and HTTP/2.
    pub rest: Tls,
    /// HTTP/2.
    pub grpc: Tls,
}

/// Reads the files for the REST and the gRPC listener; `None` where there is no TLS.
///
/// # Errors
/// Which file is missing or no PEM, or that key and certificate do not belong together.
pub fn load(config: Option<&TlsConfig>) -> anyhow::Result<Option<Both>> {
    let Some(files) = config else { return Ok(None) };
    let read = |path: &std::path::Path| std::fs::read(path).with_context(|| path.display().to_string());
    let (cert, key) = (read(&files.own.cert)?, read(&files.own.key)?);
    let client_ca = files.client_ca.as_deref().map(read).transpose()?;
    let chain = CertificateDer::pem_slice_iter(&cert).collect::<Result<Vec<_>, _>>().context("BACKEND_TLS_CERT")?;
    let shown = chain.first().cloned().context("BACKEND_TLS_CERT holds no certificate")?;
    let private = PrivateKeyDer::from_pem_slice(&key).context("BACKEND_TLS_KEY")?;

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = |client_ca: Option<&[u8]>, protocols: &[&[u8]]| -> anyhow::Result<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let builder = match client_ca {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for root in CertificateDer::pem_slice_iter(pem) {
                    roots.add(root?)?;
                }
                builder.with_client_cert_verifier(
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?,
                )
            }
        };
        let mut server = builder.with_single_cert(chain.clone(), private.clone_key())?;
        server.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(server)
    };
    let listener = |protocols: &[&[u8]]| -> anyhow::Result<Tls> {
        let (others, own) = (server(client_ca.as_deref(), protocols)?, server(None, protocols)?);
        Ok(Tls::new(others, own, shown.clone(), provider.clone())?)
    };
    Ok(Some(Both { rest: listener(&[b"h2", b"http/1.1"])?, grpc: listener(&[b"h2"])? }))
}

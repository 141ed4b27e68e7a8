//! Certificates from an authority made for the occasion.

use std::sync::Arc;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// An authority that nobody but those who are given [`pem`](Authority::pem) trusts.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, PEM.
#[derive(Debug, Clone)]
pub struct Certified {
    /// The certificate.
    pub cert: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// A new one, of this name.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new(name: &str) -> Result<Authority> {
        let mut ca = CertificateParams::new(Vec::new())?;
        ca.distinguished_name.push(DnType::CommonName, name);
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok(Authority(CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?))
    }

    /// Its own certificate, PEM: what trusts it holds this.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server's certificate for `localhost` and the loopback addresses.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn server(&self) -> Result<Certified> {
        self.server_named(&[])
    }

    /// The same, for these names as well.
    ///
    /// # Errors
    /// When no key can be made, or something is no name.
    pub fn server_named(&self, names: &[String]) -> Result<Certified> {
        let mut all = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        all.extend_from_slice(names);
        self.certify(all, "localhost", ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client's certificate.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn client(&self, name: &str) -> Result<Certified> {
        self.certify(Vec::new(), name, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn certify(&self, names: Vec<String>, name: &str, usage: ExtendedKeyUsagePurpose) -> Result<Certified> {
        let mut leaf = CertificateParams::new(names)?;
        leaf.distinguished_name.push(DnType::CommonName, name);
        leaf.use_authority_key_identifier_extension = true;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![usage];
        let key = KeyPair::generate()?;
        let leaf = leaf.signed_by(&key, &self.0)?;
        Ok(Certified { cert: leaf.pem(), key: key.serialize_pem() })
    }
}

impl Certified {
    /// As a server shows it, to whoever comes.
    ///
    /// # Errors
    /// When certificate and key do not belong together.
    pub fn server_config(&self) -> Result<ServerConfig> {
        let cert = CertificateDer::from_pem_slice(self.cert.as_bytes())?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes())?;
        Ok(ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![cert], key)?)
    }
}

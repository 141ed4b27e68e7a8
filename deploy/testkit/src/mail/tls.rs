//! The catcher's certificate, from an authority made for the occasion.

use std::sync::Arc;

use anyhow::Result;
use tokio_rustls::TlsAcceptor;

use crate::tls::Authority;

/// A server certificate for `localhost` and the loopback addresses.
pub(crate) struct Identity {
    pub(crate) ca_pem: String,
    pub(crate) acceptor: TlsAcceptor,
}

impl Identity {
    pub(crate) fn generate() -> Result<Identity> {
        let authority = Authority::new("Galaxy mail catcher CA")?;
        let config = authority.server()?.server_config()?;
        Ok(Identity { ca_pem: authority.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}

//! The catcher's certificate, from an authority made for the occasion.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use tokio_rustls::TlsAcceptor;

use crate::tls::{Authority, Certified};

/// A server certificate for `localhost`, the loopback addresses and the names that were asked for.
pub(crate) struct Identity {
    pub(crate) ca_pem: String,
    pub(crate) acceptor: TlsAcceptor,
}

/// What a file keeps.
#[derive(Serialize, Deserialize)]
struct Kept {
    names: Vec<String>,
    ca: String,
    cert: String,
    key: String,
}

impl Identity {
    /// The one that the file keeps, if it is for the same names, else a new one, which it keeps from now on.
    pub(crate) fn new(names: &[String], file: Option<&Path>) -> Result<Identity> {
        let kept = file.and_then(|path| serde_json::from_slice::<Kept>(&std::fs::read(path).ok()?).ok());
        let kept = match kept.filter(|kept| kept.names == names) {
            Some(kept) => kept,
            None => {
                let made = Kept::generate(names)?;
                if let Some(path) = file {
                    made.write(path).with_context(|| format!("keep the certificate in {}", path.display()))?;
                }
                made
            }
        };
        let config = Certified { cert: kept.cert, key: kept.key }.server_config()?;
        Ok(Identity { ca_pem: kept.ca, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}

impl Kept {
    fn generate(names: &[String]) -> Result<Kept> {
        let authority = Authority::new("Galaxy mail catcher CA")?;
        let Certified { cert, key } = authority.server_named(names)?;
        Ok(Kept { names: names.to_vec(), ca: authority.pem(), cert, key })
    }

    /// For its owner alone: a key is in it.
    fn write(&self, path: &Path) -> Result<()> {
        let mut file = std::fs::File::options().create(true).truncate(true).write(true).mode(0o600).open(path)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_certificate_is_the_same_at_the_next_start_unless_the_names_are_others() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("identity.json");
        let ca = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            Identity::new(&names, Some(&file)).unwrap().ca_pem
        };
        let first = ca(&["mail-catcher"]);
        assert_eq!(ca(&["mail-catcher"]), first);
        assert_ne!(ca(&["other"]), first);
        assert_ne!(Identity::new(&[], None).unwrap().ca_pem, Identity::new(&[], None).unwrap().ca_pem);
    }
}

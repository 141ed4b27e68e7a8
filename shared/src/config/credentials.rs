//! Credentials that two processes know: the workers' token at the push hub, and a process's own certificate.

use std::path::PathBuf;

use super::{Group, Reader, parse};
use crate::secret::{MIN_BYTES, Secret};

/// The name and the text of the token with which our workers publish events.
pub const WORKER_TOKEN: (&str, &str) = (
    "BACKEND_WORKER_TOKEN",
    "Bearer token with which our workers publish events, 32 bytes or more: notify-worker shows it, api-server checks it.",
);

/// A bearer token, which may be absent, under a name and with a text. One that can be guessed, or that no header carries, is a fault.
pub fn token(r: &mut Reader, (name, doc): (&'static str, &'static str)) -> Option<Secret> {
    let token = r.secret(name, doc)?;
    long_enough(r, name, &token);
    if !token.expose().bytes().all(|b| b.is_ascii_graphic()) {
        r.fault(name, "must be visible ASCII: it travels in a header");
    }
    Some(token)
}

/// Refuses a secret that can be guessed: the shorter one is, the likelier it is a word.
pub fn long_enough(r: &mut Reader, name: &str, secret: &Secret) {
    // An empty one stands in for a file whose fault is told already.
    if (1..MIN_BYTES).contains(&secret.expose().len()) {
        r.fault(name, format!("must have at least {MIN_BYTES} bytes; `openssl rand -hex 32` makes one"));
    }
}

/// Whether tokens may be absent (`BACKEND_TRUST_NETWORK`).
pub fn trust_network(r: &mut Reader) -> bool {
    r.optional(
        "BACKEND_TRUST_NETWORK",
        "false",
        "Run without the gateway's and the workers' tokens, where the network alone keeps strangers out. Anybody who reaches \
         the listeners may then do anything: engines share a network with them.",
        parse::bool,
    )
}

/// The files of a process's own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// PEM chain.
    pub cert: PathBuf,
    /// PEM key.
    pub key: PathBuf,
}

impl Group for Option<Certificate> {
    fn read(r: &mut Reader) -> Self {
        r.section("TLS");
        let cert = r.maybe(
            "BACKEND_TLS_CERT",
            "PEM certificate chain: of api-server's listeners, which speak plain text without it; of notify-worker, for a push \
             hub at an `https` URL that wants one (mutual TLS).",
            "/etc/galaxy/tls.crt",
            parse::path,
        );
        let key = r.maybe("BACKEND_TLS_KEY", "PEM private key of the certificate.", "/etc/galaxy/tls.key", parse::path);
        match (cert, key) {
            (Some(cert), Some(key)) => Some(Certificate { cert, key }),
            (None, None) => None,
            (Some(_), None) => {
                r.fault("BACKEND_TLS_KEY", "is required with BACKEND_TLS_CERT");
                None
            }
            (None, Some(_)) => {
                r.fault("BACKEND_TLS_CERT", "is required with BACKEND_TLS_KEY");
                None
            }
        }
    }
}

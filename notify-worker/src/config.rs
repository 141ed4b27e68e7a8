//! What notify-worker is told (SPEC §16).

use std::path::Path;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use shared::config::credentials::{WORKER_TOKEN, token, trust_network};
use shared::config::{Certificate, Group, Reader, parse};
use shared::mail::Style;
use shared::secret::Secret;

/// The settings of notify-worker that no other process shares.
#[derive(Clone, Debug)]
pub struct NotifyConfig {
    /// Where notifications for the administrators go; `None`: nowhere, their routes are recorded `skipped`.
    pub admin_email: Option<String>,
    /// How mails look.
    pub style: Style,
    /// How often the queues are looked at without a wake-up.
    pub worker_interval: Duration,
    /// Counted failures after which a route, or the expansion of a notification, is dead-lettered.
    pub max_attempts: u32,
    /// Batches of each queue under way at once.
    pub concurrency: usize,
    /// Age at which settled notifications and routes are removed.
    pub retention: Duration,
    /// The push hub.
    pub hub: HubConfig,
}

/// How the push hub is reached.
#[derive(Clone, Debug)]
pub struct HubConfig {
    /// URL of the api-server's gRPC listener, or of a balancer in front of several.
    pub url: String,
    /// The worker credential; `None` on a trusted network alone.
    pub token: Option<Secret<String>>,
    /// Of an `https` URL.
    pub tls: HubTls,
}

/// Whom we trust to be the hub, and who we say we are.
#[derive(Clone, Debug, Default)]
pub struct HubTls {
    /// The roots, PEM, that its certificate is checked against; `None`: the system's.
    pub roots: Option<Pem>,
    /// Our own certificate chain, for a hub that wants one.
    pub cert: Option<Pem>,
    /// The private key of it; it comes with the certificate.
    pub key: Option<Secret<Pem>>,
}

/// What a PEM file holds, checked.
pub type Pem = Vec<u8>;

impl Group for NotifyConfig {
    fn read(r: &mut Reader) -> Self {
        r.section("Notifications");
        Self {
            admin_email: r.maybe(
                "BACKEND_NOTIFICATION_ADMIN_EMAIL",
                "Where notifications for the administrators go. Absent: their routes are recorded `skipped`, with a \
                 log line each.",
                "operators@example.com",
                address,
            ),
            worker_interval: r.optional(
                "BACKEND_NOTIFICATION_WORKER_INTERVAL",
                "5s",
                "How often the tables are looked at without a wake-up. Wake-ups make it fast, this makes it certain.",
                parse::positive_duration,
            ),
            max_attempts: r.optional(
                "BACKEND_NOTIFICATION_MAX_ATTEMPTS",
                "8",
                "Failed tries of a route before it is dead-lettered. A hub that is away does not count.",
                parse::positive,
            ),
            concurrency: r.optional(
                "BACKEND_NOTIFICATION_CONCURRENCY",
                "4",
                "Batches under way at once, in each of the two queues.",
                parse::positive,
            ),
            retention: r.optional(
                "BACKEND_RETENTION_NOTIFICATIONS",
                "30d",
                "Age at which notifications and routes that are settled are removed.",
                parse::positive_duration,
            ),
            hub: r.group(),
            style: r.group(),
        }
    }
}

impl Group for HubConfig {
    fn read(r: &mut Reader) -> Self {
        r.section("Push hub");
        let url = r.optional(
            "BACKEND_PUSH_HUB_URL",
            "http://127.0.0.1:8081",
            "The api-server's gRPC listener, or a balancer in front of several.",
            parse::http_url,
        );
        r.section("Credentials");
        let (token, trusted) = (token(r, WORKER_TOKEN), trust_network(r));
        match (&token, trusted) {
            (None, false) => {
                r.fault("BACKEND_WORKER_TOKEN", "required (or BACKEND_WORKER_TOKEN_FILE) unless BACKEND_TRUST_NETWORK")
            }
            (None, true) => r.warn("BACKEND_TRUST_NETWORK: we present no credential to the push hub"),
            (Some(_), _) => {}
        }
        r.section("Push hub");
        let tls = tls(r, &url);
        Self { url, token, tls }
    }
}

fn tls(r: &mut Reader, url: &str) -> HubTls {
    let roots = r.maybe(
        "BACKEND_PUSH_HUB_TLS_CA_FILE",
        "PEM file with the roots that the push hub's certificate is checked against, instead of the system's: for a \
         private authority. With an `https` URL.",
        "/etc/galaxy/ca.pem",
        roots,
    );
    let own: Option<Certificate> = r.group();
    let cert = own.as_ref().and_then(|own| read(r, "BACKEND_TLS_CERT", &own.cert, certificates));
    let key = own.as_ref().and_then(|own| read(r, "BACKEND_TLS_KEY", &own.key, private_key));
    if roots.is_some() && !url.starts_with("https:") {
        r.warn("BACKEND_PUSH_HUB_TLS_CA_FILE has no effect: BACKEND_PUSH_HUB_URL is not https");
    }
    HubTls { roots, cert, key: key.map(Secret::new) }
}

/// What a file holds, which is looked at now: a worker that cannot show its certificate says so when it starts.
fn read(r: &mut Reader, name: &str, path: &Path, parse: fn(&Path) -> Result<Pem, String>) -> Option<Pem> {
    parse(path).map_err(|message| r.fault(name, message)).ok()
}

fn roots(value: &str) -> Result<Pem, String> {
    certificates(Path::new(value))
}

fn certificates(path: &Path) -> Result<Pem, String> {
    let pem = std::fs::read(path).map_err(|e| format!("{path:?} cannot be read: {e}"))?;
    let found = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    match found.map_err(|e| format!("{path:?} is not a PEM file: {e}"))?.is_empty() {
        true => Err(format!("{path:?} holds no certificate")),
        false => Ok(pem),
    }
}

fn private_key(path: &Path) -> Result<Pem, String> {
    let pem = std::fs::read(path).map_err(|e| format!("{path:?} cannot be read: {e}"))?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|e| format!("{path:?} holds no private key: {e}"))?;
    Ok(pem)
}

/// An address that SMTP could take; whether anybody reads it, the first mail shows.
fn address(value: &str) -> Result<String, String> {
    let fits = value.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if fits && !value.contains(|c: char| c.is_whitespace() || c.is_control() || c == ',') {
        Ok(value.to_owned())
    } else {
        Err(format!("{value:?} is not an address such as operators@example.com"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use shared::config::{Source, load};

    use super::*;

    fn read(env: &[(&str, &str)]) -> Result<NotifyConfig, Vec<String>> {
        let env: BTreeMap<String, String> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        match load::<NotifyConfig>("notify-worker", Source::new(BTreeMap::new(), env)) {
            Ok(loaded) => Ok(loaded.config),
            Err(faults) => Err(faults.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn the_defaults_are_the_references() {
        let config = read(&[("BACKEND_WORKER_TOKEN", "worker-token-0123456789-0123456789")]).unwrap();
        assert_eq!(config.admin_email, None);
        assert_eq!(config.worker_interval, Duration::from_secs(5));
        assert_eq!((config.max_attempts, config.concurrency), (8, 4));
        assert_eq!(config.retention, Duration::from_secs(30 * 24 * 3600));
        assert_eq!(config.hub.url, "http://127.0.0.1:8081");
    }

    #[test]
    fn the_token_is_required_unless_the_network_is_trusted() {
        assert_eq!(read(&[]).unwrap_err().len(), 1);
        assert!(read(&[("BACKEND_TRUST_NETWORK", "true")]).unwrap().hub.token.is_none());
        assert_eq!(read(&[("BACKEND_WORKER_TOKEN", "two words of a token that is long enough")]).unwrap_err().len(), 1);
        assert_eq!(read(&[("BACKEND_WORKER_TOKEN", "short")]).unwrap_err().len(), 1);
    }

    #[test]
    fn every_fault_is_said_at_once() {
        let faults = read(&[
            ("BACKEND_NOTIFICATION_ADMIN_EMAIL", "nobody"),
            ("BACKEND_NOTIFICATION_CONCURRENCY", "0"),
            ("BACKEND_PUSH_HUB_URL", "hub:8081"),
            ("BACKEND_PUSH_HUB_TLS_CA_FILE", "/nowhere/ca.pem"),
            ("BACKEND_TLS_CERT", "/nowhere/tls.crt"),
            ("BACKEND_TLS_KEY", "/nowhere/tls.key"),
        ]);
        // And the token, which is missing.
        assert_eq!(faults.unwrap_err().len(), 7);
    }
}

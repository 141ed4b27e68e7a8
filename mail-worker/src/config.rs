//! What the mail worker is told at its start (SPEC §16).

use std::{path::PathBuf, sync::Arc, time::Duration};

use lettre::message::Mailbox;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use shared::config::{Group, Reader, parse};
use shared::secret::Secret;

/// Everything the process reads beyond what every process reads.
#[derive(Clone, Debug)]
pub struct Config {
    /// The relay.
    pub smtp: SmtpConfig,
    /// The outbox.
    pub outbox: OutboxConfig,
    /// Age at which ended sign-in challenges are removed.
    pub challenge_retention: Duration,
}

impl Group for Config {
    fn read(r: &mut Reader) -> Self {
        Self {
            smtp: r.group(),
            outbox: r.group(),
            challenge_retention: {
                r.section("Mail");
                r.optional(
                    "BACKEND_RETENTION_CHALLENGES",
                    "1d",
                    "Age, counted from their end, at which sign-in challenges are removed; 0 keeps them.",
                    parse::duration,
                )
            },
        }
    }
}

/// When the connection to the relay is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// Never.
    None,
    /// From `STARTTLS` on; without it the relay is not used.
    StartTls,
    /// From the first byte.
    Tls,
}

/// How we log in.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// Its password.
    pub password: Secret<String>,
}

/// How the relay is reached and spoken to.
#[derive(Clone, Debug)]
pub struct SmtpConfig {
    /// Its name, which its certificate must carry.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// User name and password, where it wants them.
    pub login: Option<Login>,
    /// Who the mails are from; also the envelope's sender.
    pub from: Mailbox,
    /// When the connection is encrypted.
    pub tls: TlsMode,
    /// The roots that its certificate is checked against; `None`: the system's.
    pub roots: Option<Arc<Vec<CertificateDer<'static>>>>,
    /// How we introduce ourselves.
    pub hello: String,
    /// Limit of each step of the dialogue.
    pub timeout: Duration,
    /// Mails a second that it is given at most, by all processes together; `None`: as many as there are.
    pub rate: Option<f64>,
    /// Where `List-Unsubscribe` points.
    pub unsubscribe: String,
}

impl Group for SmtpConfig {
    fn read(r: &mut Reader) -> Self {
        r.section("Mail");
        let host = r.required("BACKEND_SMTP_HOST", "smtp.example.org", "SMTP relay host.", host);
        let port = r.optional("BACKEND_SMTP_PORT", "587", "SMTP relay port.", parse::port);
        let user = r.maybe("BACKEND_SMTP_USERNAME", "SMTP user name. Absent: no login.", "galaxy", parse::text);
        let password = r.secret("BACKEND_SMTP_PASSWORD", "SMTP password.");
        let from = r.required(
            "BACKEND_SMTP_FROM",
            "Galaxy <noreply@example.org>",
            "Who mails are from: an address, or a name and an address. Its domain is that of every `Message-ID`.",
            sender,
        );
        let tls = r.optional(
            "BACKEND_SMTP_TLS_MODE",
            "starttls",
            "`none`, `starttls` (refuses to go on where the relay does not offer it) or `tls` (from the first byte).",
            |value| {
                parse::one_of(value, &[("none", TlsMode::None), ("starttls", TlsMode::StartTls), ("tls", TlsMode::Tls)])
            },
        );
        let roots = r.maybe(
            "BACKEND_SMTP_TLS_CA_FILE",
            "PEM file with the roots that the relay's certificate is checked against, instead of the system's: for a \
             private relay.",
            "/etc/galaxy/relay-ca.pem",
            roots,
        );
        let hello = r.maybe(
            "BACKEND_SMTP_EHLO_NAME",
            "The name given in `EHLO`. Absent: the domain of `BACKEND_SMTP_FROM`.",
            "worker.example.org",
            host_name,
        );
        let timeout = r.optional(
            "BACKEND_SMTP_TIMEOUT",
            "30s",
            "Limit of each step of the SMTP dialogue; the answer to the message itself may take four times as long.",
            parse::positive_duration,
        );
        let rate = r.maybe(
            "BACKEND_SMTP_RATE",
            "Mails a second that the relay is given at most, by all processes together; login codes go first. Absent: as \
             many as there are.",
            "10",
            rate,
        );
        let unsubscribe = r.maybe(
            "BACKEND_SMTP_UNSUBSCRIBE",
            "`mailto:` or `https:` URI for `List-Unsubscribe`, on mails that are news. Absent: a mail to \
             `BACKEND_SMTP_FROM`.",
            "mailto:unsubscribe@example.org",
            unsubscribe,
        );
        let login = match (user, password) {
            (Some(user), Some(password)) => Some(Login { user, password }),
            (None, None) => None,
            (Some(_), None) => {
                r.fault("BACKEND_SMTP_PASSWORD", "needed with BACKEND_SMTP_USERNAME");
                None
            }
            (None, Some(_)) => {
                r.fault("BACKEND_SMTP_USERNAME", "needed with BACKEND_SMTP_PASSWORD");
                None
            }
        };
        if tls == TlsMode::None && login.is_some() {
            r.warn("BACKEND_SMTP_TLS_MODE=none sends the SMTP password in clear");
        }
        if tls == TlsMode::None && roots.is_some() {
            r.warn("BACKEND_SMTP_TLS_CA_FILE has no effect with BACKEND_SMTP_TLS_MODE=none");
        }
        Self {
            host,
            port,
            login,
            hello: hello.unwrap_or_else(|| from.email.domain().to_owned()),
            unsubscribe: unsubscribe.unwrap_or_else(|| mail_to(&from)),
            from,
            tls,
            roots: roots.map(Arc::new),
            timeout,
            rate,
        }
    }
}

/// How the outbox is worked.
#[derive(Clone, Copy, Debug)]
pub struct OutboxConfig {
    /// How often it is looked at without a wake-up.
    pub interval: Duration,
    /// Counted tries before a mail is dead.
    pub max_attempts: u32,
    /// Connections to the relay at once.
    pub concurrency: usize,
    /// Age at which finished mails are removed.
    pub retention: Duration,
}

impl Group for OutboxConfig {
    fn read(r: &mut Reader) -> Self {
        r.section("Mail");
        Self {
            interval: r.optional(
                "BACKEND_MAIL_WORKER_INTERVAL",
                "2s",
                "How often the outbox is scanned while wake-ups are known to arrive; it is scanned faster while not.",
                parse::positive_duration,
            ),
            max_attempts: r.optional(
                "BACKEND_MAIL_MAX_ATTEMPTS",
                "8",
                "Tries of one mail before it is dead-lettered; tries that failed because the relay is down do not \
                 count. The pauses between them grow from half a minute to a day: eight tries span at least a day.",
                parse::positive,
            ),
            concurrency: usize::from(r.optional(
                "BACKEND_MAIL_CONCURRENCY",
                "8",
                "Connections to the relay at once in one process; six times as many mails are claimed.",
                parse::positive::<u16>,
            )),
            retention: r.optional(
                "BACKEND_RETENTION_MAIL",
                "30d",
                "Age at which finished mails are removed; 0 keeps them.",
                parse::duration,
            ),
        }
    }
}

/// Slower than one an hour, a mail would be given back again and again for want of its turn.
fn rate(value: &str) -> Result<f64, String> {
    let rate = parse::positive_float(value)?;
    let range = 1.0 / 3600.0..=100_000.0;
    if range.contains(&rate) {
        Ok(rate)
    } else {
        Err(format!("{value:?} is not between one an hour and 100000 a second"))
    }
}

fn host(value: &str) -> Result<String, String> {
    let bare = value.trim_start_matches('[').trim_end_matches(']');
    match rustls::pki_types::ServerName::try_from(bare) {
        Ok(_) => Ok(bare.to_owned()),
        Err(_) => Err(format!("{value:?} is neither a host name nor an address")),
    }
}

fn host_name(value: &str) -> Result<String, String> {
    match rustls::pki_types::ServerName::try_from(value) {
        Ok(rustls::pki_types::ServerName::DnsName(_)) => Ok(value.to_owned()),
        _ => Err(format!("{value:?} is not a host name")),
    }
}

fn sender(value: &str) -> Result<Mailbox, String> {
    let mailbox: Mailbox = value.parse().map_err(|e| format!("{value:?} is not a mail address: {e}"))?;
    let address: &str = mailbox.email.as_ref();
    if address.is_ascii() && !value.chars().any(char::is_control) {
        Ok(mailbox)
    } else {
        Err(format!("{value:?}: the address must be ASCII, so that every relay takes it"))
    }
}

fn roots(value: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |e: rustls::pki_types::pem::Error| format!("{value:?} is not a readable PEM file: {e}");
    let certificates = CertificateDer::pem_file_iter(PathBuf::from(value))
        .and_then(|found| found.collect::<Result<Vec<_>, _>>())
        .map_err(wrong)?;
    if certificates.is_empty() { Err(format!("{value:?} holds no certificate")) } else { Ok(certificates) }
}

fn unsubscribe(value: &str) -> Result<String, String> {
    let known = value.starts_with("mailto:") || value.starts_with("https://");
    let clean = value.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>' | ','));
    if known && clean { Ok(value.to_owned()) } else { Err(format!("{value:?} is not a mailto: or https: URI")) }
}

/// RFC 6068, everything escaped that means something in a URI.
fn mail_to(from: &Mailbox) -> String {
    let mut uri = String::from("mailto:");
    let address: &str = from.email.as_ref();
    for byte in address.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'@' | b'+' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?subject=unsubscribe"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use shared::config::{Fault, Loaded, Source, load};

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Loaded<SmtpConfig>, Vec<Fault>> {
        let env: BTreeMap<String, String> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        load("mail-worker", Source::new(BTreeMap::new(), env))
    }

    const HOST: (&str, &str) = ("BACKEND_SMTP_HOST", "relay.example.org");
    const FROM: (&str, &str) = ("BACKEND_SMTP_FROM", "Galaxy <no-reply+a%b@example.org>");

    #[test]
    fn defaults() {
        let config = read(&[HOST, FROM]).unwrap().config;
        assert_eq!(config.port, 587);
        assert_eq!(config.tls, TlsMode::StartTls);
        assert_eq!(config.hello, "example.org");
        assert_eq!(config.unsubscribe, "mailto:no-reply+a%25b@example.org?subject=unsubscribe");
        assert_eq!(config.timeout, Duration::from_secs(30));
        assert!(config.roots.is_none() && config.login.is_none() && config.rate.is_none());
    }

    #[test]
    fn a_rate_is_a_number_of_mails_a_second() {
        let rate = |value| read(&[HOST, FROM, ("BACKEND_SMTP_RATE", value)]);
        for (value, expected) in [("10", 10.0), ("0.5", 0.5), ("0.001", 0.001)] {
            assert_eq!(rate(value).unwrap().config.rate, Some(expected));
        }
        for value in ["0", "-1", "NaN", "inf", "0.0002", "1000000", "10/s", "many"] {
            assert_eq!(rate(value).unwrap_err().len(), 1, "{value}");
        }
    }

    #[test]
    fn all_faults_at_once() {
        let faults = read(&[
            ("BACKEND_SMTP_HOST", "not a host"),
            ("BACKEND_SMTP_FROM", "näme@example.org"),
            ("BACKEND_SMTP_USERNAME", "u"),
            ("BACKEND_SMTP_TLS_CA_FILE", "/nowhere/ca.pem"),
            ("BACKEND_SMTP_TLS_MODE", "ssl"),
            ("BACKEND_SMTP_UNSUBSCRIBE", "http://x"),
            ("BACKEND_SMTP_EHLO_NAME", "a b"),
        ])
        .unwrap_err();
        let names: Vec<_> = faults.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "BACKEND_SMTP_HOST",
                "BACKEND_SMTP_FROM",
                "BACKEND_SMTP_TLS_MODE",
                "BACKEND_SMTP_TLS_CA_FILE",
                "BACKEND_SMTP_EHLO_NAME",
                "BACKEND_SMTP_UNSUBSCRIBE",
                "BACKEND_SMTP_PASSWORD",
            ]
        );
    }

    #[test]
    fn a_password_in_clear_is_warned_of() {
        let loaded = read(&[
            HOST,
            FROM,
            ("BACKEND_SMTP_USERNAME", "u"),
            ("BACKEND_SMTP_PASSWORD", "hunter2"),
            ("BACKEND_SMTP_TLS_MODE", "none"),
        ])
        .unwrap();
        assert_eq!(loaded.warnings, ["BACKEND_SMTP_TLS_MODE=none sends the SMTP password in clear"]);
        assert!(!format!("{loaded:?}").contains("hunter2"));
    }
}

//! The settings of `api-server`: one definition from which flags, environment, `--help` and the reference are made.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use shared::db::push_log::MAX_WINDOW;
use shared::domain::administrator;
use shared::engine_client::Timeouts;
use shared::mail::Style;
use shared::secret::{MIN_BYTES, Secret, Tokens};
use shared::service::config::{Group, ListenAddr, Reader, parse};

/// Everything that `api-server` can be told.
#[derive(Debug)]
pub struct Config {
    /// REST.
    pub http: HttpConfig,
    /// The push hub.
    pub push: PushSettings,
    /// TLS of both listeners.
    pub tls: Option<TlsConfig>,
    /// Bearer tokens of the gateway; `None` only with a trusted network.
    pub gateway_token: Option<Tokens>,
    /// Bearer tokens of our workers; `None` only with a trusted network.
    pub worker_token: Option<Tokens>,
    /// Sign-in.
    pub auth: AuthConfig,
    /// The first administrator.
    pub bootstrap: Option<Bootstrap>,
    /// Lobby rules that the API applies.
    pub lobby: LobbyConfig,
    /// How mails look.
    pub mail_style: Style,
    /// Limits of calls to engines.
    pub engine: Timeouts,
    /// Countries of addresses; `None`: off.
    pub geo: Option<GeoConfig>,
    /// Apply pending migrations before serving.
    pub migrate_on_start: bool,
}

/// REST listener and limits.
#[derive(Debug)]
pub struct HttpConfig {
    /// Where.
    pub listen_addr: ListenAddr,
    /// For the head of a request, and for its body.
    pub read_timeout: Duration,
    /// For a connection without a request under way.
    pub idle_timeout: Duration,
    /// From the whole request to the whole answer.
    pub write_timeout: Duration,
    /// Draining at shutdown.
    pub shutdown_timeout: Duration,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins that browsers may call from.
    pub cors_origins: Vec<String>,
    /// Whether `/docs` is served.
    pub docs: bool,
    /// Requests under way at once; more are answered 503.
    pub max_in_flight: usize,
    /// Requests a minute and address on the public group.
    pub public_rate: NonZeroU32,
}

/// Push hub listener.
#[derive(Debug)]
pub struct PushSettings {
    /// Where.
    pub listen_addr: ListenAddr,
    /// Closing streams at shutdown.
    pub shutdown_timeout: Duration,
    /// How long an event can be resumed to.
    pub freshness_window: Duration,
}

/// Certificate files.
#[derive(Debug, Clone)]
pub struct TlsConfig {
    /// PEM chain.
    pub cert: PathBuf,
    /// PEM key.
    pub key: PathBuf,
    /// PEM roots for client certificates; given, a client must show one.
    pub client_ca: Option<PathBuf>,
}

/// Sign-in by code.
#[derive(Debug)]
pub struct AuthConfig {
    /// Life of a challenge.
    pub challenge_ttl: Duration,
    /// Wrong tries per challenge.
    pub max_attempts: i32,
    /// When an address is guarded.
    pub guard: GuardConfig,
    /// Rolling window of the throttle.
    pub throttle_window: Duration,
    /// Live challenges in the window before the newest is answered again.
    pub throttle_max: i64,
    /// Keys the hash of codes.
    pub pepper: Secret,
    /// Tries for a free placeholder name.
    pub user_name_retries: u32,
    /// Requests for a code a minute, e-mail address and client network.
    pub email_rate: NonZeroU32,
    /// Wrong codes an hour and client network.
    pub wrong_code_rate: NonZeroU32,
}

/// When an address is guarded for a day (SPEC §6).
#[derive(Debug)]
pub struct GuardConfig {
    /// Wrong tries of an address in a UTC day.
    pub wrong_tries: i32,
    /// Code mails to an address within an hour.
    pub mails: usize,
}

/// The first administrator.
#[derive(Debug)]
pub struct Bootstrap {
    /// Name.
    pub user: String,
    /// Password.
    pub password: Secret,
}

/// Lobby rules.
#[derive(Debug)]
pub struct LobbyConfig {
    /// Life of an invite that names none.
    pub invite_ttl: Duration,
    /// Shortest time between two turns.
    pub min_turn_interval: Duration,
    /// Each game keeps a stable offset within it.
    pub turn_spread: Duration,
    /// How long the race names of a game that is ended may be registered.
    pub pending_registration_ttl: Duration,
}

/// Countries of addresses.
#[derive(Debug)]
pub struct GeoConfig {
    /// The database.
    pub db_path: PathBuf,
    /// How often its file is looked at.
    pub reload_interval: Duration,
    /// How often counts are written.
    pub flush_interval: Duration,
}

/// Rows of that many challenges are read for each request: bounded.
fn guard_mails(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| (1..=1000).contains(n)).ok_or_else(|| "expected a whole number from 1 to 1000".into())
}

fn rate(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| "expected a whole number above 0".into())
}

impl Group for HttpConfig {
    fn read(r: &mut Reader) -> Self {
        r.section("REST");
        Self {
            listen_addr: r.optional("BACKEND_HTTP_LISTEN_ADDR", ":8080", "REST listener; probes and the OpenAPI document are served here too.", ListenAddr::parse),
            read_timeout: r.optional("BACKEND_HTTP_READ_TIMEOUT", "30s", "The longest that a peer may take to begin, that reading the head of a request may take, and that reading its body may take.", parse::positive_duration),
            idle_timeout: r.optional("BACKEND_HTTP_IDLE_TIMEOUT", "75s", "How long a connection to REST or gRPC may stay without a request or stream under way, of whichever version of HTTP; longer than the usual 60s of balancers. Where places are out it gives way at once.", parse::positive_duration),
            write_timeout: r.optional("BACKEND_HTTP_WRITE_TIMEOUT", "30s", "The longest that answering one request may take, and again that its answer may lie unread (beside a second for every 64 KiB of it); a call that goes on to an engine has the engine's timeout and 5s instead of the first.", parse::positive_duration),
            shutdown_timeout: r.optional("BACKEND_HTTP_SHUTDOWN_TIMEOUT", "15s", "Budget for requests under way at shutdown.", parse::positive_duration),
            trusted_proxies: r.optional("BACKEND_TRUSTED_PROXIES", "127.0.0.0/8,::1/128", "Networks whose `X-Forwarded-For` is believed, comma-separated.", parse::networks),
            cors_origins: r.optional("BACKEND_CORS_ORIGINS", "", "Origins that browsers' scripts may call from (`https://admin.example`), comma-separated, `*` for any; empty: none. Administrators' writes are taken from those that are named.", origins),
            docs: r.optional("BACKEND_DOCS_ENABLED", "true", "Serve Swagger UI at `/docs`. The document itself, `/openapi.json`, is served in any case.", parse::bool),
            max_in_flight: r.optional("BACKEND_HTTP_MAX_IN_FLIGHT", "512", "Requests under way at once, until their answers have gone; one more is answered 503 with `Retry-After`. One network has half of them, calls to engines a quarter. REST takes 256 connections and twice this, one network half of those (docs/shares.md).", parse::positive),
            public_rate: r.optional("BACKEND_HTTP_PUBLIC_RATE", "120", "Requests a minute and client address on `/api/v1/public`, per replica.", rate),
        }
    }
}

/// Origins as browsers write them (RFC 6454 §6.2): scheme, host, and a port where it is not the scheme's own.
fn origins(value: &str) -> Result<Vec<String>, String> {
    let origins = parse::list(value)?;
    for origin in &origins {
        let fits = origin.split_once("://").is_some_and(|(scheme, authority)| {
            matches!(scheme, "http" | "https")
                && authority
                    .parse::<http::uri::Authority>()
                    .is_ok_and(|a| !a.host().is_empty() && !authority.contains('@'))
        });
        if origin != "*" && !fits {
            return Err(format!("{origin:?} is no origin, such as https://admin.example or http://localhost:3000"));
        }
    }
    Ok(origins)
}

impl Group for PushSettings {
    fn read(r: &mut Reader) -> Self {
        r.section("Push");
        let settings = Self {
            listen_addr: r.optional(
                "BACKEND_GRPC_PUSH_LISTEN_ADDR",
                ":8081",
                "gRPC listener of the push hub.",
                ListenAddr::parse,
            ),
            shutdown_timeout: r.optional(
                "BACKEND_GRPC_PUSH_SHUTDOWN_TIMEOUT",
                "10s",
                "Budget for ending push streams at shutdown.",
                parse::positive_duration,
            ),
            freshness_window: r.optional(
                "BACKEND_FRESHNESS_WINDOW",
                "5m",
                "How long an event is kept for gateways to resume to; at most 6h.",
                parse::positive_duration,
            ),
        };
        if settings.freshness_window > MAX_WINDOW {
            // The log is a ring of slots by the hour: beyond this none would ever be free to be emptied.
            r.fault("BACKEND_FRESHNESS_WINDOW", format!("must be at most {} hours", MAX_WINDOW.as_secs() / 3600));
        }
        settings
    }
}

/// Refuses a secret that can be guessed: the shorter one is, the likelier it is a word.
fn long_enough(r: &mut Reader, name: &str, secret: &Secret) {
    if secret.expose().len() < MIN_BYTES {
        r.fault(name, format!("must have at least {MIN_BYTES} bytes; `openssl rand -hex 32` makes one"));
    }
}

fn pepper(r: &mut Reader) -> Secret {
    let name = "BACKEND_AUTH_CODE_PEPPER";
    let doc = "Keys the hash under which codes are stored, 32 bytes or more; the same on every replica. Another one makes \
               the codes that are out worthless (docs/accounts.md).";
    let pepper = r.required_secret(name, doc);
    long_enough(r, name, &pepper);
    pepper
}

/// The tokens of a role: the one in use, and the one before it while it is being rotated.
fn tokens(
    r: &mut Reader,
    (name, doc): (&'static str, &'static str),
    (previous_name, previous_doc): (&'static str, &'static str),
) -> Option<Tokens> {
    let (current, previous) = (r.secret(name, doc), r.secret(previous_name, previous_doc));
    for (name, token) in [(name, &current), (previous_name, &previous)] {
        let Some(token) = token else { continue };
        long_enough(r, name, token);
        if !token.expose().bytes().all(|b| b.is_ascii_graphic()) {
            r.fault(name, "must be visible ASCII: it travels in a header");
        }
    }
    if current.is_none() && previous.is_some() {
        r.fault(previous_name, format!("needs {name}"));
    }
    current.map(|current| Tokens::new(current, previous))
}

impl Group for AuthConfig {
    fn read(r: &mut Reader) -> Self {
        r.section("Sign-in");
        Self {
            challenge_ttl: r.optional("BACKEND_AUTH_CHALLENGE_TTL", "10m", "Life of a mailed code.", parse::positive_duration),
            max_attempts: r.optional("BACKEND_AUTH_CHALLENGE_MAX_ATTEMPTS", "5", "Tries per code of six digits.", parse::positive),
            guard: GuardConfig {
                wrong_tries: r.optional("BACKEND_AUTH_GUARD_WRONG_TRIES", "50", "Wrong tries of an e-mail address in a UTC day that guard it for a day: its codes are then long ones that no number of tries burns, one at a time.", parse::positive),
                mails: r.optional("BACKEND_AUTH_GUARD_MAILS", "10", "Code mails to an e-mail address within an hour that guard it for a day.", guard_mails),
            },
            throttle_window: r.optional("BACKEND_AUTH_CHALLENGE_THROTTLE_WINDOW", "60s", "Window in which live codes of an address are counted.", parse::positive_duration),
            throttle_max: r.optional("BACKEND_AUTH_CHALLENGE_THROTTLE_MAX", "3", "Live codes of an address in the window, burnt ones too; past that the newest challenge that can be used is answered again and no mail goes out.", parse::positive),
            pepper: pepper(r),
            user_name_retries: r.optional("BACKEND_AUTH_USERNAME_MAX_RETRIES", "10", "Tries to find a free placeholder user name at registration.", parse::positive),
            email_rate: r.optional("BACKEND_AUTH_EMAIL_RATE", "30", "Requests for a code a minute, e-mail address and client network, per replica.", rate),
            wrong_code_rate: r.optional("BACKEND_AUTH_WRONG_CODE_RATE", "100", "Wrong codes an hour and client network, over all e-mail addresses, per replica; long codes are not slowed.", rate),
        }
    }
}

impl Group for LobbyConfig {
    fn read(r: &mut Reader) -> Self {
        r.section("Lobby");
        Self {
            invite_ttl: r.optional(
                "BACKEND_LOBBY_INVITE_DEFAULT_TTL",
                "168h",
                "Life of an invite whose request names no `expires_at`.",
                parse::positive_duration,
            ),
            min_turn_interval: r.optional(
                "BACKEND_RUNTIME_MIN_TURN_INTERVAL",
                "60s",
                "Shortest distance between two turns of a game that is accepted.",
                parse::positive_duration,
            ),
            turn_spread: r.optional(
                "BACKEND_RUNTIME_TURN_SPREAD",
                "0s",
                "Games of the same schedule are spread over this time, each with a stable offset.",
                parse::duration,
            ),
            pending_registration_ttl: r.optional(
                "BACKEND_LOBBY_PENDING_REGISTRATION_TTL",
                "720h",
                "How long a finished game's race names may be registered.",
                parse::positive_duration,
            ),
        }
    }
}

fn geo(r: &mut Reader) -> Option<GeoConfig> {
    r.section("Geo");
    let db_path = r.maybe(
        "BACKEND_GEOIP_DB_PATH",
        "Database of countries by address, in MaxMind's format; replace the file and it is read anew. Absent: countries \
         are neither declared nor counted.",
        "/var/lib/galaxy/GeoLite2-Country.mmdb",
        parse::path,
    );
    let reload_interval = r.optional(
        "BACKEND_GEOIP_RELOAD_INTERVAL",
        "10s",
        "How often it is looked whether the geo database's file has changed.",
        parse::positive_duration,
    );
    let flush_interval = r.optional(
        "BACKEND_GEOIP_FLUSH_INTERVAL",
        "5s",
        "How often requests counted by country are written; what was counted since is lost with a process that is killed.",
        parse::positive_duration,
    );
    db_path.map(|db_path| GeoConfig { db_path, reload_interval, flush_interval })
}

impl Group for Config {
    fn read(r: &mut Reader) -> Self {
        let http = r.group();
        let push = r.group();
        r.section("Credentials");
        let trust = r.optional("BACKEND_TRUST_NETWORK", "false", "Run without the gateway's and the workers' tokens. Anybody who reaches the listeners may then do anything: engines share a network with them.", parse::bool);
        let gateway_token = tokens(
            r,
            ("BACKEND_GATEWAY_TOKEN", "Bearer token of the gateway, 32 bytes or more."),
            (
                "BACKEND_GATEWAY_TOKEN_PREVIOUS",
                "The gateway's token before, taken too while it is being rotated: set both, give the gateways the new one, unset this.",
            ),
        );
        let worker_token = tokens(
            r,
            ("BACKEND_WORKER_TOKEN", "Bearer token with which our workers publish events, 32 bytes or more."),
            (
                "BACKEND_WORKER_TOKEN_PREVIOUS",
                "The workers' token before, taken too while it is being rotated: set both, give the workers the new one, unset this.",
            ),
        );
        if trust {
            r.warn(
                "BACKEND_TRUST_NETWORK is set: requests without a token are taken for the gateway's and the workers'",
            );
        } else {
            if gateway_token.is_none() {
                r.fault("BACKEND_GATEWAY_TOKEN", "is required (or BACKEND_TRUST_NETWORK=true)");
            }
            if worker_token.is_none() {
                r.fault("BACKEND_WORKER_TOKEN", "is required (or BACKEND_TRUST_NETWORK=true)");
            }
            if let (Some(gateway), Some(worker)) = (&gateway_token, &worker_token)
                && gateway.share_one_with(worker)
            {
                r.fault("BACKEND_WORKER_TOKEN", "must differ from BACKEND_GATEWAY_TOKEN, the previous ones too");
            }
        }
        r.section("TLS");
        let cert = r.maybe(
            "BACKEND_TLS_CERT",
            "PEM certificate chain of both listeners; without it they speak plain text.",
            "/etc/galaxy/tls.crt",
            parse::path,
        );
        let key = r.maybe("BACKEND_TLS_KEY", "PEM private key of the certificate.", "/etc/galaxy/tls.key", parse::path);
        let client_ca = r.maybe(
            "BACKEND_TLS_CLIENT_CA",
            "PEM roots of client certificates; given, a peer without one is not let in. Only the token gives its role.",
            "/etc/galaxy/clients.pem",
            parse::path,
        );
        let tls = match (cert, key) {
            (Some(cert), Some(key)) => Some(TlsConfig { cert, key, client_ca }),
            (None, None) => {
                if client_ca.is_some() {
                    r.fault("BACKEND_TLS_CLIENT_CA", "needs BACKEND_TLS_CERT and BACKEND_TLS_KEY");
                }
                None
            }
            (Some(_), None) => {
                r.fault("BACKEND_TLS_KEY", "is required with BACKEND_TLS_CERT");
                None
            }
            (None, Some(_)) => {
                r.fault("BACKEND_TLS_CERT", "is required with BACKEND_TLS_KEY");
                None
            }
        };
        let auth = r.group();
        r.section("Administration");
        let user = r.maybe(
            "BACKEND_ADMIN_BOOTSTRAP_USER",
            "Name of the first administrator; inserted at start if no row has it, never overwritten.",
            "root",
            parse::text,
        );
        let password = r.secret(
            "BACKEND_ADMIN_BOOTSTRAP_PASSWORD",
            "Password of the first administrator, 15 to 71 bytes and none of the commonest; rotate it after the first start.",
        );
        let bootstrap = match (user, password) {
            (Some(user), Some(password)) => {
                if let Err(why) = administrator::password(password.expose(), &user) {
                    r.fault("BACKEND_ADMIN_BOOTSTRAP_PASSWORD", why);
                }
                if let Err(why) = administrator::name(&user) {
                    r.fault("BACKEND_ADMIN_BOOTSTRAP_USER", why);
                }
                Some(Bootstrap { user, password })
            }
            (Some(_), None) => {
                r.fault("BACKEND_ADMIN_BOOTSTRAP_PASSWORD", "is required with BACKEND_ADMIN_BOOTSTRAP_USER");
                None
            }
            (None, Some(_)) => {
                r.fault("BACKEND_ADMIN_BOOTSTRAP_USER", "is required with BACKEND_ADMIN_BOOTSTRAP_PASSWORD");
                None
            }
            (None, None) => None,
        };
        let lobby = r.group();
        let mail_style = r.group();
        r.section("Engines");
        let engine = Timeouts {
            call: r.optional(
                "BACKEND_ENGINE_CALL_TIMEOUT",
                "60s",
                "Limit of an engine write: init, turn, banish, command, order.",
                parse::positive_duration,
            ),
            probe: r.optional(
                "BACKEND_ENGINE_PROBE_TIMEOUT",
                "5s",
                "Limit of an engine read: status, report, healthz.",
                parse::positive_duration,
            ),
        };
        let geo = geo(r);
        r.section("Process");
        let migrate_on_start = r.optional(
            "BACKEND_MIGRATE_ON_START",
            "false",
            "Apply pending migrations before serving, under a lock; for one-machine installs.",
            parse::bool,
        );
        Self {
            http,
            push,
            tls,
            gateway_token,
            worker_token,
            auth,
            bootstrap,
            lobby,
            mail_style,
            engine,
            geo,
            migrate_on_start,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use shared::service::config::{Source, load};

    use super::*;

    const GOOD: [(&str, &str); 4] = [
        ("BACKEND_GATEWAY_TOKEN", "gateway-token-0123456789-0123456789"),
        ("BACKEND_WORKER_TOKEN", "worker-token-0123456789-0123456789"),
        ("BACKEND_AUTH_CODE_PEPPER", "pepper-0123456789-0123456789-0123"),
        ("BACKEND_ADMIN_BOOTSTRAP_USER", "root"),
    ];

    /// The settings with some changed, or the names of those at fault with all that is said.
    fn read(changes: &[(&str, &str)]) -> Result<Config, (Vec<String>, String)> {
        let password = ("BACKEND_ADMIN_BOOTSTRAP_PASSWORD", "correct horse battery");
        let env: BTreeMap<String, String> = GOOD
            .iter()
            .chain(&[password])
            .chain(changes)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        match load::<Config>("api-server", Source::new(BTreeMap::new(), env)) {
            Ok(loaded) => Ok(loaded.config),
            Err(faults) => {
                let said = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
                Err((faults.into_iter().map(|fault| fault.name).collect(), said))
            }
        }
    }

    #[test]
    fn secrets_that_can_be_guessed_are_faults_all_at_once() {
        let weak = "0123456789012345678901234567890"; // 31 bytes
        let (names, said) = read(&[
            ("BACKEND_GATEWAY_TOKEN", "g"),
            ("BACKEND_GATEWAY_TOKEN_PREVIOUS", weak),
            ("BACKEND_WORKER_TOKEN", "w"),
            ("BACKEND_WORKER_TOKEN_PREVIOUS", "two words of a token that is long enough"),
            ("BACKEND_AUTH_CODE_PEPPER", "p"),
            ("BACKEND_ADMIN_BOOTSTRAP_PASSWORD", "passwordpassword"),
        ])
        .unwrap_err();
        assert_eq!(
            names,
            [
                "BACKEND_GATEWAY_TOKEN",
                "BACKEND_GATEWAY_TOKEN_PREVIOUS",
                "BACKEND_WORKER_TOKEN",
                "BACKEND_WORKER_TOKEN_PREVIOUS",
                "BACKEND_AUTH_CODE_PEPPER",
                "BACKEND_ADMIN_BOOTSTRAP_PASSWORD"
            ]
        );
        assert!(!said.contains(weak) && !said.contains("passwordpassword"), "{said}");
    }

    #[test]
    fn a_bootstrap_password_that_bcrypt_cannot_hash_is_a_fault_at_the_start() {
        let random = "kQ3#vX9!pL2$wZ7%mR5^tB8&nC4*jD6(hF1)gS0_yA+uE=iO-xK?rT:qW;zV,cM.bN/lPuY";
        read(&[("BACKEND_ADMIN_BOOTSTRAP_PASSWORD", random)]).unwrap();
        for bad in [&format!("{random}x"), &format!("{random}xy"), "fourteen bytes", "123456789012345"] {
            let (names, _) = read(&[("BACKEND_ADMIN_BOOTSTRAP_PASSWORD", bad)]).unwrap_err();
            assert_eq!(names, ["BACKEND_ADMIN_BOOTSTRAP_PASSWORD"], "{bad}");
        }
        let (names, _) = read(&[("BACKEND_ADMIN_BOOTSTRAP_USER", "a:b")]).unwrap_err();
        assert_eq!(names, ["BACKEND_ADMIN_BOOTSTRAP_USER"]);
    }

    #[test]
    fn two_tokens_each_hold_while_they_are_rotated() {
        let old = "the-gateway-token-from-before-this-day";
        let config = read(&[("BACKEND_GATEWAY_TOKEN_PREVIOUS", old)]).unwrap();
        let (gateway, worker) = (config.gateway_token.unwrap(), config.worker_token.unwrap());
        assert!(gateway.hold(old.as_bytes()) && gateway.hold(GOOD[0].1.as_bytes()));
        assert!(!worker.hold(old.as_bytes()) && !gateway.hold(GOOD[1].1.as_bytes()));
        // No token gives two roles, and none is the previous one of nothing.
        let (names, _) = read(&[("BACKEND_GATEWAY_TOKEN_PREVIOUS", GOOD[1].1)]).unwrap_err();
        assert_eq!(names, ["BACKEND_WORKER_TOKEN"]);
        let trusting = [("BACKEND_TRUST_NETWORK", "true"), ("BACKEND_GATEWAY_TOKEN", ""), ("BACKEND_WORKER_TOKEN", "")];
        assert!(read(&trusting).unwrap().gateway_token.is_none());
        let (names, _) = read(&[&trusting[..], &[("BACKEND_GATEWAY_TOKEN_PREVIOUS", old)]].concat()).unwrap_err();
        assert_eq!(names, ["BACKEND_GATEWAY_TOKEN_PREVIOUS"]);
    }
}

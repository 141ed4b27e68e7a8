//! The settings of `api-server`: one definition from which flags, environment, `--help` and the reference are made.

mod auth;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use shared::config::credentials::{WORKER_TOKEN, trust_network};
use shared::config::{
    Certificate, DriverKind, EngineLimits, EngineSource, GameRules, Group, ListenAddr, Reader, parse,
};
use shared::db::push_log::MAX_WINDOW;
use shared::domain::administrator;
use shared::domain::engine_version::Images;
use shared::mail::Style;
use shared::secret::{Secret, Tokens};

use auth::tokens;
pub use auth::{AuthConfig, GuardConfig};

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
    /// When turns are due, and what follows on a game's end.
    pub rules: GameRules,
    /// Limits of calls to engines.
    pub engine: EngineLimits,
    /// What may be registered as an engine's image.
    pub images: Images,
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
    /// What the listeners show.
    pub own: Certificate,
    /// PEM roots for client certificates; given, a client must show one.
    pub client_ca: Option<PathBuf>,
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
            max_in_flight: r.optional("BACKEND_HTTP_MAX_IN_FLIGHT", "512", "Requests under way at once, until their answers have gone; one more is answered 503 with `Retry-After`. One network has half of them, calls to engines a quarter. REST takes this many connections and 256, one network half of those (docs/shares.md).", parse::positive),
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
        }
    }
}

/// What may be registered.
fn images(r: &mut Reader) -> Images {
    let EngineSource { driver, registries } = r.group();
    match driver {
        DriverKind::Docker => Images::References(registries),
        DriverKind::Process => Images::Paths,
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
        let trust = trust_network(r);
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
            WORKER_TOKEN,
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
        let own: Option<Certificate> = r.group();
        let client_ca = r.maybe(
            "BACKEND_TLS_CLIENT_CA",
            "PEM roots of client certificates; given, a peer without one is not let in. Only the token gives its role.",
            "/etc/galaxy/clients.pem",
            parse::path,
        );
        if own.is_none() && client_ca.is_some() {
            r.fault("BACKEND_TLS_CLIENT_CA", "needs BACKEND_TLS_CERT and BACKEND_TLS_KEY");
        }
        let tls = own.map(|own| TlsConfig { own, client_ca });
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
        let rules = r.group();
        let mail_style = r.group();
        let engine = r.group();
        let images = images(r);
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
            rules,
            engine,
            images,
            geo,
            migrate_on_start,
        }
    }
}

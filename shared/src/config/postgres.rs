//! The settings of the connection to Postgres, and the DSN's forms.

use std::time::Duration;

use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};
use tracing::log::LevelFilter;

use super::{Group, Reader, parse};
use crate::secret::Secret;

/// The schema that every unqualified name must resolve to.
pub(crate) const SCHEMA: &str = "backend";

/// The server gives up a statement this much of the operation timeout before we give up the connection: its answer says more.
const SERVER_SHARE: f64 = 0.9;

/// The server ends a session whose transaction stands still for so many operation timeouts: whoever held it is cut off, and its
/// locks are in everybody's way.
const IDLE_IN_TRANSACTION: u32 = 2;

/// How to reach Postgres (SPEC §16).
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    /// `BACKEND_POSTGRES_DSN`, as given.
    pub dsn: Secret<String>,
    /// `BACKEND_POSTGRES_LISTEN_DSN`: a direct connection for LISTEN, where a pooler stands in front.
    pub listen_dsn: Option<Secret<String>>,
    /// Most connections of the pool.
    pub max_conns: u32,
    /// Connections that the pool keeps open when idle.
    pub min_conns: u32,
    /// Longest wait for a connection, and for the answer to a statement.
    pub operation_timeout: Duration,
    /// Age at which a connection is replaced.
    pub conn_max_lifetime: Duration,
    options: PgConnectOptions,
    listen_options: PgConnectOptions,
}

impl Group for PostgresConfig {
    fn read(r: &mut Reader) -> Self {
        r.section("Postgres");
        let dsn = r.required_secret(
            "BACKEND_POSTGRES_DSN",
            "Where Postgres is, for example `postgres://galaxy:…@db:5432/galaxy?search_path=backend&sslmode=require`. \
             It must pin `search_path=backend`.",
        );
        let listen_dsn = r.secret(
            "BACKEND_POSTGRES_LISTEN_DSN",
            "A direct way to the same database for LISTEN, where a pooler stands in front. Absent: the DSN.",
        );
        let max_conns =
            r.optional("BACKEND_POSTGRES_MAX_CONNS", "25", "Most connections of one process's pool.", parse::positive);
        let min_conns = r.optional(
            "BACKEND_POSTGRES_MIN_CONNS",
            "2",
            "Connections that the pool keeps open while idle.",
            parse::number::<u32>,
        );
        let operation_timeout = r.optional(
            "BACKEND_POSTGRES_OPERATION_TIMEOUT",
            "5s",
            "Longest wait for a connection, and for the answer to a statement; the server gives one up after nine tenths of it.",
            parse::positive_duration,
        );
        let conn_max_lifetime = r.optional(
            "BACKEND_POSTGRES_CONN_MAX_LIFETIME",
            "30m",
            "Age at which a connection is replaced by a new one.",
            parse::positive_duration,
        );
        if min_conns > max_conns {
            r.fault("BACKEND_POSTGRES_MIN_CONNS", "must not be above BACKEND_POSTGRES_MAX_CONNS");
        }
        let options = read_dsn(r, "BACKEND_POSTGRES_DSN", &dsn);
        let listen_options = match &listen_dsn {
            Some(listen) => read_dsn(r, "BACKEND_POSTGRES_LISTEN_DSN", listen),
            None => options.clone(),
        };
        Self { dsn, listen_dsn, max_conns, min_conns, operation_timeout, conn_max_lifetime, options, listen_options }
    }
}

impl PostgresConfig {
    /// The options of one connection outside the pool, with the same schema and limits.
    #[must_use]
    pub fn options(&self, app_name: &str) -> PgConnectOptions {
        self.limited(self.options.clone()).application_name(app_name)
    }

    /// The options of the connection that LISTENs: direct, where a pooler stands in front, and without a limit on
    /// statements, since it does nothing but wait.
    #[must_use]
    pub fn listen_options(&self) -> PgConnectOptions {
        quiet(self.listen_options.clone())
    }

    fn limited(&self, options: PgConnectOptions) -> PgConnectOptions {
        quiet(options)
            .options([
                ("statement_timeout", self.operation_timeout.mul_f64(SERVER_SHARE).as_millis().max(1)),
                ("idle_in_transaction_session_timeout", (self.operation_timeout * IDLE_IN_TRANSACTION).as_millis()),
            ])
            // Our statements are short; where the planner overrates one (many partitions, say), compiling it takes a
            // hundred times longer than running it.
            .options([("jit", "off")])
    }
}

/// No line for each statement, one for each slow one (without its parameters; sqlx never logs those).
fn quiet(options: PgConnectOptions) -> PgConnectOptions {
    options.log_statements(LevelFilter::Trace).log_slow_statements(LevelFilter::Warn, Duration::from_secs(1))
}

fn read_dsn(r: &mut Reader, name: &'static str, dsn: &Secret<String>) -> PgConnectOptions {
    match connect_options(dsn.expose()) {
        Ok((options, ignored)) => {
            for parameter in ignored {
                r.warn(format!("{name}: the parameter {parameter} is not understood and ignored"));
            }
            options
        }
        Err(message) => {
            r.fault(name, message);
            PgConnectOptions::new_without_pgpass()
        }
    }
}

/// Reads a DSN in URL form, `postgres://user:password@host:port/database?search_path=backend&sslmode=disable`; a socket
/// directory is given as `?host=/run/postgresql`. Answers the options, with the search path set, and the names of
/// parameters that were ignored.
///
/// # Errors
/// Says what is wrong, without the DSN, which holds the password: not a URL, or the search path is not pinned to
/// `backend`.
pub fn connect_options(dsn: &str) -> Result<(PgConnectOptions, Vec<String>), String> {
    if !(dsn.starts_with("postgres://") || dsn.starts_with("postgresql://")) {
        return Err("must be a URL: postgres://user:password@host:5432/database?search_path=backend".to_owned());
    }
    let (base, query) = dsn.split_once('?').unwrap_or((dsn, ""));
    let mut search_path = None;
    let mut kept: Vec<&str> = Vec::new();
    let mut ignored = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match percent_decoded(key).as_str() {
            "search_path" | "options[search_path]" => search_path = Some(percent_decoded(value)),
            "options" => match search_path_in_options(&percent_decoded(value)) {
                Some(path) => search_path = Some(path),
                None => kept.push(pair),
            },
            key if UNDERSTOOD.contains(&key) || key.starts_with("options[") => kept.push(pair),
            key => ignored.push(key.to_owned()),
        }
    }
    match search_path.as_deref().map(|path| path.trim().trim_matches('"')) {
        Some(SCHEMA) => {}
        Some(_) => return Err("its search_path must be exactly backend".to_owned()),
        None => return Err("must pin the schema: add ?search_path=backend".to_owned()),
    }
    let url = if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
    let options: PgConnectOptions = url.parse().map_err(|e| match e {
        sqlx::Error::Configuration(e) => format!("cannot be read: {e}"),
        e => format!("cannot be read: {e}"),
    })?;
    Ok((options.options([("search_path", SCHEMA)]), ignored))
}

/// What sqlx takes in a URL's query.
const UNDERSTOOD: &[&str] = &[
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
];

/// The search path in libpq's `options=-c search_path=…`, where that is the only option.
fn search_path_in_options(options: &str) -> Option<String> {
    let rest = options.trim().strip_prefix("-c")?.trim_start();
    let path = rest.strip_prefix("search_path=")?;
    (!path.contains(' ')).then(|| path.to_owned())
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.get(..2).filter(|_| first == b'%').and_then(|hex| hex::decode(hex).ok());
        match (code, tail.get(2..)) {
            (Some(code), Some(after)) => {
                bytes.extend(code);
                rest = after;
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_references_query_form_is_understood() {
        let (options, ignored) = connect_options(
            "postgres://galaxy:p%40ss@db:6432/galaxy?search_path=backend&sslmode=disable&pool_max_conns=4",
        )
        .unwrap();
        assert_eq!(options.get_host(), "db");
        assert_eq!(options.get_port(), 6432);
        assert_eq!(options.get_username(), "galaxy");
        assert_eq!(options.get_database(), Some("galaxy"));
        assert!(matches!(options.get_ssl_mode(), sqlx::postgres::PgSslMode::Disable));
        assert_eq!(options.get_options(), Some("-c search_path=backend"));
        assert_eq!(ignored, ["pool_max_conns"]);
    }

    #[test]
    fn other_ways_to_pin_the_schema() {
        for query in [
            "options=-c%20search_path%3Dbackend",
            "options=-csearch_path=backend",
            "options[search_path]=backend",
            "options%5Bsearch_path%5D=backend",
            "search_path=%22backend%22",
        ] {
            let (options, _) = connect_options(&format!("postgresql://u@h/d?{query}")).expect(query);
            assert_eq!(options.get_options(), Some("-c search_path=backend"), "{query}");
        }
    }

    #[test]
    fn sockets_and_limits() {
        let (options, _) = connect_options("postgres:///d?host=/run/postgresql&search_path=backend").unwrap();
        assert_eq!(options.get_socket().unwrap().to_str(), Some("/run/postgresql"));
    }

    #[test]
    fn faults_do_not_repeat_the_password() {
        for (dsn, wanted) in [
            ("postgres://u:hunter2@h/d", "search_path=backend"),
            ("postgres://u:hunter2@h/d?search_path=public", "exactly backend"),
            ("postgres://u:hunter2@h/d?search_path=backend,public", "exactly backend"),
            ("host=h password=hunter2 search_path=backend", "must be a URL"),
            ("postgres://u:hunter2@h:port/d?search_path=backend", "cannot be read"),
            ("postgres://u:hunter2@h/d?search_path=backend&sslmode=perhaps", "cannot be read"),
        ] {
            let message = connect_options(dsn).unwrap_err();
            assert!(message.contains(wanted), "{dsn}: {message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}

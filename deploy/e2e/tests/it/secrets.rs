//! No secret setting is told, however much fails. Each has a text of its own here, the game is played, and then everything is made to
//! fail: the relay and Postgres refuse the logins, the collector and Postgres are away, callers show the wrong credentials, every
//! process is started with every fault. All that was answered, printed and logged meanwhile is searched.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use futures::future::join_all;
use reqwest::{Client, RequestBuilder};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use testkit::mail::{MailCatcher, MailCatcherConfig, TlsMode};
use testkit::process::{Proc, ProcConfig, bin_path, free_addr};
use testkit::stack::{Driver, Stack, StackConfig, Summary, fresh_secret};
use testkit::tls::Authority;
use testkit::{StopMode, eventually};
use tokio::process::Command;

use crate::world::{config, disturbed, play, report, start, stop};

const SOON: Duration = Duration::from_secs(120);

/// Less of a secret than this is found in anything.
const SHORTEST: usize = 16;

/// Whom secrets belong to, as they stand before them in a login.
const LOGINS: [&str; 4] = ["", "root:", "ann:", "\0galaxy\0"];

/// Secret, and not among the settings with a lock: OpenTelemetry's own, and what stands in files that a setting names.
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const REGISTRIES: &str = "BACKEND_RUNTIME_REGISTRY_AUTH_FILE";
const TLS_KEY: &str = "BACKEND_TLS_KEY";

/// By name.
type Settings = BTreeMap<String, String>;

/// By process.
type Given = BTreeMap<String, Settings>;

/// Settings, and texts that tell them.
#[derive(Default)]
struct Marks(BTreeSet<(String, String)>);

impl Marks {
    /// A secret as it stands, its beginning, and as a header or SMTP carries it.
    fn add(&mut self, setting: &str, secret: &str) {
        assert!(secret.len() >= SHORTEST && secret.is_ascii(), "{setting} is nothing that can be looked for");
        self.0.insert((setting.to_owned(), secret[..SHORTEST].to_owned()));
        for login in LOGINS {
            self.0.insert((setting.to_owned(), STANDARD_NO_PAD.encode(format!("{login}{secret}"))));
        }
    }

    /// The setting that a text tells.
    fn told_by(&self, text: &str) -> Option<&str> {
        let told = self.0.iter().find(|(_, mark)| text.contains(mark.as_str()));
        told.map(|(setting, _)| setting.as_str())
    }

    fn has(&self, setting: &str) -> bool {
        self.0.iter().any(|(marked, _)| marked == setting)
    }
}

/// All that was said: where, and what.
#[derive(Default)]
struct Heard(Vec<(String, String)>);

impl Heard {
    fn add(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.0.push((place.into(), text.into()));
    }

    fn judge(&self, marks: &Marks) {
        for (place, text) in &self.0 {
            for line in text.lines() {
                if let Some(setting) = marks.told_by(line) {
                    panic!("{place} tells {setting}: {line}");
                }
            }
        }
    }
}

/// The settings with a lock in the reference, which is generated from their definitions.
fn locked(reference: &str) -> BTreeSet<String> {
    let rows = reference.lines().filter(|line| line.contains("` 🔒"));
    rows.filter_map(|row| Some(row.strip_prefix("| `")?.split_once('`')?.0.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_told_however_much_fails() {
    let dir = testkit::state_dir().join("e2e-secrets");
    std::fs::create_dir_all(&dir).unwrap();
    let (mut marks, mut heard) = (Marks::default(), Heard::default());
    let password = fresh_secret();
    let relay = relay(&dir, &password, SocketAddr::from(([127, 0, 0, 1], 0))).await;
    let (smtp, page) = (relay.smtp_addr(), relay.serve_page(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap());
    let settings = settings(&dir, &mut marks, smtp, relay.ca_pem(), &password);
    let mut stack = start(StackConfig { own_roles: true, settings, ..config("secrets", 1, Driver::Process) }).await;
    let summary = Summary { mail_page: format!("http://{page}"), ..stack.summary().clone() };
    report(play(&summary, disturbed()).await);

    let given = environments(&mut stack);
    mark(&given, &mut marks);
    ops(&summary, &mut heard).await;
    wrong_callers(&summary, &mut heard).await;
    relay_refuses(relay, &dir, &stack, &summary).await;
    ops(&summary, &mut heard).await;
    postgres_refuses(&mut stack, &summary, &given, &mut heard).await;
    for (process, settings) in &given {
        faulty_starts(process, settings, &mut heard).await;
    }
    faulty_migrations(&given["runtime-controller"], &mut heard).await;
    with_keys(&dir, &given, &mut marks, &mut heard).await;

    heard.add("Postgres's log", read(&stack.postgres().log_file()));
    let logs = stack.config().dir.join("logs");
    stop(stack).await;
    for file in std::fs::read_dir(logs).unwrap().flatten() {
        heard.add(file.path().display().to_string(), read(&file.path()));
    }
    println!("{} texts were searched for {} marks", heard.0.len(), marks.0.len());
    heard.judge(&marks);
}

/// A relay that lets this password in. It keeps its certificate, so that another one in its place is trusted as well.
async fn relay(dir: &Path, password: &str, smtp_addr: SocketAddr) -> MailCatcher {
    let relay = MailCatcher::start(MailCatcherConfig {
        smtp_addr,
        tls: TlsMode::StartTls,
        credentials: Some(("galaxy".to_owned(), password.to_owned())),
        identity: Some(dir.join("relay-identity.pem")),
        ..MailCatcherConfig::default()
    });
    relay.await.unwrap()
}

/// What every process is told beside what a stack tells it: the secrets that a stack needs not, a collector that is not there, and to
/// say as much as it can.
fn settings(dir: &Path, marks: &mut Marks, smtp: SocketAddr, ca: &str, password: &str) -> Vec<(String, String)> {
    let (roots, registries) = (dir.join("relay.pem"), dir.join("registries.json"));
    std::fs::write(&roots, ca).unwrap();
    let (key, registry) = (fresh_secret(), fresh_secret());
    let login = STANDARD.encode(format!("ann:{registry}"));
    std::fs::write(&registries, json!({ "auths": { "registry.example": { "auth": login } } }).to_string()).unwrap();
    marks.add(HEADERS, &key);
    marks.add(REGISTRIES, &registry);
    let nobody = free_addr();
    let listen = format!("postgres://listener:{}@{nobody}/galaxy?search_path=backend", fresh_secret());
    let settings = [
        ("BACKEND_LOGGING_LEVEL", "debug".to_owned()),
        ("BACKEND_POSTGRES_LISTEN_DSN", listen),
        ("BACKEND_GATEWAY_TOKEN_PREVIOUS", fresh_secret()),
        ("BACKEND_WORKER_TOKEN_PREVIOUS", fresh_secret()),
        ("BACKEND_AUTH_CODE_PEPPER_PREVIOUS", fresh_secret()),
        ("BACKEND_SECRETS_KEY_PREVIOUS", fresh_secret()),
        ("BACKEND_SMTP_PORT", smtp.port().to_string()),
        ("BACKEND_SMTP_TLS_CA_FILE", roots.display().to_string()),
        ("BACKEND_SMTP_USERNAME", "galaxy".to_owned()),
        ("BACKEND_SMTP_PASSWORD", password.to_owned()),
        (REGISTRIES, registries.display().to_string()),
        ("BACKEND_OTEL_TRACES_EXPORTER", "otlp".to_owned()),
        ("BACKEND_OTEL_PROTOCOL", "http/protobuf".to_owned()),
        ("BACKEND_OTEL_ENDPOINT", format!("http://{nobody}")),
        (HEADERS, format!("x-api-key={key}")),
    ];
    settings.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// What each process was really given.
fn environments(stack: &mut Stack) -> Given {
    let mut given = Given::new();
    for member in stack.members() {
        let name = member.name().to_owned();
        let environment = read(format!("/proc/{}/environ", member.process().unwrap().pid()).as_ref());
        let pairs = environment.split('\0').filter_map(|pair| pair.split_once('='));
        let ours = pairs.filter(|(name, _)| name.starts_with("BACKEND_") || name.starts_with("OTEL_"));
        given.insert(name, ours.map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
    }
    given
}

/// Marks every secret of theirs. None of the reference may be left over.
fn mark(given: &Given, marks: &mut Marks) {
    let locked = locked(&read(&testkit::workspace_root().join("docs/configuration.md")));
    assert!(locked.len() >= 10, "only {locked:?} have a lock: is it still written so?");
    for (name, value) in given.values().flatten().filter(|(name, _)| locked.contains(*name)) {
        marks.add(name, if name.ends_with("_DSN") { password_in(value) } else { value });
    }
    let unmarked: Vec<&String> = locked.iter().filter(|setting| !marks.has(setting)).collect();
    assert!(unmarked.is_empty(), "no process was given a secret for {unmarked:?}");
}

fn login_in(dsn: &str) -> &str {
    let login = dsn.split_once("://").and_then(|(_, rest)| rest.split_once(':'));
    login.unwrap().0
}

fn password_in(dsn: &str) -> &str {
    let credentials = dsn.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
    credentials.unwrap().0.split_once(':').unwrap().1
}

/// What every process answers those who look after it.
async fn ops(summary: &Summary, heard: &mut Heard) {
    for (label, url) in &summary.ops {
        for path in ["/readyz", "/healthz", "/metrics"] {
            let answer = reqwest::get(format!("{url}{path}")).await.unwrap();
            heard.add(format!("{path} of {label}"), answer.text().await.unwrap());
        }
    }
}

/// Each credential at each door, most of them the wrong one.
async fn wrong_callers(summary: &Summary, heard: &mut Heard) {
    let client = Client::builder().no_proxy().build().unwrap();
    let mut asked = Vec::new();
    for door in ["/user/account", "/internal/sessions/resolve", "/admin/queues", "/public/auth/send-email-code"] {
        let url = format!("{}/api/v1{door}", summary.rest[0]);
        for token in [&summary.gateway_token, &summary.worker_token, &summary.admin_password] {
            let user = "0190a5a4-0000-7000-8000-000000000000";
            asked.push(answer(client.get(&url).bearer_auth(token).header("x-user-id", user), door));
            asked.push(answer(client.post(&url).bearer_auth(token).body("{\"cut\":"), door));
            asked.push(answer(client.get(&url).basic_auth(&summary.admin_user, Some(token)), door));
        }
    }
    // All at once: while Postgres is away each waits for it.
    heard.0.extend(join_all(asked).await);
}

async fn answer(request: RequestBuilder, door: &str) -> (String, String) {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status(), format!("{:?}", answer.headers()));
    (format!("the answer {status} of {door}"), format!("{headers}\n{}", answer.text().await.unwrap()))
}

/// Another relay in its place, which knows another password.
async fn relay_refuses(relay: MailCatcher, dir: &Path, stack: &Stack, summary: &Summary) {
    let smtp = relay.smtp_addr();
    relay.stop().await;
    let _strict = self::relay(dir, &fresh_secret(), smtp).await;
    let body = json!({ "email": "nobody.yet@players.example", "preferred_language": "en" });
    let asked = Client::builder().no_proxy().build().unwrap();
    let asked = asked.post(format!("{}/api/v1/public/auth/send-email-code", summary.rest[0])).json(&body);
    assert_eq!(asked.send().await.unwrap().status(), 202);
    let log = stack.config().dir.join("logs/mail-worker-0.log");
    eventually(SOON, "the relay refuses the login", || async { read(&log).contains("AUTH: 535") }).await;
}

/// Postgres lets nobody in, then it is away; afterwards all is as it was.
async fn postgres_refuses(stack: &mut Stack, summary: &Summary, given: &Given, heard: &mut Heard) {
    let dsns = given.values().map(|settings| &settings["BACKEND_POSTGRES_DSN"]);
    let right: Vec<_> = dsns.map(|dsn| (login_in(dsn).to_owned(), password_in(dsn).to_owned())).collect();
    let wrong: Vec<_> = right.iter().map(|(login, _)| (login.clone(), fresh_secret())).collect();
    set_passwords(summary, &wrong).await;
    everybody_fails(summary, heard).await;
    tokio::task::block_in_place(|| stack.postgres().stop(StopMode::Immediate)).unwrap();
    everybody_fails(summary, heard).await;
    tokio::task::block_in_place(|| stack.postgres().start_again()).unwrap();
    set_passwords(summary, &right).await;
    for member in stack.members() {
        member.wait_ready(SOON).await.unwrap();
    }
}

/// Gives the login roles these passwords, and ends their connections.
async fn set_passwords(summary: &Summary, passwords: &[(String, String)]) {
    let plain = summary.postgres_dsn.split('?').next().unwrap();
    let mut conn = PgConnection::connect(plain).await.unwrap();
    for (login, password) in passwords {
        let change = AssertSqlSafe(format!("ALTER ROLE {login} PASSWORD '{password}'"));
        sqlx::raw_sql(change).execute(&mut conn).await.unwrap();
    }
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE '%\\_login'";
    sqlx::raw_sql(end).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

/// Every process says that it is not ready, and the API that it cannot.
async fn everybody_fails(summary: &Summary, heard: &mut Heard) {
    for (label, url) in &summary.ops {
        eventually(SOON, format!("{label} is not ready"), || async {
            let status = reqwest::get(format!("{url}/readyz")).await.map(|answer| answer.status().as_u16());
            if status.as_ref().is_ok_and(|status| *status == 503) { Ok(()) } else { Err(status) }
        })
        .await;
    }
    ops(summary, heard).await;
    wrong_callers(summary, heard).await;
}

/// Starts that fail, each for another reason, and what else prints and ends.
async fn faulty_starts(process: &str, settings: &Settings, heard: &mut Heard) {
    let locked = locked(&read(&testkit::workspace_root().join("docs/configuration.md")));
    let dsn = &settings["BACKEND_POSTGRES_DSN"];
    let with = |name: &str, value: &str| {
        let mut changed = settings.clone();
        changed.insert(name.to_owned(), value.to_owned());
        changed
    };
    let mut refused = settings.clone();
    for (name, value) in refused.iter_mut().filter(|(name, _)| locked.contains(*name)) {
        *value = broken(name, value);
    }
    let mut doubled = settings.clone();
    doubled.extend(locked.iter().map(|name| (format!("{name}_FILE"), "/proc/self/cmdline".to_owned())));
    let mut missing = settings.clone();
    missing.remove("BACKEND_POSTGRES_DSN");
    let strange = with("BACKEND_POSTGRES_DSN", &dsn.replace("@127.0.0.1:", "@127.0.0.1:x"));
    let deaf = with("BACKEND_OPS_LISTEN_ADDR", &free_addr().to_string());
    let (flag, misspelt) = (format!("--postgres-dsn={dsn}"), format!("--postgres-dsnn={dsn}"));
    for (arguments, settings, code) in [
        (vec![], refused, 2),
        (vec![], doubled, 2),
        (vec![], strange, 2),
        (vec![], missing.clone(), 2),
        (vec![flag.as_str(), "--postgres-max-conns=none"], missing, 2),
        (vec![misspelt.as_str()], settings.clone(), 2),
        (vec!["--help"], settings.clone(), 0),
        (vec!["healthcheck"], deaf, 1),
    ] {
        let said = ended(process, &arguments, &settings, code).await;
        heard.add(format!("{process} that ended with {code}"), said);
    }
}

/// A value that its setting refuses, and that holds the secret, or its beginning, all the same.
fn broken(name: &str, value: &str) -> String {
    match name {
        "BACKEND_POSTGRES_DSN" => value.replace("postgres://", "mysql://"),
        "BACKEND_POSTGRES_LISTEN_DSN" => value.replace("search_path=backend", "search_path=public"),
        "BACKEND_AUTH_CODE_PEPPER" | "BACKEND_SECRETS_KEY" | "BACKEND_SECRETS_KEY_PREVIOUS" => {
            value[..SHORTEST].to_owned()
        }
        "BACKEND_ADMIN_BOOTSTRAP_PASSWORD" => format!("{value}{value}"),
        // No header carries that letter.
        _ => format!("{value}é"),
    }
}

/// Migrations with a DSN that is none, and with one whose user is not let in.
async fn faulty_migrations(settings: &Settings, heard: &mut Heard) {
    let dsn = &settings["BACKEND_POSTGRES_DSN"];
    for (dsn, code) in [(dsn.replace("postgres://", "mysql://"), 2), (dsn.replace("runtime_login", "nobody"), 1)] {
        let settings = Settings::from([("BACKEND_POSTGRES_DSN".to_owned(), dsn)]);
        let said = ended("migrate", &[], &settings, code).await;
        heard.add(format!("migrate that ended with {code}"), said);
    }
}

/// A server with a private key, and a worker whose key's file is damaged.
async fn with_keys(dir: &Path, given: &Given, marks: &mut Marks, heard: &mut Heard) {
    let own = Authority::new("secrets").unwrap().server().unwrap();
    for line in own.key.lines().filter(|line| !line.starts_with("-----") && line.len() >= SHORTEST) {
        marks.add(TLS_KEY, line);
    }
    let (cert, key, damaged) = (dir.join("own.crt"), dir.join("own.key"), dir.join("damaged.key"));
    std::fs::write(&cert, &own.cert).unwrap();
    std::fs::write(&key, &own.key).unwrap();
    std::fs::write(&damaged, own.key.replace("-----END", "!----END")).unwrap();
    let with = |process: &str, key: &Path| {
        let mut settings = given[process].clone();
        settings.insert("BACKEND_TLS_CERT".to_owned(), cert.display().to_string());
        settings.insert(TLS_KEY.to_owned(), key.display().to_string());
        for listener in ["BACKEND_HTTP_LISTEN_ADDR", "BACKEND_GRPC_PUSH_LISTEN_ADDR", "BACKEND_OPS_LISTEN_ADDR"] {
            settings.insert(listener.to_owned(), "127.0.0.1:0".to_owned());
        }
        settings
    };
    let mut server = Proc::start(ProcConfig::bin("api-server").envs(with("api-server", &key))).unwrap();
    server.wait_for_line(|line| line.contains("\"msg\":\"serving\""), SOON).await;
    server.terminate();
    assert!(server.wait_exit(SOON).await.unwrap().success());
    heard.add("api-server with a key", server.lines().join("\n"));
    let said = ended("notify-worker", &[], &with("notify-worker", &damaged), 2).await;
    heard.add("notify-worker with a damaged key", said);
}

/// What a program printed that ends by itself, with this code.
async fn ended(program: &str, arguments: &[&str], settings: &Settings, code: i32) -> String {
    let mut command = Command::new(bin_path(program));
    command.args(arguments).env_clear().envs(settings).kill_on_drop(true);
    let output = tokio::time::timeout(SOON, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{program} goes on")).unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    // What it says may hold what it must not: that is for whoever judges it.
    assert_eq!(output.status.code(), Some(code), "{program}, {} bytes", said.len());
    assert!(!said.is_empty(), "{program} ended with {code} and said nothing");
    said.into_owned()
}

fn read(file: &Path) -> String {
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_secret_is_found_as_it_stands_cut_and_in_a_header() {
    let secret = "0123456789abcdef0123456789abcdef";
    let mut marks = Marks::default();
    marks.add("BACKEND_A", secret);
    let basic = STANDARD.encode(format!("root:{secret}"));
    let plain = STANDARD.encode(format!("\0galaxy\0{secret}"));
    for planted in [
        format!("password authentication failed for {secret}"),
        "dsn: postgres://galaxy:0123456789abcdef…".to_owned(),
        format!("authorization: Basic {basic}"),
        format!("AUTH PLAIN {plain}"),
    ] {
        assert_eq!(marks.told_by(&planted), Some("BACKEND_A"), "{planted}");
        let mut heard = Heard::default();
        heard.add("a log", format!("all is well\n{planted}"));
        let judged = std::panic::catch_unwind(|| heard.judge(&marks));
        assert!(judged.is_err(), "{planted}");
    }
    assert_eq!(marks.told_by("dsn: [redacted], 0123456789"), None);
}

#[test]
fn settings_with_a_lock_are_read_from_the_reference() {
    let reference = "| variable | default |\n| `BACKEND_A` 🔒 | — |\n| `BACKEND_B` | `1` |\n\
                     | `BACKEND_C` 🔒<br>or `BACKEND_D` | — |\nA secret (🔒) may stand in a file.\n";
    assert_eq!(locked(reference), BTreeSet::from(["BACKEND_A".to_owned(), "BACKEND_C".to_owned()]));
}

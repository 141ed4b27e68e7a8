//! The whole platform on one machine: Postgres, mail catcher, container driver, migrations and the four processes, each a
//! real process of its own. `cargo xtask up` and the end-to-end tests stand on it.

mod docker;
mod environment;
mod member;
mod ports;
pub mod roles;
mod summary;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

pub use docker::{Docker, ENGINE_IMAGE, engine_binary, static_binary, static_dir, static_target};
pub use environment::fresh_secret;
pub use member::{Member, end_engine_processes};
pub use summary::Summary;

use crate::process::{Proc, ProcConfig};
use crate::proxy::TcpProxy;
use crate::{PostgresConfig, PostgresServer, StopMode};
use environment::Environment;
use ports::Ports;

/// The processes of which there may be any number, in the order in which they are started.
pub const PROCESSES: [&str; 4] = ["api-server", "mail-worker", "notify-worker", "runtime-controller"];

/// The version label under which the reference engine is registered.
pub const ENGINE_VERSION: &str = "1.0.0";

/// What runs the engines.
#[derive(Debug, Clone)]
pub enum Driver {
    /// Containers on this daemon.
    Docker(Docker),
    /// Child processes on loopback, for a machine without Docker.
    Process,
}

/// How a stack is set up.
#[derive(Debug, Clone)]
pub struct StackConfig {
    /// Everything that the stack writes stands below: database, logs, game states, mails, `stack.json`.
    pub dir: PathBuf,
    /// How many of each of the four processes.
    pub replicas: usize,
    /// What runs the engines.
    pub driver: Driver,
    /// Whose containers are whose on a shared daemon.
    pub instance: String,
    /// Prefer the ports of SPEC §2 where they are free.
    pub usual_ports: bool,
    /// Keep the database over restarts of the stack, with commits flushed; else it is a temporary one, without flushing.
    pub durable: bool,
    /// Each process has a login role of its own, in its group of `migrate roles`; else all are the superuser.
    pub own_roles: bool,
    /// The processes reach Postgres through a proxy, whose weather is made by [`Stack::network`].
    pub behind_proxy: bool,
    /// Further settings for every process.
    pub settings: Vec<(String, String)>,
}

/// A running stack. Ended by [`Stack::stop`]; dropped, its processes are killed, and its engines removed.
pub struct Stack {
    config: StackConfig,
    summary: Summary,
    members: Vec<Member>,
    catcher: Proc,
    network: Option<TcpProxy>,
    postgres: PostgresServer,
    /// Dropped after the members: no controller is left that could start another engine.
    _engines: Engines,
    _ports: Ports,
}

/// Removes the engines of a stack when dropped.
struct Engines(StackConfig);

impl Drop for Engines {
    fn drop(&mut self) {
        clean_engines(&self.0);
    }
}

impl Stack {
    /// Starts everything, telling `progress` each step.
    ///
    /// # Errors
    /// What failed, with the end of its log.
    pub async fn start(config: StackConfig, mut progress: impl FnMut(&str)) -> Result<Stack> {
        // Logs name people's ids, mails hold their codes; and what an ordinary user's controller cannot give to the engine's own
        // user is open to all below `games`.
        for sub in ["logs", "games", "mail"] {
            private_dir(&config.dir.join(sub))?;
        }
        progress("Postgres: a private server, on loopback");
        let ports = Ports::new(config.usual_ports)?;
        let mut postgres_config = if config.durable {
            PostgresConfig::persistent(config.dir.join("postgres"))
        } else {
            PostgresConfig::default()
        };
        postgres_config.port = Some(ports.any()?);
        // Its superuser can read files and run programs: not for every user of this machine.
        postgres_config.password = Some(environment::kept_secret(&config.dir.join("postgres-password.secret")));
        let postgres = tokio::task::spawn_blocking(move || PostgresServer::start(postgres_config)).await??;
        create_database(&postgres).await?;

        progress("Mail catcher: SMTP with STARTTLS, and a page to read the mail");
        let (smtp, mail_page) = (ports.take(1025)?, ports.take(8025)?);
        let ca_file = config.dir.join("mail-ca.pem");
        let mut catcher = Proc::start(
            ProcConfig::bin("mail-catcher")
                .arg("--smtp")
                .arg(format!("127.0.0.1:{smtp}"))
                .arg("--http")
                .arg(format!("127.0.0.1:{mail_page}"))
                .arg("--tls-mode")
                .arg("starttls")
                .arg("--ca-out")
                .arg(&ca_file)
                .arg("--store")
                .arg(config.dir.join("mail/mails.jsonl"))
                .log(config.dir.join("logs/mail-catcher.log")),
        )?;
        wait_for_http(&mut catcher, &format!("http://127.0.0.1:{mail_page}/api/messages"), Duration::from_secs(60))
            .await?;

        let image = match &config.driver {
            Driver::Docker(docker) => {
                progress("Engine: an image from the static binary, and an internal network");
                docker.prepare(&config.instance)?
            }
            Driver::Process => {
                progress(
                    "Engine: NO CONTAINERS. Engines run as plain child processes on loopback; this is for laptops, not for production",
                );
                engine_binary()?.display().to_string()
            }
        };
        let mut environment = Environment::new(&config, &postgres.dsn("galaxy"), smtp, &ca_file);
        let mut summary = Summary::new(&config, &environment, image, mail_page, smtp);

        progress("Migrations");
        migrate(&config, &environment, &[]).await?;
        if config.own_roles {
            progress("Roles: a login for each process");
            migrate(&config, &environment, &["roles"]).await?;
            environment.dsns = roles::make(&environment.dsn).await?;
        }

        let network = match config.behind_proxy {
            true => Some(proxied(&mut environment, postgres.port()).await?),
            false => None,
        };

        let mut members = Vec::new();
        for name in PROCESSES {
            for replica in 0..config.replicas {
                let member = Member::new(&config, &environment, name, replica, &ports, &mut summary)?;
                progress(&format!("{} on {}", member.label(), member.addresses()));
                members.push(member);
            }
        }
        let mut stack = Stack {
            _engines: Engines(config.clone()),
            _ports: ports,
            config,
            summary,
            members,
            catcher,
            network,
            postgres,
        };
        for member in &mut stack.members {
            member.launch()?;
        }
        for member in &mut stack.members {
            member.wait_ready(Duration::from_secs(60)).await?;
        }
        stack.summary.write(&stack.config.dir.join("stack.json"))?;
        progress("All processes are ready");
        Ok(stack)
    }

    /// Where everything is, with every credential.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Its settings.
    pub fn config(&self) -> &StackConfig {
        &self.config
    }

    /// The `replica`-th process of this name.
    ///
    /// # Panics
    /// When there is none.
    pub fn member(&mut self, name: &str, replica: usize) -> &mut Member {
        self.members
            .iter_mut()
            .find(|m| m.name() == name && m.replica() == replica)
            .unwrap_or_else(|| panic!("no {name} {replica}"))
    }

    /// Every process.
    pub fn members(&mut self) -> &mut [Member] {
        &mut self.members
    }

    /// The database server, for tests that restart it.
    pub fn postgres(&mut self) -> &mut PostgresServer {
        &mut self.postgres
    }

    /// What lies between the processes and the database server; `None`: nothing.
    pub fn network(&self) -> Option<&TcpProxy> {
        self.network.as_ref()
    }

    /// The first process that has ended though nobody asked it to.
    pub fn fallen(&mut self) -> Option<String> {
        self.members.iter_mut().find_map(Member::fallen)
    }

    /// Starts processes again that ended by themselves, as whoever runs the platform would; tells how each did.
    ///
    /// # Errors
    /// When one ends again and again.
    pub fn restart_fallen(&mut self) -> Result<Vec<String>> {
        let mut told = Vec::new();
        for member in &mut self.members {
            told.extend(member.restart_fallen()?);
        }
        Ok(told)
    }

    /// Ends every process with SIGTERM, then what it stood on, and removes our containers.
    ///
    /// # Errors
    /// The first process that did not end well; the rest is ended all the same.
    pub async fn stop(mut self, mut progress: impl FnMut(&str)) -> Result<()> {
        progress("Stopping the processes");
        let mut first_fault = None;
        for member in &mut self.members {
            member.terminate();
        }
        for member in &mut self.members {
            if let Err(fault) = member.wait_stopped(Duration::from_secs(40)).await {
                first_fault.get_or_insert(fault);
            }
        }
        self.catcher.terminate();
        let _ = self.catcher.wait_exit(Duration::from_secs(5)).await;
        clean_engines(&self.config);
        progress("Stopping Postgres");
        tokio::task::spawn_blocking(move || self.postgres.stop(StopMode::Fast)).await??;
        first_fault.map_or(Ok(()), Err)
    }
}

/// Makes a directory that only we may look into; one that is there already is closed to the others.
fn private_dir(path: &Path) -> Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt};
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("make {}", path.display()))?;
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o700))
        .with_context(|| format!("close {}", path.display()))
}

/// The engines of a stack of this configuration: containers, stopped ones included, or processes.
///
/// # Errors
/// What docker says.
pub fn engines(config: &StackConfig) -> Result<Vec<String>> {
    match &config.driver {
        Driver::Docker(docker) => docker.containers(&config.instance),
        Driver::Process => {
            let pids = member::engine_processes(&config.dir.join("games"));
            Ok(pids.into_iter().map(|pid| format!("process {pid}")).collect())
        }
    }
}

/// Removes the engines that a stack of this configuration started and nothing else.
pub fn clean_engines(config: &StackConfig) {
    match &config.driver {
        Driver::Docker(docker) => docker.clean(&config.instance),
        Driver::Process => end_engine_processes(&config.dir.join("games")),
    }
}

/// Makes the platform's database, `galaxy`, unless it is there.
///
/// # Errors
/// When Postgres does not answer.
pub async fn create_database(postgres: &PostgresServer) -> Result<()> {
    use sqlx::Connection as _;
    let mut conn =
        sqlx::PgConnection::connect(&postgres.dsn("postgres")).await.context("connect to the private Postgres")?;
    let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'galaxy')")
        .fetch_one(&mut conn)
        .await?;
    if !there {
        sqlx::raw_sql("CREATE DATABASE galaxy").execute(&mut conn).await?;
    }
    conn.close().await?;
    Ok(())
}

/// Puts a proxy before the server, and tells each process to go through it. Whoever looks from outside goes straight.
async fn proxied(environment: &mut Environment, port: u16) -> Result<TcpProxy> {
    let proxy = TcpProxy::start(SocketAddr::from(([127, 0, 0, 1], port))).await.context("a proxy before Postgres")?;
    let (straight, through) = (format!("@127.0.0.1:{port}/"), format!("@{}/", proxy.addr()));
    for process in PROCESSES {
        let dsn = environment.dsns.get(process).unwrap_or(&environment.dsn).replace(&straight, &through);
        environment.dsns.insert(process, dsn);
    }
    Ok(proxy)
}

async fn migrate(config: &StackConfig, environment: &Environment, arguments: &[&str]) -> Result<()> {
    let program = ProcConfig::bin("migrate").envs(environment.postgres("migrate"));
    let program = arguments.iter().fold(program, |program, argument| program.arg(argument));
    let mut migrate = Proc::start(program.log(config.dir.join("logs/migrate.log")))?;
    let status = migrate.wait_exit(Duration::from_secs(60)).await?;
    if !status.success() {
        bail!("migrate failed ({status}):\n{}", migrate.tail(40));
    }
    Ok(())
}

/// Waits until a URL answers 2xx; fails at once when the process ends.
pub(crate) async fn wait_for_http(process: &mut Proc, url: &str, deadline: Duration) -> Result<()> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
    let end = Instant::now() + deadline;
    let mut last = String::new();
    while Instant::now() < end {
        if let Some(status) = process.try_exit() {
            bail!("{} ended ({status}):\n{}", process.name(), process.tail(40));
        }
        match client.get(url).send().await {
            Ok(response) if response.status().is_success() => return Ok(()),
            Ok(response) => last = response.text().await.unwrap_or_default(),
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("{} did not get ready: {last}\n{}", process.name(), process.tail(40))
}

/// A short, stable name for a directory: stacks of two checkouts on one daemon stay apart.
pub fn instance_of(dir: &Path) -> String {
    let hash = dir
        .to_string_lossy()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    format!("dev-{:08x}", hash & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_a_stack_writes_about_people_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let open = dir.path().join("logs");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();
        for path in [open, dir.path().join("a/mail")] {
            private_dir(&path).unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700, "{}", path.display());
        }
    }
}

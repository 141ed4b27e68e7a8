//! The settings of the runtime-controller (SPEC §16).

mod kubernetes;

use std::path::PathBuf;
use std::time::Duration;

use shared::config::{DriverKind, EngineLimits, EngineSource, GameRules, Group, Reader, parse};
use shared::db::runtime::seen::RevivalBudget;
use shared::domain::image_reference::AllowedRegistries;
use shared::engine_client::LONGEST_WAIT;

pub use self::kubernetes::KubernetesConfig;

/// How the platform's processes reach an engine's container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// By the container's name: for processes inside the engines' network.
    Dns,
    /// By the container's address: for processes on the host.
    Ip,
}

/// When an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullPolicy {
    /// When the daemon does not have it.
    IfMissing,
    /// At every start.
    Always,
    /// Never: it must be there.
    Never,
}

/// What containers are made of, and what the Docker driver is told besides.
#[derive(Debug, Clone)]
pub struct DockerConfig {
    /// `BACKEND_DOCKER_HOST`.
    pub host: String,
    /// `BACKEND_DOCKER_NETWORK`.
    pub network: String,
    /// `BACKEND_ENGINE_ADDRESSING`.
    pub addressing: Addressing,
    /// `BACKEND_RUNTIME_IMAGE_PULL_POLICY`.
    pub pull_policy: PullPolicy,
    /// `BACKEND_RUNTIME_CONTAINER_LOG_DRIVER`.
    pub log_driver: String,
    /// `BACKEND_RUNTIME_CONTAINER_LOG_OPTS`.
    pub log_opts: Vec<(String, String)>,
    /// `BACKEND_RUNTIME_CONTAINER_CPU_QUOTA`, in processors.
    pub cpus: f64,
    /// `BACKEND_RUNTIME_CONTAINER_MEMORY`, in bytes.
    pub memory: u64,
    /// `BACKEND_RUNTIME_CONTAINER_PIDS_LIMIT`.
    pub pids: i64,
    /// `BACKEND_RUNTIME_CONTAINER_STATE_MOUNT`.
    pub state_mount: PathBuf,
    /// `BACKEND_RUNTIME_ALLOWED_REGISTRIES`.
    pub registries: AllowedRegistries,
    /// `BACKEND_RUNTIME_REGISTRY_AUTH_FILE`.
    pub registry_auth: Option<PathBuf>,
}

/// The whole of it.
#[derive(Debug, Clone)]
pub struct Config {
    /// `BACKEND_RUNTIME_DRIVER`.
    pub driver: DriverKind,
    /// `BACKEND_INSTANCE_ID`: whose containers are ours.
    pub instance_id: String,
    /// `BACKEND_GAME_STATE_ROOT`.
    pub state_root: PathBuf,
    /// For containers.
    pub docker: DockerConfig,
    /// For the Kubernetes driver besides.
    pub kubernetes: KubernetesConfig,
    /// `BACKEND_RUNTIME_STATE_LIMIT`, in bytes.
    pub state_limit: u64,
    /// `BACKEND_RUNTIME_STOP_GRACE_PERIOD`.
    pub stop_grace: Duration,
    /// `BACKEND_RUNTIME_WORKER_POOL_SIZE`: jobs at once, while they are quick.
    pub slots: usize,
    /// `BACKEND_RUNTIME_RECONCILE_INTERVAL`.
    pub reconcile_interval: Duration,
    /// `BACKEND_RUNTIME_ORPHAN_GRACE`.
    pub orphan_grace: Duration,
    /// Limits of calls to engines.
    pub engine: EngineLimits,
    /// `BACKEND_LOBBY_SWEEPER_INTERVAL`.
    pub sweeper_interval: Duration,
    /// `BACKEND_LOBBY_ABANDONED_TTL`.
    pub abandoned_ttl: Duration,
    /// When turns are due, and what follows on a game's end.
    pub rules: GameRules,
    /// `BACKEND_RETENTION_OPERATIONS`.
    pub retention: Duration,
    /// What has no variable: see [`Tuning`].
    pub tuning: Tuning,
}

/// Limits that operators have had no reason to set; tests set them.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// How long a started engine may take until `/healthz` answers.
    pub health_limit: Duration,
    /// Failed attempts after which a job is given up.
    pub job_attempts: u32,
    /// Failed attempts after which a turn is given up and its game paused.
    pub turn_attempts: u32,
    /// The pause after a turn's first failed attempt, less up to a quarter by chance.
    pub turn_backoff_base: Duration,
    /// By what it is multiplied with each further one: what passes soon costs little, and the attempts span minutes.
    pub turn_backoff_growth: u32,
    /// Turns asked for at once, while their engines are quick.
    pub turn_slots: usize,
    /// What lasts longer gives its slot to others, and goes on in a lane ([`crate::lanes`]).
    pub slow_after: Duration,
    /// Places of the lane for slow turns.
    pub turn_lane: usize,
    /// Places of the lane for slow jobs.
    pub job_lane: usize,
    /// When work is due again that found its lane full; half of it up to one and a half.
    pub crowded_again: Duration,
    /// The pause before a job's engine is asked again that said "not now", less up to a quarter by chance; multiplied as a turn's.
    pub job_not_now: Duration,
    /// Upper bound of the first retry's delay, of a job.
    pub backoff_base: Duration,
    /// Upper bound of any retry's delay, of a job.
    pub backoff_cap: Duration,
    /// How often both sides are looked at while the daemon's events are not heard, and an engine that is not well is probed.
    pub watch_interval: Duration,
    /// How often an engine that is well is probed.
    pub probe_interval: Duration,
    /// Probes that are missed in a row before an engine is shown `unhealthy`.
    pub misses: i32,
    /// A running game whose engine has missed all probes for so long is paused.
    pub pause_after: Duration,
    /// A game that was paused because its engine did not answer goes on by itself within this time.
    pub resume_within: Duration,
    /// How often an engine is brought back.
    pub revivals: RevivalBudget,
    /// How often the tables are scanned while wake-ups arrive.
    pub scan_interval: Duration,
    /// How often the games' state directories are measured.
    pub state_interval: Duration,
    /// How long a pull may go without progress.
    pub pull_silence: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            health_limit: Duration::from_secs(60),
            job_attempts: 4,
            turn_attempts: 5,
            // 2, 10, 50, 250 s: four to five minutes in all.
            turn_backoff_base: Duration::from_secs(2),
            turn_backoff_growth: 5,
            turn_slots: 64,
            slow_after: Duration::from_secs(2),
            turn_lane: 256,
            job_lane: 64,
            crowded_again: Duration::from_secs(10),
            // 5, 25, 125 s: two minutes in all, or more where the engine asks for it.
            job_not_now: Duration::from_secs(5),
            backoff_base: Duration::from_millis(500),
            backoff_cap: Duration::from_secs(15),
            watch_interval: Duration::from_secs(2),
            probe_interval: Duration::from_secs(30),
            misses: 3,
            pause_after: Duration::from_secs(5 * 60),
            resume_within: Duration::from_secs(60 * 60),
            revivals: RevivalBudget {
                times: 6,
                base: Duration::from_secs(1),
                claim: Duration::from_secs(15),
                calm: Duration::from_secs(5 * 60),
            },
            scan_interval: Duration::from_secs(5),
            state_interval: Duration::from_secs(10),
            pull_silence: Duration::from_secs(120),
        }
    }
}

impl Tuning {
    /// The longest that a job waits for its next attempt, and some seconds for a clock that is set back a little.
    pub(crate) fn longest_wait(&self) -> Duration {
        LONGEST_WAIT.max(self.backoff_cap).max(self.crowded_again * 2) + Duration::from_secs(30)
    }

    /// Tests have no minutes to wait for a turn to be given up: a build with debug assertions divides the pauses between attempts, and
    /// before what was put off, by `GALAXY_TEST_HASTE`.
    fn of_this_build() -> Self {
        let mut tuning = Self::default();
        let haste = std::env::var("GALAXY_TEST_HASTE").ok().and_then(|haste| haste.parse::<u32>().ok());
        if cfg!(debug_assertions)
            && let Some(haste) = haste.filter(|haste| *haste > 0)
        {
            tuning.turn_backoff_base /= haste;
            tuning.crowded_again /= haste;
            tuning.job_not_now /= haste;
        }
        tuning
    }
}

impl Group for Config {
    fn read(r: &mut Reader) -> Self {
        r.section("Engine runtime");
        let EngineSource { driver, registries } = r.group();
        let instance_id = r.optional(
            "BACKEND_INSTANCE_ID",
            "galaxy",
            "Whose containers are ours: the label `galaxy.instance`. Installations that share a Docker \
             daemon, or a namespace, need different ones.",
            if driver == DriverKind::Kubernetes { kubernetes::label_value } else { parse_label },
        );
        let state_root = state_root(r, driver);
        let docker = DockerConfig {
            host: r.optional(
                "BACKEND_DOCKER_HOST",
                "unix:///var/run/docker.sock",
                "Docker daemon: `unix://…` or `tcp://…`.",
                parse_docker_host,
            ),
            network: network(r, driver),
            addressing: r.optional(
                "BACKEND_ENGINE_ADDRESSING",
                "dns",
                "How engines are reached: `dns` (name of the container, or of its Service), or `ip` for processes outside the \
                 engines' network or the cluster's names.",
                parse_addressing,
            ),
            pull_policy: r.optional(
                "BACKEND_RUNTIME_IMAGE_PULL_POLICY",
                "if_missing",
                "When engine images are pulled: `if_missing`, `always`, `never`.",
                parse_pull_policy,
            ),
            log_driver: r.optional(
                "BACKEND_RUNTIME_CONTAINER_LOG_DRIVER",
                "json-file",
                "Docker log driver of engine containers.",
                parse::text,
            ),
            log_opts: r
                .maybe(
                    "BACKEND_RUNTIME_CONTAINER_LOG_OPTS",
                    "Comma-separated `key=value` pairs for the log driver, beside max-size=10m and max-file=3 of \
                     `json-file` and `local`, which they may replace.",
                    "max-size=10m,max-file=3",
                    parse::pairs,
                )
                .unwrap_or_default(),
            cpus: r.optional(
                "BACKEND_RUNTIME_CONTAINER_CPU_QUOTA",
                "2.0",
                "Processors that an engine may use.",
                parse::positive_float,
            ),
            memory: r.optional(
                "BACKEND_RUNTIME_CONTAINER_MEMORY",
                "512m",
                "Memory that an engine may use.",
                parse::size,
            ),
            pids: r.optional(
                "BACKEND_RUNTIME_CONTAINER_PIDS_LIMIT",
                "256",
                "Processes and threads that an engine may have; not with the kubernetes driver, where the kubelet limits them.",
                parse::positive,
            ),
            state_mount: r.optional(
                "BACKEND_RUNTIME_CONTAINER_STATE_MOUNT",
                "/var/lib/galaxy-game",
                "Where the state directory is mounted in an engine's container.",
                parse::absolute_path,
            ),
            registries,
            registry_auth: r.maybe(
                "BACKEND_RUNTIME_REGISTRY_AUTH_FILE",
                "File with the registries' credentials, in the form of Docker's `config.json` (`auths`); read \
                 anew at every pull. Docker driver only.",
                "/run/secrets/registries.json",
                parse::absolute_path,
            ),
        };
        let state_limit = r.optional(
            "BACKEND_RUNTIME_STATE_LIMIT",
            "1GiB",
            "How much a game's state directory may hold: over it the game is paused and the administrators \
             are told; at twice as much its engine is stopped. With the kubernetes driver its volume is three times as \
             large, and nothing else is watched.",
            state_limit,
        );
        let stop_grace = r.optional(
            "BACKEND_RUNTIME_STOP_GRACE_PERIOD",
            "10s",
            "Time between SIGTERM and SIGKILL when an engine is stopped.",
            parse::duration,
        );
        let slots = r.optional(
            "BACKEND_RUNTIME_WORKER_POOL_SIZE",
            "4",
            "Runtime jobs worked at once by this process; one that lasts longer than two seconds gives its \
             place to another.",
            parse::positive,
        );
        let kubernetes = KubernetesConfig::read(r, driver);
        r.unused("BACKEND_RUNTIME_JOB_QUEUE_SIZE", "jobs wait in Postgres.");
        let reconcile_interval = r.optional(
            "BACKEND_RUNTIME_RECONCILE_INTERVAL",
            "60s",
            "How often what is recorded is compared with what the daemon has. Its events are acted on at once besides.",
            parse::positive_duration,
        );
        let orphan_grace = r.optional(
            "BACKEND_RUNTIME_ORPHAN_GRACE",
            "5m",
            "A container of ours whose game is not starting, running or paused is removed when it was seen \
             for so long.",
            parse::duration,
        );
        let retention = r.optional(
            "BACKEND_RETENTION_OPERATIONS",
            "90d",
            "Age at which finished jobs and entries of the operations log are removed; 0 keeps them.",
            parse::duration,
        );
        let engine = r.group();
        let rules = r.group();
        r.section("Lobby");
        let sweeper_interval = r.optional(
            "BACKEND_LOBBY_SWEEPER_INTERVAL",
            "60s",
            "How often enrolments that ended are closed and lapsed race names released.",
            parse::positive_duration,
        );
        let abandoned_ttl = r.optional(
            "BACKEND_LOBBY_ABANDONED_TTL",
            "7d",
            "Age at which a game that has run is ended when it has no active member left.",
            parse::positive_duration,
        );
        Self {
            driver,
            instance_id,
            state_root,
            docker,
            kubernetes,
            state_limit,
            stop_grace,
            slots,
            reconcile_interval,
            orphan_grace,
            engine,
            sweeper_interval,
            abandoned_ttl,
            rules,
            retention,
            tuning: Tuning::of_this_build(),
        }
    }
}

/// Needed where the controller itself keeps the games' states.
fn state_root(r: &mut Reader, driver: DriverKind) -> PathBuf {
    let (name, example) = ("BACKEND_GAME_STATE_ROOT", "/var/lib/galaxy/games");
    let doc = "Host directory with one state directory per game, mounted into its engine's container. Not needed with the \
               kubernetes driver.";
    match driver {
        DriverKind::Kubernetes => r.maybe(name, doc, example, parse::absolute_path).unwrap_or_default(),
        _ => r.required(name, example, doc, parse::absolute_path),
    }
}

fn network(r: &mut Reader, driver: DriverKind) -> String {
    let (name, example) = ("BACKEND_DOCKER_NETWORK", "galaxy-engines");
    let doc = "User-defined Docker network for engines; make it internal. Needed with the docker driver.";
    match driver {
        DriverKind::Docker => r.required(name, example, doc, parse_label),
        _ => r.maybe(name, doc, example, parse_label).unwrap_or_default(),
    }
}

/// At least a megabyte: less would pause every game.
fn state_limit(value: &str) -> Result<u64, String> {
    parse::size(value)
        .and_then(|bytes| if bytes >= 1 << 20 { Ok(bytes) } else { Err(format!("{value:?} is less than 1MiB")) })
}

fn parse_addressing(value: &str) -> Result<Addressing, String> {
    parse::one_of(value, &[("dns", Addressing::Dns), ("ip", Addressing::Ip)])
}

fn parse_pull_policy(value: &str) -> Result<PullPolicy, String> {
    let words = [("if_missing", PullPolicy::IfMissing), ("always", PullPolicy::Always), ("never", PullPolicy::Never)];
    parse::one_of(value, &words)
}

fn parse_docker_host(value: &str) -> Result<String, String> {
    if ["unix://", "tcp://", "http://"]
        .iter()
        .any(|scheme| value.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
    {
        Ok(value.to_owned())
    } else {
        Err(format!("{value:?} is neither unix://… nor tcp://…"))
    }
}

/// What Docker takes as a name or a label's value without surprises.
fn parse_label(value: &str) -> Result<String, String> {
    let sound = (1..=128).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        && value.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if sound { Ok(value.to_owned()) } else { Err(format!("{value:?} is not 1 to 128 letters, digits, '_', '.', '-'")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_parses() {
        let config = Config::read(&mut Reader::describe("runtime-controller"));
        assert_eq!(config.driver, DriverKind::Docker);
        assert_eq!(config.docker.memory, 512 * 1024 * 1024);
        assert_eq!(config.rules.pending_registration_ttl, Duration::from_secs(30 * 24 * 3600));
        assert!(config.docker.log_opts.is_empty());
    }

    #[test]
    fn names_and_hosts_are_checked() {
        assert!(parse_label("galaxy-1.x_y").is_ok());
        for bad in ["", "-a", "a b", "a/b", "ä"] {
            assert!(parse_label(bad).is_err(), "{bad}");
        }
        assert!(parse_docker_host("unix:///x").is_ok() && parse_docker_host("tcp://h:1").is_ok());
        assert!(parse_docker_host("/x").is_err() && parse_docker_host("unix://").is_err());
    }
}

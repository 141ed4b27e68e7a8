//! A fresh stack for each test, below `target/e2e/<name>`; its logs stay there.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use galaxy_e2e::demo::{self, Options, Report, Story};
use testkit::stack::{Docker, Driver, Stack, StackConfig, Summary, clean_engines, engines};
use tokio::task::{JoinError, JoinHandle};

use crate::logs::{self, Secrets};

/// Starts one.
pub async fn stack(name: &str, replicas: usize) -> Stack {
    stack_on(name, replicas, driver(), Vec::new()).await
}

/// Starts one on this driver, with further settings for every process.
pub async fn stack_on(name: &str, replicas: usize, driver: Driver, settings: Vec<(String, String)>) -> Stack {
    start(StackConfig { settings, ..config(name, replicas, driver) }).await
}

/// A setting for tests in which no call may be repeated. Where other tests keep the processors and the disk busy, a connection may
/// take longer than the usual five seconds, and the answer is a 503; they judge something else.
pub fn patience_with_postgres() -> (String, String) {
    ("BACKEND_POSTGRES_OPERATION_TIMEOUT".to_owned(), "20s".to_owned())
}

/// How a stack is set up here.
pub fn config(name: &str, replicas: usize, driver: Driver) -> StackConfig {
    StackConfig {
        dir: testkit::target_dir().join("e2e").join(name),
        replicas,
        driver,
        instance: format!("e2e-{name}"),
        usual_ports: false,
        durable: false,
        own_roles: false,
        behind_proxy: false,
        settings: Vec::new(),
    }
}

/// Starts it in an empty directory.
pub async fn start(config: StackConfig) -> Stack {
    let dir = config.dir.clone();
    // What a killed run of this test left behind.
    clean_engines(&config);
    if dir.exists() {
        testkit::remove_dir(&dir).unwrap();
    }
    std::fs::create_dir_all(&dir).unwrap();
    println!("logs: {}", dir.join("logs").display());
    let began = Instant::now();
    let stack = Stack::start(config, |step| println!("  {step}")).await.unwrap_or_else(|error| panic!("{error:#}"));
    println!("the stack is up after {:?}", began.elapsed());
    stack
}

/// Docker, unless `GALAXY_TEST_DRIVER=process` says otherwise: a missing daemon is a fault, not a reason to test less.
pub fn driver() -> Driver {
    match std::env::var("GALAXY_TEST_DRIVER").as_deref() {
        Ok("process") => Driver::Process,
        Ok("docker") | Err(_) => Driver::Docker(Docker::answering().expect(
            "no Docker daemon answers: start one (`sudo systemctl start docker`), name one in GALAXY_TEST_DOCKER_HOST, \
             run `cargo xtask test`, which starts its own, or set GALAXY_TEST_DRIVER=process",
        )),
        Ok(other) => panic!("GALAXY_TEST_DRIVER is docker or process, not {other}"),
    }
}

/// Plays the demo beside whatever the test does to the stack.
pub fn play(summary: &Summary, options: Options) -> JoinHandle<Report> {
    let summary = summary.clone();
    tokio::spawn(async move {
        let story = Story::new(|line| println!("{line}"));
        demo::play(&summary, &options, story).await.unwrap_or_else(|fault| panic!("the demo broke: {fault:#}"))
    })
}

/// The demo's report; the panic of its task goes on here.
pub fn report(outcome: Result<Report, JoinError>) -> Report {
    let report = outcome.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    println!("{report}");
    logs::remember(&report.secrets);
    report
}

/// For a demo in the middle of which things break.
pub fn disturbed() -> Options {
    Options { disturbed: true, patience: Duration::from_secs(120), ..Options::default() }
}

/// What decides what happens: another each time. It is printed, and `GALAXY_TEST_SEED` takes it.
pub fn seed() -> u64 {
    let given = std::env::var("GALAXY_TEST_SEED").ok().map(|seed| seed.parse().expect("GALAXY_TEST_SEED is a number"));
    let seed: u64 = given.unwrap_or_else(rand::random);
    println!("GALAXY_TEST_SEED={seed}");
    seed
}

/// Ends the stack in order: every process must end well, no engine stay, and the logs tell no secret.
pub async fn stop(mut stack: Stack) {
    assert_eq!(stack.fallen(), None);
    let left = engines(stack.config()).unwrap();
    assert!(left.is_empty(), "engines of finished games stay: {left:?}");
    let secrets = Secrets::of(&stack).await;
    let dir = stack.config().dir.join("logs");
    let files: Vec<PathBuf> =
        stack.members().iter().map(|member| dir.join(format!("{}.log", member.label()))).collect();
    stack.stop(|_| {}).await.unwrap_or_else(|error| panic!("{error:#}"));
    for file in files {
        logs::judge(&file, &secrets);
    }
}

/// The process ids of Postgres, its children included.
pub fn postgres_processes(stack: &mut Stack) -> Vec<u32> {
    let postmaster = stack.postgres().pid().unwrap();
    let mut pids = vec![postmaster];
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let stat = std::fs::read_to_string(PathBuf::from(format!("/proc/{pid}/stat"))).unwrap_or_default();
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<u32>().ok());
        if parent == Some(postmaster) {
            pids.push(pid);
        }
    }
    pids
}

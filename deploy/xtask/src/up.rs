//! `cargo xtask up`: everything on one machine, a game played on it, and then it stays up.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use testkit::stack::{Docker, Driver, Stack, StackConfig, instance_of};
use tokio::signal::unix::{SignalKind, signal};

use crate::{DriverChoice, build, front_ends, prerequisites};

/// What the command line says.
pub struct Options {
    /// Play the demo game.
    pub demo: bool,
    /// How many of each process.
    pub replicas: usize,
    /// What runs the engines.
    pub driver: DriverChoice,
    /// End after the game.
    pub once: bool,
}

/// Runs it.
///
/// # Errors
/// What failed, with the end of its log.
pub fn up(options: &Options) -> Result<()> {
    let local = crate::local();
    std::fs::create_dir_all(&local).context("make .local")?;
    let lock = std::fs::File::create(local.join("up.lock"))?;
    if lock.try_lock().is_err() {
        bail!("a stack of this checkout is up already; `cargo xtask down` ends it");
    }
    prerequisites::stack()?;
    let driver = driver(options.driver, &local)?;
    front_ends::console()?;
    build::binaries()?;
    if matches!(driver, Driver::Docker(_)) {
        build::static_engine()?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(stay_up(options, &local, driver));
    let _ = std::fs::remove_file(local.join("up.pid"));
    drop(lock);
    result
}

async fn stay_up(options: &Options, local: &Path, driver: Driver) -> Result<()> {
    // Before anything is started, so that Ctrl-C at any moment ends it in order.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    std::fs::write(local.join("up.pid"), std::process::id().to_string())?;
    let started = Instant::now();
    let config = StackConfig {
        dir: local.to_path_buf(),
        replicas: options.replicas,
        driver,
        instance: instance_of(local),
        usual_ports: true,
        durable: true,
        own_roles: false,
        behind_proxy: false,
        settings: Vec::new(),
    };
    testkit::stack::clean_engines(&config);
    println!("\n── Start the stack");
    let say = |line: &str| println!("   [{:5.1} s] {line}", started.elapsed().as_secs_f64());
    let mut stack = tokio::select! {
        stack = Stack::start(config.clone(), say) => match stack {
            Ok(stack) => stack,
            Err(error) => {
                testkit::stack::clean_engines(&config);
                return Err(error);
            }
        },
        _ = interrupt.recv() => { testkit::stack::clean_engines(&config); bail!("interrupted") }
        _ = terminate.recv() => { testkit::stack::clean_engines(&config); bail!("terminated") }
    };
    let outcome = tokio::select! {
        outcome = live(options, local, &mut stack) => outcome,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    println!("\n── Stop");
    let stopped = tokio::select! {
        stopped = stack.stop(say) => stopped,
        _ = interrupt.recv() => { testkit::stack::clean_engines(&config); bail!("interrupted twice") }
    };
    outcome.and(stopped)
}

/// Plays, then watches the processes until somebody ends it.
async fn live(options: &Options, local: &Path, stack: &mut Stack) -> Result<()> {
    let file = local.join("stack.json");
    if options.demo {
        println!("\n── A game, played through the public API\n");
        let mut demo = tokio::process::Command::new(testkit::process::bin_path("galaxy-demo"))
            .arg("--stack")
            .arg(&file)
            .kill_on_drop(true)
            .spawn()
            .context("start galaxy-demo")?;
        let status = tokio::select! {
            status = demo.wait() => status?,
            fallen = watch(stack) => return Err(fallen),
        };
        if !status.success() {
            bail!("the demo game failed ({status}); the logs are in {}", local.join("logs").display());
        }
        if options.once {
            return Ok(());
        }
    }
    print_addresses(stack, &file);
    Err(watch(stack).await)
}

/// Starts again what ends by itself or is killed, until that is no help.
async fn watch(stack: &mut Stack) -> anyhow::Error {
    loop {
        match stack.restart_fallen() {
            Ok(fallen) => fallen.iter().for_each(|how| println!("\n── Started again: {how}\n")),
            Err(error) => return error,
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn print_addresses(stack: &Stack, file: &Path) {
    let s = stack.summary();
    println!("\n── The stack is up; Ctrl-C or `cargo xtask down` ends it\n");
    println!("   REST            {}   (Swagger UI at /docs)", s.rest.join(", "));
    println!("   Console         {}/console/", s.rest.first().map_or("", String::as_str));
    println!("   gRPC push hub   {}", s.grpc.join(", "));
    println!("   Mails           {}", s.mail_page);
    println!(
        "   Probes, metrics {}",
        s.ops.iter().map(|(name, url)| format!("{name} {url}")).collect::<Vec<_>>().join(", ")
    );
    println!("   Engines         {} driver", s.driver);
    println!("   Administrator   {} (password in stack.json)", s.admin_user);
    println!("   Everything      {}", file.display());
}

/// The driver that was asked for, or the best that this machine has.
fn driver(choice: DriverChoice, local: &Path) -> Result<Driver> {
    if choice == DriverChoice::Process {
        return Ok(Driver::Process);
    }
    match docker(local) {
        Ok(docker) => {
            println!("Containers run on {}", docker.host());
            Ok(Driver::Docker(docker))
        }
        Err(error) if choice == DriverChoice::Auto => {
            eprintln!(
                "\n!! No Docker: {error:#}\n!! Engines will run as plain child processes, without any isolation.\n"
            );
            Ok(Driver::Process)
        }
        Err(error) => Err(error),
    }
}

/// A daemon that answers, or one of our own.
///
/// # Errors
/// Why there is none.
pub fn docker(local: &Path) -> Result<Docker> {
    if let Some(docker) = Docker::answering() {
        return Ok(docker);
    }
    prerequisites::docker()?;
    // Installing the package starts the system's daemon where there is an init system.
    if let Some(docker) = Docker::answering() {
        return Ok(docker);
    }
    Docker::start_own(&local.join("docker"))
}

/// Ends a process and waits until it is gone.
///
/// # Errors
/// When it is still there after the deadline.
pub fn end(pid: i32, deadline: Duration) -> Result<()> {
    use nix::sys::signal::{Signal, kill};
    let pid = nix::unistd::Pid::from_raw(pid);
    kill(pid, Signal::SIGTERM)?;
    let end = Instant::now() + deadline;
    while kill(pid, None).is_ok() {
        if Instant::now() > end {
            bail!("process {pid} is still there after {deadline:?}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// The command line of a process, to tell ours from another that got its number.
pub fn command_line(pid: i32) -> String {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

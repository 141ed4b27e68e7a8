//! Real binaries of this workspace as children: watched, measured, killed.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::spawn;

/// How many lines of output are held in memory; the file has all.
const KEPT_LINES: usize = 20_000;

/// Which program to run, and how.
#[derive(Debug, Clone)]
pub struct ProcConfig {
    /// The program; see [`bin_path`].
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables set on top of (or instead of) the inherited ones.
    pub env: Vec<(String, String)>,
    /// Whether nothing else of our environment is inherited but `PATH` and `HOME`. `BACKEND_*` never is.
    pub clean_env: bool,
    /// Where stdout and stderr go, appended. `None`: memory alone.
    pub log: Option<PathBuf>,
    /// Whether the output goes to the log's file without passing through us: nothing of it can be waited for.
    pub straight: bool,
    /// Working directory.
    pub dir: Option<PathBuf>,
}

impl ProcConfig {
    /// A workspace binary by name, in a clean environment.
    ///
    /// # Panics
    /// When it is not built, with the command that builds it.
    pub fn bin(name: &str) -> ProcConfig {
        ProcConfig::new(bin_path(name))
    }

    /// Any program, in a clean environment.
    pub fn new(program: impl Into<PathBuf>) -> ProcConfig {
        let program = program.into();
        ProcConfig {
            program,
            args: Vec::new(),
            env: Vec::new(),
            clean_env: true,
            log: None,
            straight: false,
            dir: None,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.env.push((name.into(), value.to_string()));
        self
    }

    /// Sets several variables.
    #[must_use]
    pub fn envs<K: Into<String>, V: ToString>(mut self, vars: impl IntoIterator<Item = (K, V)>) -> Self {
        self.env.extend(vars.into_iter().map(|(name, value)| (name.into(), value.to_string())));
        self
    }

    /// Appends the output to a file.
    #[must_use]
    pub fn log(mut self, file: impl Into<PathBuf>) -> Self {
        self.log = Some(file.into());
        self
    }
}

impl ProcConfig {
    /// Appends the output to a file, and keeps nothing of it in memory: for programs that say more than it costs to read.
    #[must_use]
    pub fn straight_to(mut self, file: impl Into<PathBuf>) -> Self {
        self.straight = true;
        self.log(file)
    }
}

/// A child process. Killed when dropped, and by the kernel when we die.
///
/// stdout and stderr are read line by line into memory (the last 20 000 lines) and into a file when asked for.
#[derive(Debug)]
pub struct Proc {
    name: String,
    child: Child,
    status: Option<ExitStatus>,
    output: Arc<Output>,
    readers: Vec<std::thread::JoinHandle<()>>,
}

#[derive(Debug)]
struct Output {
    lines: Mutex<VecDeque<String>>,
    file: Mutex<Option<File>>,
    changes: watch::Sender<u64>,
}

impl Proc {
    /// Starts the program.
    ///
    /// # Errors
    /// When it cannot be started, or its log cannot be opened.
    pub fn start(config: ProcConfig) -> Result<Proc> {
        let name = config.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut command = spawn::dying_with_us(&config.program, "KILL");
        command.args(&config.args);
        for (variable, _) in std::env::vars_os() {
            let inherited = !config.clean_env || ["PATH", "HOME", "LLVM_PROFILE_FILE"].iter().any(|v| variable == *v);
            if !inherited || variable.to_string_lossy().starts_with("BACKEND_") {
                command.env_remove(variable);
            }
        }
        command.envs(config.env);
        if let Some(dir) = config.dir {
            command.current_dir(dir);
        }
        let file = match &config.log {
            Some(path) => Some(
                File::options()
                    .create(true)
                    .append(true)
                    .open(path)
                    .with_context(|| format!("open {}", path.display()))?,
            ),
            None => None,
        };
        // A group of its own: Ctrl-C in a terminal is for us, and we end our children in order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.stdin(Stdio::null());
        match &file {
            Some(file) if config.straight => command.stdout(file.try_clone()?).stderr(file.try_clone()?),
            _ => command.stdout(Stdio::piped()).stderr(Stdio::piped()),
        };
        let mut child = spawn::spawn(command).with_context(|| format!("start {}", config.program.display()))?;
        let output =
            Arc::new(Output { lines: Mutex::default(), file: Mutex::new(file), changes: watch::Sender::new(0) });
        let mut readers = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            readers.push(read_lines(stdout, output.clone())?);
        }
        if let Some(stderr) = child.stderr.take() {
            readers.push(read_lines(stderr, output.clone())?);
        }
        Ok(Proc { name, child, status: None, output, readers })
    }

    /// The program's file name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The lines that it has written so far, stdout and stderr as they came.
    pub fn lines(&self) -> Vec<String> {
        self.output.lines.lock().iter().cloned().collect()
    }

    /// The last `n` lines, joined: for the message of a failure.
    pub fn tail(&self, n: usize) -> String {
        let lines = self.output.lines.lock();
        lines.iter().skip(lines.len().saturating_sub(n)).cloned().collect::<Vec<_>>().join("\n")
    }

    /// The first line for which `wanted` holds, as soon as it is there.
    ///
    /// # Panics
    /// When `deadline` passes first, or the process ends without it; the message has the end of its output.
    pub async fn wait_for_line(&mut self, wanted: impl Fn(&str) -> bool, deadline: Duration) -> String {
        let mut changes = self.output.changes.subscribe();
        let end = Instant::now() + deadline;
        loop {
            changes.mark_unchanged();
            let ended = self.try_exit();
            if let Some(line) = self.output.lines.lock().iter().find(|line| wanted(line)) {
                return line.clone();
            }
            // Its last lines may still be on their way to us.
            if let Some(status) = ended
                && self.readers.iter().all(std::thread::JoinHandle::is_finished)
            {
                panic!("{} ended ({status}) without that line:\n{}", self.name, self.tail(40));
            }
            if Instant::now() >= end {
                panic!("{}: no such line within {deadline:?}:\n{}", self.name, self.tail(40));
            }
            let _ = tokio::time::timeout(Duration::from_millis(100), changes.changed()).await;
        }
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.try_exit().is_none()
    }

    /// Its exit status, when it has ended.
    pub fn try_exit(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// Sends SIGKILL and waits until it is gone: no destructor, no flush, as a crash.
    pub fn kill9(&mut self) {
        self.signal(Signal::SIGKILL);
        if self.status.is_none() {
            self.status = self.child.wait().ok();
        }
    }

    /// Sends SIGTERM; [`wait_exit`](Self::wait_exit) waits for the end.
    pub fn terminate(&mut self) {
        self.signal(Signal::SIGTERM);
    }

    /// Sends SIGINT, as Ctrl-C in a terminal does.
    pub fn interrupt(&mut self) {
        self.signal(Signal::SIGINT);
    }

    /// SIGSTOP: it is there, keeps its connections open, and does nothing until [`thaw`](Self::thaw).
    pub fn freeze(&mut self) {
        self.signal(Signal::SIGSTOP);
    }

    /// SIGCONT: it goes on where it stood, and knows nothing of the time between.
    pub fn thaw(&mut self) {
        self.signal(Signal::SIGCONT);
    }

    /// Sends any signal, unless it has ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.try_exit().is_none() {
            let _ = kill(pid(&self.child), signal);
        }
    }

    /// Its exit status, as soon as it has ended by itself and all that it wrote has been read. Where a child of its own holds its
    /// output open, what was read within `deadline`.
    ///
    /// # Errors
    /// When `deadline` passes first; the message has the end of its output. It goes on running.
    pub async fn wait_exit(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let end = Instant::now() + deadline;
        loop {
            if let Some(status) = self.try_exit()
                && (self.readers.iter().all(std::thread::JoinHandle::is_finished) || Instant::now() >= end)
            {
                return Ok(status);
            }
            if Instant::now() >= end {
                bail!("{} did not end within {deadline:?}:\n{}", self.name, self.tail(40));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Its resident memory in bytes (`VmRSS`), 0 when it has ended.
    pub fn rss_bytes(&self) -> u64 {
        rss_bytes(self.pid())
    }

    /// The most resident memory that it has had so far in bytes (`VmHWM`), 0 when it has ended.
    pub fn peak_memory(&self) -> u64 {
        peak_memory(self.pid())
    }

    /// Its memory without pages of files in bytes (`RssAnon`), 0 when it has ended.
    pub fn anonymous_bytes(&self) -> u64 {
        memory(self.pid(), "RssAnon:")
    }

    /// How often it was woken, 0 when it has ended ([`wakeups`]).
    pub fn wakeups(&self) -> u64 {
        wakeups(self.pid())
    }

    /// The processor time that it has used, user and system, in seconds; 0 when it has ended.
    pub fn cpu_seconds(&self) -> f64 {
        cpu_seconds(self.pid())
    }
}

impl Drop for Proc {
    fn drop(&mut self) {
        self.kill9();
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a process id fits"))
}

fn read_lines(
    from: impl std::io::Read + Send + 'static,
    output: Arc<Output>,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name("testkit-output".to_owned()).spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
            if let Some(file) = output.file.lock().as_mut() {
                let _ = file.write_all(&line);
            }
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            {
                let mut lines = output.lines.lock();
                if lines.len() == KEPT_LINES {
                    lines.pop_front();
                }
                lines.push_back(text);
            }
            output.changes.send_modify(|n| *n += 1);
            line.clear();
        }
        output.changes.send_modify(|n| *n += 1);
    })
}

/// The resident memory of any process in bytes, 0 when it is not there.
pub fn rss_bytes(pid: u32) -> u64 {
    memory(pid, "VmRSS:")
}

/// The most resident memory that any process has had since it was started, in bytes, 0 when it is not there: what it gave back
/// before somebody looked is in it.
pub fn peak_memory(pid: u32) -> u64 {
    memory(pid, "VmHWM:")
}

/// A line of `/proc/<pid>/status` that counts memory, in bytes; 0 when the process is not there.
fn memory(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib: u64 = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap_or(0);
    kib * 1024
}

/// The processor time of any process, user and system, in seconds; 0 when it is not there.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks: u64 = after_name.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    // USER_HZ, which /proc counts in, is 100 on every architecture that Linux has.
    #[expect(clippy::cast_precision_loss, reason = "centuries fit")]
    let ticks = ticks as f64;
    ticks / 100.0
}

/// How often any process has gone to sleep and was woken, all its threads together (voluntary context switches): what it does
/// by itself, however busy the machine is.
pub fn wakeups(pid: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let switches = |thread: std::fs::DirEntry| -> Option<u64> {
        let status = std::fs::read_to_string(thread.path().join("status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse().ok()
    };
    threads.filter_map(switches).sum()
}

/// A TCP port of 127.0.0.1 that nobody used a moment ago. Somebody may take it before you do: where the program can
/// listen on port 0 and say where, prefer that.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// [`free_port`] as an address.
pub fn free_addr() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

/// The path of a workspace binary, next to the test that asks (`target/debug`, or the profile in use).
/// `GALAXY_BIN_DIR` names another directory.
///
/// # Panics
/// When it is not there, with the command that builds it.
pub fn bin_path(name: &str) -> PathBuf {
    let dir = std::env::var_os("GALAXY_BIN_DIR").map_or_else(profile_dir, PathBuf::from);
    let path = dir.join(name);
    if !path.is_file() {
        panic!("{} is not built: run `cargo build --workspace --bins`", path.display());
    }
    path
}

/// The profile's directory that the running program stands in: tests stand in its `deps`.
fn profile_dir() -> PathBuf {
    let exe = std::env::current_exe().unwrap_or_default();
    match exe.parent() {
        Some(dir) if dir.ends_with("deps") => dir.parent().unwrap_or(dir).to_path_buf(),
        Some(dir) => dir.to_path_buf(),
        None => crate::target_dir().join("debug"),
    }
}

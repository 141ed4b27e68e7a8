//! One process of the stack: launched, watched, killed, launched again with the same settings.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use super::environment::Environment;
use super::ports::Ports;
use super::{StackConfig, Summary, wait_for_http};
use crate::process::{Proc, ProcConfig};

/// How often a process is started again in this time, before that is no help any more.
const RESTARTS: usize = 5;
const RESTARTS_WITHIN: Duration = Duration::from_secs(60);

/// One of the four processes.
pub struct Member {
    name: &'static str,
    replica: usize,
    config: ProcConfig,
    addresses: String,
    ops: String,
    /// Left on purpose: a process that is not there then has not fallen.
    expected_down: bool,
    /// When it was started again after it had fallen.
    restarts: Vec<Instant>,
    process: Option<Proc>,
}

impl Member {
    pub(crate) fn new(
        config: &StackConfig,
        environment: &Environment,
        name: &'static str,
        replica: usize,
        ports: &Ports,
        summary: &mut Summary,
    ) -> Result<Member> {
        let ops_port = ports.take(9100 + u16::try_from(summary.ops.len()).context("too many processes")?)?;
        let ops = format!("http://127.0.0.1:{ops_port}");
        // Workers are spread over the hubs.
        let hub = summary.grpc.get(replica % summary.grpc.len().max(1)).cloned().unwrap_or_default();
        let mut proc = ProcConfig::bin(name)
            .envs(environment.of(config, name, &hub))
            .env("BACKEND_OPS_LISTEN_ADDR", format!("127.0.0.1:{ops_port}"))
            .log(config.dir.join(format!("logs/{name}-{replica}.log")));
        let mut addresses = ops.clone();
        if name == "api-server" {
            let (rest, grpc) =
                (ports.take(8080 + 10 * u16::try_from(replica)?)?, ports.take(8081 + 10 * u16::try_from(replica)?)?);
            proc = proc.env("BACKEND_HTTP_LISTEN_ADDR", format!("127.0.0.1:{rest}"));
            proc = proc.env("BACKEND_GRPC_PUSH_LISTEN_ADDR", format!("127.0.0.1:{grpc}"));
            summary.rest.push(format!("http://127.0.0.1:{rest}"));
            summary.grpc.push(format!("http://127.0.0.1:{grpc}"));
            addresses = format!("REST http://127.0.0.1:{rest}, gRPC 127.0.0.1:{grpc}, probes {ops}");
        }
        summary.ops.push((format!("{name}-{replica}"), ops.clone()));
        Ok(Member {
            name,
            replica,
            config: proc,
            addresses,
            ops,
            expected_down: true,
            restarts: Vec::new(),
            process: None,
        })
    }

    /// The binary's name.
    pub fn name(&self) -> &str {
        self.name
    }

    /// Which of its replicas.
    pub fn replica(&self) -> usize {
        self.replica
    }

    /// Name and replica.
    pub fn label(&self) -> String {
        format!("{}-{}", self.name, self.replica)
    }

    /// Where it listens, for people.
    pub fn addresses(&self) -> &str {
        &self.addresses
    }

    /// From its next launch on it is the binary in this directory: one of another release, with the same settings.
    pub fn take_from(&mut self, binaries: &Path) {
        self.config.program = binaries.join(self.name);
    }

    /// Starts it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn launch(&mut self) -> Result<()> {
        self.process = Some(Proc::start(self.config.clone())?);
        self.expected_down = false;
        Ok(())
    }

    /// Waits until it says that it is ready.
    ///
    /// # Errors
    /// When it ends or does not get ready, with the end of its log.
    pub async fn wait_ready(&mut self, deadline: Duration) -> Result<()> {
        let label = self.label();
        let process = self.process.as_mut().with_context(|| format!("{label} is not started"))?;
        wait_for_http(process, &format!("{}/readyz", self.ops), deadline).await
    }

    /// SIGKILL.
    pub fn kill9(&mut self) {
        self.expected_down = true;
        if let Some(mut process) = self.process.take() {
            process.kill9();
        }
    }

    /// SIGTERM; [`Member::wait_stopped`] waits.
    pub fn terminate(&mut self) {
        self.expected_down = true;
        if let Some(process) = &mut self.process {
            process.terminate();
        }
    }

    /// As [`Proc::freeze`].
    pub fn freeze(&mut self) {
        if let Some(process) = &mut self.process {
            process.freeze();
        }
    }

    /// As [`Proc::thaw`].
    pub fn thaw(&mut self) {
        if let Some(process) = &mut self.process {
            process.thaw();
        }
    }

    /// Waits until it has ended after SIGTERM.
    ///
    /// # Errors
    /// When it takes longer, or does not end with success.
    pub async fn wait_stopped(&mut self, deadline: Duration) -> Result<()> {
        let label = self.label();
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let started = Instant::now();
        let status = process.wait_exit(deadline).await?;
        if !status.success() {
            bail!("{label} ended badly ({status}) after {:?}:\n{}", started.elapsed(), process.tail(30));
        }
        Ok(())
    }

    /// How it fell, if it did.
    pub(crate) fn fallen(&mut self) -> Option<String> {
        let label = self.label();
        if self.expected_down {
            return None;
        }
        let process = self.process.as_mut()?;
        let status = process.try_exit()?;
        Some(format!("{label} ended by itself ({status}):\n{}", process.tail(30)))
    }

    /// Starts it again if it fell, and tells how it did.
    ///
    /// # Errors
    /// When it falls again and again, with the end of its log.
    pub(crate) fn restart_fallen(&mut self) -> Result<Option<String>> {
        let Some(fallen) = self.fallen() else { return Ok(None) };
        self.restarts.retain(|at| at.elapsed() < RESTARTS_WITHIN);
        if self.restarts.len() >= RESTARTS {
            bail!("{fallen}");
        }
        self.restarts.push(Instant::now());
        self.launch()?;
        Ok(Some(fallen))
    }

    /// Its process, while it runs.
    pub fn process(&mut self) -> Option<&mut Proc> {
        self.process.as_mut()
    }

    /// Base URL of its probes and metrics.
    pub fn ops(&self) -> &str {
        &self.ops
    }
}

/// The engines that the process driver started below this directory and that still live.
pub(crate) fn engine_processes(games: &Path) -> Vec<i32> {
    let wanted = format!("GALAXY_STATE_DIR={}", games.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment.split(|b| *b == 0).any(|var| var.starts_with(wanted.as_bytes())) {
            found.push(pid);
        }
    }
    found
}

/// Ends the engines that the process driver started below this directory. The driver leaves them running on purpose, so that a
/// controller can come back to them.
pub fn end_engine_processes(games: &Path) {
    for pid in engine_processes(games) {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL);
    }
}

//! An engine as a container in the hardened profile (SPEC §8), by the `docker` command: the platform's own driver belongs to the
//! runtime-controller, and whoever tests an image has the command anyway. What the driver asks of the daemon is said here in its
//! words; `docs/engine-contract.md` has the same limits in a table.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::{STEP, empty_dir, tail};

/// The user that every engine runs as.
const UID: u32 = 10_001;
/// Where the state directory is mounted.
pub(crate) const STATE_MOUNT: &str = "/var/lib/galaxy-game";
/// The port that an image listens on.
const PORT: u16 = 8080;
/// The address of a container that has none: nobody can answer there.
const NOWHERE: &str = "http://127.0.0.1:0";
/// How long a container may take to have its address.
const ADDRESS: Duration = Duration::from_secs(30);

/// The profile: what an image may use, and may not. Each as `docker run` takes it.
pub(crate) const PROFILE: [&str; 25] = [
    "--user=10001:10001",
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges:true",
    "--init",
    "--pids-limit=256",
    "--memory=512m",
    "--memory-swap=512m",
    // Not `--cpus`: of that Docker refuses more than the machine has.
    "--cpu-period=100000",
    "--cpu-quota=200000",
    "--oom-score-adj=500",
    "--ipc=private",
    "--shm-size=1m",
    "--ulimit=nofile=4096:4096",
    "--ulimit=core=0:0",
    "--ulimit=fsize=1073741824:1073741824",
    "--tmpfs=/tmp:rw,noexec,nosuid,nodev,size=64m,nr_inodes=16k,mode=1777,uid=10001,gid=10001",
    "--dns=127.0.0.1",
    "--dns-search=.",
    "--no-healthcheck",
    "--stop-signal=SIGTERM",
    "--stop-timeout=10",
    "--log-driver=json-file",
    "--log-opt=max-size=10m",
    "--label=galaxy.engine-check=1",
];

#[derive(Debug)]
pub(super) struct Container {
    image: String,
    /// Of this test: its containers and its network.
    name: String,
    dir: tempfile::TempDir,
}

impl Container {
    pub(super) fn new(image: &str) -> Result<Self> {
        docker(&["image", "inspect", "--format", "{{.Id}}", image])
            .with_context(|| format!("the image {image} is not here: docker pull {image}"))?;
        let dir = empty_dir(None)?;
        prepare(dir.path())?;
        let suffix = dir.path().file_name().map(|name| name.to_string_lossy().into_owned());
        let name = suffix.context("the state directory has no name")?;
        let container = Self { image: image.to_owned(), name, dir };
        docker(&["network", "create", "--internal", "--label=galaxy.engine-check=1", &container.name])?;
        Ok(container)
    }

    pub(super) fn image(&self) -> &str {
        &self.image
    }

    pub(super) fn state_dir(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn volumes(&self) -> Result<Vec<String>> {
        let format = "{{range $path, $_ := .Config.Volumes}}{{println $path}}{{end}}";
        let volumes = docker(&["image", "inspect", "--format", format, &self.image])?;
        Ok(volumes.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }

    pub(super) async fn start(&mut self, game_id: &str, token: &str) -> Result<String> {
        self.remove();
        let mount = format!("--mount=type=bind,source={},target={STATE_MOUNT}", self.dir.path().display());
        let (name, network) = (format!("--name={}", self.name), format!("--network={}", self.name));
        let mut arguments = vec!["run", "--detach", "--pull=never", &name, &network, &mount];
        arguments.extend(PROFILE);
        let env = [
            format!("--env=GALAXY_GAME_ID={game_id}"),
            format!("--env=GALAXY_STATE_DIR={STATE_MOUNT}"),
            format!("--env=GALAXY_ENGINE_TOKEN={token}"),
        ];
        arguments.extend(env.iter().map(String::as_str));
        arguments.push(&self.image);
        docker(&arguments)?;
        let started = Instant::now();
        loop {
            let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
            let address = docker(&["inspect", "--format", format, &self.name])?;
            if !address.trim().is_empty() {
                return Ok(format!("http://{}:{PORT}", address.trim()));
            }
            if self.ended().is_some() {
                // It had an address for a moment. Whoever asks for an answer there says how it ended, and its last words.
                return Ok(NOWHERE.to_owned());
            }
            if started.elapsed() > ADDRESS {
                bail!("the container gets no address in its network");
            }
            tokio::time::sleep(STEP).await;
        }
    }

    pub(super) fn ended(&self) -> Option<String> {
        let state =
            docker(&["inspect", "--format", "{{.State.Running}} {{.State.ExitCode}} {{.State.OOMKilled}}", &self.name]);
        let state = state.ok()?;
        let mut words = state.split_whitespace();
        let (running, code, oom) = (words.next()?, words.next()?, words.next()?);
        let oom = if oom == "true" { ", out of memory" } else { "" };
        (running == "false").then(|| format!("exit code {code}{oom}"))
    }

    pub(super) fn kill(&self) -> Result<()> {
        if self.ended().is_none() {
            docker(&["kill", "--signal=KILL", &self.name])?;
        }
        Ok(())
    }

    /// SIGTERM, as the platform sends it whatever the image wants.
    pub(super) fn terminate(&self) -> Result<()> {
        docker(&["kill", "--signal=TERM", &self.name]).map(drop)
    }

    pub(super) fn last_words(&self) -> String {
        let log = Command::new("docker").args(["logs", "--tail=5", &self.name]).stdin(Stdio::null()).output();
        log.map(|log| {
            let words = [log.stdout, log.stderr].concat();
            tail(&String::from_utf8_lossy(&words))
        })
        .unwrap_or_default()
    }

    fn remove(&self) {
        let _ = docker(&["rm", "--force", "--volumes", &self.name]);
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.remove();
        let _ = docker(&["network", "rm", &self.name]);
    }
}

/// The state directory belongs to the engine's user, as on the platform; who may not give it away lets everybody write.
fn prepare(dir: &Path) -> Result<()> {
    match std::os::unix::fs::chown(dir, Some(UID), Some(UID)) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o777)).context("open the state directory")
        }
        Err(error) => Err(error).context("give the state directory to the engine's user"),
    }
}

fn docker(arguments: &[&str]) -> Result<String> {
    let output = Command::new("docker").args(arguments).stdin(Stdio::null()).output().context("run docker")?;
    if !output.status.success() {
        bail!("docker {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

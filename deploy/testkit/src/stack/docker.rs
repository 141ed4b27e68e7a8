//! The Docker daemon that engines run on: one that answers, or one of our own. Nothing is touched that we did not make.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parking_lot::Mutex;

use crate::spawn;

const START_LIMIT: Duration = Duration::from_secs(45);

/// The image of the reference engine, as it is built on this machine and registered under its version.
pub const ENGINE_IMAGE: &str = "galaxy-engine:1.0.0";

/// A daemon that answers.
#[derive(Debug, Clone)]
pub struct Docker {
    host: String,
    /// Ours is stopped with the last clone; a daemon that we found is left alone.
    _own: Option<Arc<OwnDaemon>>,
}

#[derive(Debug)]
struct OwnDaemon {
    child: Mutex<Child>,
}

impl Drop for OwnDaemon {
    fn drop(&mut self) {
        let mut child = self.child.lock();
        // Through sudo this ends it, and a signal does not reach it; else it is the other way round.
        drop(child.stdin.take());
        let _ = kill(Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX)), Signal::SIGTERM);
        let end = Instant::now() + Duration::from_secs(15);
        while matches!(child.try_wait(), Ok(None)) {
            if Instant::now() > end {
                let _ = child.kill();
                let _ = child.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A command whose arguments are dockerd's, that runs it as root until our end of its standard input is closed: by us, or by
/// our death. We may not signal what is root's, and a signal at our death would not outlast the change of user.
fn through_sudo(dockerd: &Path, run: &Path) -> Command {
    // A job in the background has no standard input of its own: kept under another number.
    const SCRIPT: &str = r#"exec 3<&0; run=$1; shift; mkdir -p "$run"
        "$@" </dev/null 3<&- & pid=$!
        (cat <&3 >/dev/null; kill "$pid" 2>/dev/null) & wait "$pid""#;
    let mut command = Command::new("sudo");
    command.args(["--non-interactive", "sh", "-c", SCRIPT, "dockerd"]);
    command.arg(run).arg(dockerd);
    command
}

impl Docker {
    /// A daemon that already answers: `GALAXY_TEST_DOCKER_HOST`, `DOCKER_HOST`, or the system's socket.
    pub fn answering() -> Option<Docker> {
        let candidates = [
            std::env::var("GALAXY_TEST_DOCKER_HOST").ok(),
            std::env::var("DOCKER_HOST").ok(),
            Some("unix:///var/run/docker.sock".into()),
        ];
        candidates.into_iter().flatten().find(|host| answers(host)).map(|host| Docker { host, _own: None })
    }

    /// Starts a daemon of our own with its data below `dir`, on a socket of its own. Needs root and `dockerd`.
    ///
    /// # Errors
    /// Why it did not start, with the end of its log.
    pub fn start_own(dir: &Path) -> Result<Docker> {
        let program = spawn::find_in_path("dockerd")
            .context("dockerd is not installed: `apt-get install -y docker.io iptables`")?;
        let instance = super::instance_of(dir);
        let run = PathBuf::from(format!("/run/{instance}"));
        let socket = run.join("docker.sock");
        let host = format!("unix://{}", socket.display());
        let log = dir.join("dockerd.log");
        std::fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
        let output = std::fs::File::create(&log)?;
        let (mut command, data) = if nix::unistd::Uid::effective().is_root() {
            std::fs::create_dir_all(&run).with_context(|| format!("make {}", run.display()))?;
            (spawn::dying_with_us(&program, "TERM"), dir.join("data"))
        } else if crate::sudo() {
            // What it keeps is root's: not below a directory that its owner expects to be able to remove.
            (through_sudo(&program, &run), PathBuf::from(format!("/var/lib/galaxy-{instance}")))
        } else {
            bail!(
                "no Docker daemon answers to this user, and starting one needs root or password-less sudo: start the system's \
                 (`sudo systemctl start docker`) and join its group (`sudo usermod -aG docker $USER`, then log in anew)"
            );
        };
        command
            .arg("--data-root")
            .arg(data)
            .arg("--exec-root")
            .arg(run.join("exec"))
            .arg("--pidfile")
            .arg(run.join("docker.pid"))
            .arg("--host")
            .arg(&host)
            // Engines get networks of their own; the default bridge, which leads out, is not made at all.
            .arg("--bridge")
            .arg("none")
            // The socket is for whoever starts it.
            .arg("--group")
            .arg(nix::unistd::Gid::effective().to_string())
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = spawn::spawn(command).context("start dockerd")?;
        let own = Arc::new(OwnDaemon { child: Mutex::new(child) });
        let end = Instant::now() + START_LIMIT;
        while !answers(&host) {
            let ended = own.child.lock().try_wait()?;
            if ended.is_some() || Instant::now() > end {
                let text = std::fs::read_to_string(&log).unwrap_or_default();
                let tail: Vec<&str> = text.lines().rev().take(8).collect();
                bail!(
                    "dockerd does not come up here; the end of {}:\n{}",
                    log.display(),
                    tail.into_iter().rev().collect::<Vec<_>>().join("\n")
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Docker { host, _own: Some(own) })
    }

    /// Its address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The name of the internal network of an instance.
    pub fn network(&self, instance: &str) -> String {
        format!("galaxy-{instance}")
    }

    /// Builds the engine's image and makes the network; answers the image reference.
    ///
    /// # Errors
    /// What docker says.
    pub fn prepare(&self, instance: &str) -> Result<String> {
        let root = crate::workspace_root();
        let binary = static_engine_binary()?;
        let context = binary.parent().context("the engine's directory")?;
        // The daemon's own builder: an image from scratch with one file needs no BuildKit, which would be another install.
        self.run(
            Command::new("docker")
                .env("DOCKER_BUILDKIT", "0")
                .args(["build", "--quiet", "--tag", ENGINE_IMAGE, "--file"])
                .arg(root.join("deploy/engine/Dockerfile"))
                .arg(context),
        )?;
        let network = self.network(instance);
        if self.run(Command::new("docker").args(["network", "inspect", &network])).is_err() {
            self.run(Command::new("docker").args([
                "network",
                "create",
                "--internal",
                "--label",
                &format!("galaxy.instance={instance}"),
                &network,
            ]))?;
        }
        Ok(ENGINE_IMAGE.to_owned())
    }

    /// Removes the containers and the network of an instance.
    pub fn clean(&self, instance: &str) {
        let filter = format!("label=galaxy.instance={instance}");
        if let Ok(ids) = self.run(Command::new("docker").args(["ps", "--all", "--quiet", "--filter", &filter])) {
            for id in ids.split_whitespace() {
                let _ = self.run(Command::new("docker").args(["rm", "--force", "--volumes", id]));
            }
        }
        let _ = self.run(Command::new("docker").args(["network", "rm", &self.network(instance)]));
    }

    /// The names of the containers of an instance, stopped ones included.
    ///
    /// # Errors
    /// What docker says.
    pub fn containers(&self, instance: &str) -> Result<Vec<String>> {
        let filter = format!("label=galaxy.instance={instance}");
        let names =
            self.run(Command::new("docker").args(["ps", "--all", "--format", "{{.Names}}", "--filter", &filter]))?;
        Ok(names.split_whitespace().map(str::to_owned).collect())
    }

    fn run(&self, command: &mut Command) -> Result<String> {
        let output = command.env("DOCKER_HOST", &self.host).stdin(Stdio::null()).output().context("run docker")?;
        if !output.status.success() {
            bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn answers(host: &str) -> bool {
    Command::new("docker")
        .env("DOCKER_HOST", host)
        .args(["version", "--format", "{{.Server.Version}}"])
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success() && !output.stdout.trim_ascii().is_empty())
}

/// The engine for the process driver: the ordinary build.
///
/// # Errors
/// When it is not built.
pub fn engine_binary() -> Result<PathBuf> {
    let path = crate::process::bin_path("galaxy-engine");
    std::path::absolute(&path).context("the engine's path")
}

/// The engine for images: statically linked, so that an empty root holds all it needs. `GALAXY_ENGINE_STATIC` names another one.
fn static_engine_binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("GALAXY_ENGINE_STATIC") {
        return Ok(path.into());
    }
    static_binary("galaxy-engine")
}

/// The target that static binaries are built for. There is no musl here; glibc links statically, and still resolves names where the root
/// is empty.
pub fn static_target() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// The directory that they are built in: one of its own, as other flags would make cargo build the whole workspace again at every
/// change between the two.
pub fn static_dir() -> PathBuf {
    crate::target_dir().join("static")
}

/// A program of this workspace that is statically linked, for an image with nothing else in it.
///
/// # Errors
/// When it is not built.
pub fn static_binary(name: &str) -> Result<PathBuf> {
    let path = static_dir().join(static_target()).join("debug").join(name);
    if !path.is_file() {
        bail!("{} is not built: `cargo xtask engine`", path.display());
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::ENGINE_IMAGE;

    /// A shell script and a Dockerfile name it too, where nothing of ours is there to be asked.
    #[test]
    fn the_engine_s_image_has_one_name() {
        let (prepare, recipe) =
            (include_str!("../../../compose/prepare.sh"), include_str!("../../../engine/Dockerfile"));
        assert!(prepare.contains(&format!("\\\"engine_image\\\": \\\"{ENGINE_IMAGE}\\\"")), "prepare.sh");
        assert!(recipe.contains(&format!("-t {ENGINE_IMAGE} ")), "deploy/engine/Dockerfile");
    }
}

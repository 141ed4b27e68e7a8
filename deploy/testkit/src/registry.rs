//! A registry of images on loopback: Debian's `docker-registry` over a directory, with a login where one is wanted. A daemon takes
//! plain HTTP from 127.0.0.0/8.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::process::{Proc, ProcConfig, free_port};
use crate::spawn::find_in_path;

/// Who may pull and push where a login is wanted.
pub const USER: &str = "ann";
/// Their password.
pub const PASSWORD: &str = "registry-password";
/// The same as `htpasswd -B` writes it.
const HTPASSWD: &str = "ann:$2y$05$abcdefghijklmnopqrstuux7DVfxfgfXTmp/9Tsk6HzX2QQGjxePG\n";

/// A registry that runs until it is dropped.
#[derive(Debug)]
pub struct Registry {
    addr: SocketAddr,
    process: Proc,
}

impl Registry {
    /// Starts one over `dir`, which is made, and waits until it answers.
    ///
    /// # Errors
    /// When it is not installed or does not come up.
    pub async fn start(dir: &Path, login: bool) -> Result<Registry> {
        let program = find_in_path("docker-registry").context(
            "docker-registry is not installed: `apt-get install -y --no-install-recommends docker-registry`",
        )?;
        let addr = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let config = write_config(dir, addr, login)?;
        let mut process =
            Proc::start(ProcConfig::new(program).arg("serve").arg(&config).log(dir.join("registry.log")))?;
        let url = format!("http://{addr}/v2/");
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        let end = Instant::now() + Duration::from_secs(60);
        while client.get(&url).send().await.is_err() {
            if process.try_exit().is_some() || Instant::now() > end {
                bail!("docker-registry does not come up:\n{}", process.tail(20));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Registry { addr, process })
    }

    /// Where it listens: the registry's name in a reference.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.process.kill9();
    }
}

fn write_config(dir: &Path, addr: SocketAddr, login: bool) -> Result<PathBuf> {
    std::fs::create_dir_all(dir)?;
    let (config, passwords) = (dir.join("registry.yml"), dir.join("htpasswd"));
    let mut text = format!(
        "version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {addr}\n",
        dir.join("images").display()
    );
    if login {
        std::fs::write(&passwords, HTPASSWD)?;
        text += &format!("auth:\n  htpasswd:\n    realm: galaxy\n    path: {}\n", passwords.display());
    }
    std::fs::write(&config, text)?;
    Ok(config)
}

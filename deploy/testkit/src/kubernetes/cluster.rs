//! A cluster, through kubectl.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

/// A one-node cluster on this machine, whose kubeconfig is `run/kc` in its directory.
#[derive(Debug, Clone)]
pub struct Cluster {
    kubeconfig: PathBuf,
    address: Ipv4Addr,
}

impl Cluster {
    /// The cluster in this directory.
    ///
    /// # Errors
    /// When there is none, or it does not answer.
    pub fn of(dir: &Path) -> Result<Cluster> {
        let kubeconfig = std::path::absolute(dir.join("run/kc"))?;
        if !kubeconfig.is_file() {
            bail!("{} is not there: is the cluster up?", kubeconfig.display());
        }
        let mut cluster = Cluster { kubeconfig, address: Ipv4Addr::LOCALHOST };
        let server =
            cluster.kubectl(&["config", "view", "--minify", "--output", "jsonpath={.clusters[0].cluster.server}"])?;
        let host = server.trim_start_matches("https://").split(':').next().unwrap_or_default();
        cluster.address = host.parse().with_context(|| format!("the address of {server}"))?;
        Ok(cluster)
    }

    /// Where pods reach this machine: where its API server listens.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The file by which kubectl, and whoever else, finds it.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// What kubectl answers.
    ///
    /// # Errors
    /// What it says.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.run(arguments, None)
    }

    /// Applies documents, all at once.
    ///
    /// # Errors
    /// What kubectl says.
    pub fn apply(&self, documents: &[Value]) -> Result<()> {
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": documents });
        self.run(&["apply", "--filename", "-"], Some(&list.to_string())).map(drop)
    }

    /// The name of its node.
    ///
    /// # Errors
    /// When kubectl fails, or there are several.
    pub fn node(&self) -> Result<String> {
        let names = self.kubectl(&["get", "nodes", "--output", "jsonpath={.items[*].metadata.name}"])?;
        match names.split_whitespace().collect::<Vec<_>>().as_slice() {
            [name] => Ok((*name).to_owned()),
            names => bail!("expected one node, got {names:?}"),
        }
    }

    fn run(&self, arguments: &[&str], input: Option<&str>) -> Result<String> {
        let mut child = Command::new("kubectl")
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("kubectl (Debian: kubernetes-client)")?;
        let mut stdin = child.stdin.take().context("a pipe to kubectl")?;
        stdin.write_all(input.unwrap_or_default().as_bytes())?;
        drop(stdin);
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("kubectl {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

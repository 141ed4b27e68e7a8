//! Debian's Prometheus over a real stack, `promtool`, and what the dashboards ask.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::process::{Proc, ProcConfig, free_addr};
use crate::spawn::find_in_path;

/// Where `cargo xtask tools` unpacks Debian's package: its daemon is not for every developer's machine.
pub fn unpacked() -> PathBuf {
    crate::workspace_root().join(".local/tools/prometheus")
}

/// `prometheus` or `promtool`: the machine's, or the unpacked one.
///
/// # Errors
/// When it is neither here nor there, with the command that brings it.
pub fn program(name: &str) -> Result<PathBuf> {
    let own = unpacked().join("usr/bin").join(name);
    let found = find_in_path(name).or_else(|| own.is_file().then_some(own));
    found.with_context(|| format!("`{name}` is missing: run `cargo xtask tools`"))
}

/// A rule, as Prometheus has read it.
#[derive(Debug, Clone, Deserialize)]
pub struct Rule {
    /// The alert's name, or the recorded series'.
    pub name: String,
    /// What it asks, as Prometheus writes it.
    pub query: String,
    /// `alerting` or `recording`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `ok`, `err`, or `unknown` before it was first asked.
    pub health: String,
    /// Why it could not be asked.
    #[serde(rename = "lastError", default)]
    pub last_error: String,
}

/// An alert whose condition holds.
#[derive(Debug, Clone, Deserialize)]
pub struct Alert {
    /// `alertname` among them.
    pub labels: BTreeMap<String, String>,
    /// `pending` or `firing`.
    pub state: String,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: Option<T>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Found {
    result: Value,
}

#[derive(Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Alerts {
    alerts: Vec<Alert>,
}

/// A Prometheus that runs until it is dropped.
#[derive(Debug)]
pub struct Prometheus {
    url: Url,
    client: Client,
    _process: Proc,
}

impl Prometheus {
    /// Starts one with this configuration, all that it writes below `dir`, which is made, and waits until it answers.
    ///
    /// # Errors
    /// When it is not installed or does not come up, with the end of its log.
    pub async fn start(dir: &Path, config: &str) -> Result<Prometheus> {
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        let file = dir.join("prometheus.yml");
        std::fs::write(&file, config).with_context(|| file.display().to_string())?;
        let addr = free_addr();
        let mut process = Proc::start(
            ProcConfig::new(program("prometheus")?)
                .arg(format!("--config.file={}", file.display()))
                .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
                .arg(format!("--web.listen-address={addr}"))
                .log(dir.join("prometheus.log")),
        )?;
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
        let url = Url::parse(&format!("http://{addr}/"))?;
        let ready = url.join("-/ready")?;
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = client.get(ready.clone()).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(Prometheus { url, client, _process: process });
            }
            if process.try_exit().is_some() || Instant::now() > end {
                bail!("prometheus does not come up:\n{}", process.tail(20));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The series that an expression finds now.
    ///
    /// # Errors
    /// Prometheus's own, and the connection's.
    pub async fn query(&self, expr: &str) -> Result<Vec<Value>> {
        let found: Found = self.get("api/v1/query", &[("query", expr)]).await?;
        // A scalar, or a string, is its own answer.
        Ok(match found.result {
            Value::Array(series) => series,
            other => vec![other],
        })
    }

    /// Every rule.
    ///
    /// # Errors
    /// As [`Prometheus::query`].
    pub async fn rules(&self) -> Result<Vec<Rule>> {
        let read: Groups = self.get("api/v1/rules", &[]).await?;
        Ok(read.groups.into_iter().flat_map(|group| group.rules).collect())
    }

    /// The alerts that fire now.
    ///
    /// # Errors
    /// As [`Prometheus::query`].
    pub async fn firing(&self) -> Result<Vec<Alert>> {
        let read: Alerts = self.get("api/v1/alerts", &[]).await?;
        Ok(read.alerts.into_iter().filter(|alert| alert.state == "firing").collect())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, parameters: &[(&str, &str)]) -> Result<T> {
        let url = self.url.join(path)?;
        let url = Url::parse_with_params(url.as_str(), parameters)?;
        let answer: Answer<T> = self.client.get(url).send().await?.json().await?;
        match (answer.data, answer.error) {
            (_, Some(error)) => bail!("{error}"),
            (Some(data), None) => Ok(data),
            (None, None) => bail!("{path} answers nothing"),
        }
    }
}

/// What a panel of a dashboard asks.
#[derive(Debug, Clone)]
pub struct Question {
    /// The dashboard's file, and the panel's title.
    pub place: String,
    /// The expression, as it stands there.
    pub expr: String,
}

/// Every question of every dashboard in `deploy/grafana/dashboards`.
///
/// # Errors
/// When a file is no dashboard.
pub fn questions() -> Result<Vec<Question>> {
    let dir = crate::workspace_root().join("deploy/grafana/dashboards");
    let mut asked = Vec::new();
    for entry in std::fs::read_dir(&dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let board: Value = serde_json::from_str(&std::fs::read_to_string(&path)?).with_context(|| name.clone())?;
        for panel in board["panels"].as_array().with_context(|| format!("{name} has no panels"))? {
            let title = panel["title"].as_str().unwrap_or_default();
            for target in panel["targets"].as_array().into_iter().flatten() {
                let expr = target["expr"].as_str().with_context(|| format!("{name}: {title} asks nothing"))?;
                asked.push(Question { place: format!("{name}: {title}"), expr: expr.to_owned() });
            }
        }
    }
    Ok(asked)
}

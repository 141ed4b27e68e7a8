//! Engines in Docker containers, through bollard.

mod address;
mod auth;
mod body;
mod error;
mod gone;
mod image;
mod listing;
mod pulls;
mod state_dir;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{ContainerInspectResponse, ImageInspect};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder, StopContainerOptionsBuilder,
};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use shared::config::DriverKind;
use shared::db::runtime::PinnedImage;
use shared::ids::GameId;
use tokio::sync::OnceCell;

use self::body::Shape;
use self::error::{is_status, other};
use self::pulls::Pulls;
use super::log::Tail;
use super::{
    Copies, Driver, DriverError, EngineSpec, LABEL_BACKEND, LABEL_FINGERPRINT, LABEL_GAME, LABEL_INSTANCE, Listed,
    Observed, Progress, Snapshots, container_name,
};
use crate::config::{Addressing, Config, DockerConfig};

/// Limit of a call to the daemon that should be quick. Stops and pulls have their own.
const CALL: Duration = Duration::from_secs(30);

/// The Docker driver.
#[derive(Debug)]
pub struct DockerDriver {
    config: DockerConfig,
    instance_id: String,
    state_root: PathBuf,
    stop_grace: Duration,
    state_limit: u64,
    pull_silence: Duration,
    pulls: Pulls,
    /// What the daemon runs: operating system and architecture, as images name them.
    platform: OnceCell<(String, String)>,
    /// Set by the first call that reaches the daemon: it speaks the version that both sides know.
    docker: OnceCell<Docker>,
}

impl DockerDriver {
    /// A driver that connects when first used.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            config: config.docker.clone(),
            instance_id: config.instance_id.clone(),
            state_root: config.state_root.clone(),
            stop_grace: config.stop_grace,
            state_limit: config.state_limit,
            pull_silence: config.tuning.pull_silence,
            pulls: Pulls::default(),
            platform: OnceCell::new(),
            docker: OnceCell::new(),
        }
    }

    /// The connection; its API version is negotiated once, since Docker 20.10 knows nothing newer than 1.41.
    async fn docker(&self) -> Result<&Docker, DriverError> {
        let connect = || async {
            let host = self.config.host.as_str();
            // Longer than any grace period: the daemon answers a stop only when the container has stopped.
            let limit = (CALL + self.stop_grace).as_secs();
            let docker = if host.starts_with("unix://") {
                Docker::connect_with_unix(host, limit, bollard::API_DEFAULT_VERSION)
            } else {
                Docker::connect_with_http(host, limit, bollard::API_DEFAULT_VERSION)
            };
            let negotiated = docker.map_err(other)?.negotiate_version();
            let docker = tokio::time::timeout(CALL, negotiated).await.map_err(|_| timed_out())?;
            docker.map_err(|error| DriverError::Unavailable(error.to_string()))
        };
        self.docker.get_or_try_init(connect).await
    }

    async fn inspect_raw(&self, game_id: GameId) -> Result<Option<ContainerInspectResponse>, DriverError> {
        match whole(self.docker().await?.inspect_container(&container_name(game_id), None)).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_status(&error, 404) => Ok(None),
            Err(error) => Err(other(error)),
        }
    }

    /// Refuses a container that has the name but is not ours.
    fn check_owner(&self, game_id: GameId, found: &ContainerInspectResponse) -> Result<(), DriverError> {
        let labels = found.config.as_ref().and_then(|config| config.labels.as_ref());
        let label = |name: &str| labels.and_then(|labels| labels.get(name)).map(String::as_str);
        let ours = label(LABEL_BACKEND) == Some("1")
            && label(LABEL_INSTANCE) == Some(&self.instance_id)
            && label(LABEL_GAME) == Some(&game_id.to_string());
        if ours {
            return Ok(());
        }
        Err(DriverError::Foreign(format!(
            "a container that is not ours has the name {}: remove it, or give each installation its own daemon",
            container_name(game_id)
        )))
    }

    fn endpoint(&self, game_id: GameId, found: &ContainerInspectResponse) -> Option<String> {
        let networks = found.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
        address::endpoint(&self.config, game_id, networks)
    }

    /// Stops a container within the grace period, and removes it. By its id: what a daemon that hung does late must not meet the one that
    /// has the name by then.
    async fn end(&self, id: &str) -> Result<(), DriverError> {
        let docker = self.docker().await?;
        let grace = i32::try_from(self.stop_grace.as_secs()).unwrap_or(i32::MAX);
        match docker.stop_container(id, Some(StopContainerOptionsBuilder::default().t(grace).build())).await {
            Err(error) if !is_status(&error, 304) && !is_status(&error, 404) => return Err(other(error)),
            _ => {}
        }
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match docker.remove_container(id, Some(options)).await {
            // 409: its removal is under way already.
            Err(error) if !is_status(&error, 404) && !is_status(&error, 409) => Err(other(error)),
            _ => Ok(()),
        }
    }

    fn shape(&self) -> Shape {
        Shape {
            docker: self.config.clone(),
            instance_id: self.instance_id.clone(),
            state_limit: self.state_limit,
            stop_grace: self.stop_grace,
        }
    }

    async fn platform(&self) -> Result<&(String, String), DriverError> {
        let ask = || async {
            let version = whole(self.docker().await?.version()).await.map_err(other)?;
            Ok((version.os.unwrap_or_default(), version.arch.unwrap_or_default()))
        };
        self.platform.get_or_try_init(ask).await
    }

    /// The image that a container is made from, and its id.
    async fn image_of(&self, spec: &EngineSpec) -> Result<(String, ImageInspect), DriverError> {
        let gone = |reason: String| DriverError::Image { reason, passing: true };
        let pinned =
            spec.pinned.as_ref().ok_or_else(|| gone(format!("the image {} was not fetched yet", spec.image)))?;
        let found = self.find_image(&pinned.id).await?;
        let found =
            found.ok_or_else(|| gone(format!("the image {} ({}) is gone from the daemon", spec.image, pinned.id)))?;
        Ok((pinned.id.clone(), found))
    }
}

#[async_trait]
impl Driver for DockerDriver {
    fn name(&self) -> &'static str {
        DriverKind::Docker.as_str()
    }

    fn fingerprint(&self, spec: &EngineSpec) -> String {
        body::fingerprint(&self.shape(), spec, &state_dir::path(&self.state_root, spec.game_id))
    }

    async fn daemon_id(&self) -> Result<String, DriverError> {
        let info = tokio::time::timeout(CALL, self.docker().await?.info()).await.map_err(|_| timed_out())?;
        let info = info.map_err(|error| DriverError::Unavailable(error.to_string()))?;
        match info.id {
            Some(id) if !id.is_empty() => Ok(format!("docker:{id}")),
            _ => Err(DriverError::Unavailable("the daemon has no id".to_owned())),
        }
    }

    #[tracing::instrument(name = "docker", skip_all, fields(op = "fetch", otel.kind = "client"))]
    async fn fetch(
        &self,
        image: &str,
        pinned: Option<&PinnedImage>,
        progress: &dyn Progress,
    ) -> Result<Option<PinnedImage>, DriverError> {
        self.image(image, pinned, progress).await.map(Some)
    }

    async fn inspect(&self, game_id: GameId) -> Result<Option<Observed>, DriverError> {
        let Some(found) = self.inspect_raw(game_id).await? else { return Ok(None) };
        self.check_owner(game_id, &found)?;
        let state = found.state.as_ref();
        let running = state.and_then(|state| state.running).unwrap_or(false);
        let labels = found.config.as_ref().and_then(|config| config.labels.as_ref());
        let fingerprint = labels.and_then(|labels| labels.get(LABEL_FINGERPRINT)).cloned().unwrap_or_default();
        let endpoint = if running { self.endpoint(game_id, &found) } else { None };
        let ended = state.filter(|_| !running).map(|state| {
            let killed = if state.oom_killed == Some(true) { ", out of memory" } else { "" };
            let said = state.error.as_deref().filter(|text| !text.is_empty()).map(|text| format!(": {text}"));
            format!("exit code {}{killed}{}", state.exit_code.unwrap_or_default(), said.unwrap_or_default())
        });
        Ok(Some(Observed { container_id: found.id.unwrap_or_default(), running, endpoint, fingerprint, ended }))
    }

    #[tracing::instrument(name = "docker", skip_all, fields(op = "create", otel.kind = "client"))]
    async fn create(&self, spec: &EngineSpec) -> Result<String, DriverError> {
        let docker = self.docker().await?;
        let (image, found) = self.image_of(spec).await?;
        let network = match whole(docker.inspect_network(&self.config.network, None)).await {
            Ok(network) => network,
            Err(error) if is_status(&error, 404) => {
                return Err(DriverError::Config(format!(
                    "there is no Docker network `{0}`: docker network create --internal {0}",
                    self.config.network
                )));
            }
            Err(error) => return Err(other(error)),
        };
        if network.internal != Some(true) {
            tracing::warn!(
                network = self.config.network,
                "the engines' network is not internal: engines have a way out"
            );
        }
        let state_dir = state_dir::prepare(&self.state_root, spec.game_id).await?;
        let labels = found.config.iter().filter_map(|config| config.labels.as_ref()).flat_map(HashMap::keys);
        let body = body::container(&self.shape(), spec, &image, labels, &state_dir);
        let options = CreateContainerOptionsBuilder::default().name(&container_name(spec.game_id)).build();
        match whole(docker.create_container(Some(options), body)).await {
            Ok(created) => Ok(created.id),
            // Somebody made it a moment ago: another controller, or we before a crash.
            Err(error) if is_status(&error, 409) => match self.inspect(spec.game_id).await? {
                Some(observed) => Ok(observed.container_id),
                None => Err(DriverError::Failed(error.to_string())),
            },
            // It was there a moment ago.
            Err(error) if is_status(&error, 404) => {
                Err(DriverError::Image { reason: error.to_string(), passing: true })
            }
            Err(error) if is_status(&error, 400) => Err(DriverError::Config(error.to_string())),
            Err(error) => Err(other(error)),
        }
    }

    #[tracing::instrument(name = "docker", skip_all, fields(op = "start", otel.kind = "client"))]
    async fn start(&self, spec: &EngineSpec) -> Result<(), DriverError> {
        // One that was renamed still writes the game's state.
        self.remove_strays(spec.game_id).await?;
        match whole(self.docker().await?.start_container(&container_name(spec.game_id), None)).await {
            Ok(()) => Ok(()),
            Err(error) if is_status(&error, 304) => Ok(()),
            Err(error) => Err(self.gone_or(spec.game_id, other(error)).await),
        }
    }

    #[tracing::instrument(name = "docker", skip_all, fields(op = "remove", otel.kind = "client"))]
    async fn remove(&self, game_id: GameId) -> Result<(), DriverError> {
        if let Some(found) = self.inspect_raw(game_id).await? {
            self.check_owner(game_id, &found)?;
            self.end(&found.id.unwrap_or_else(|| container_name(game_id))).await?;
        }
        self.remove_strays(game_id).await
    }

    async fn remove_strays(&self, game_id: GameId) -> Result<(), DriverError> {
        for id in listing::strays(self, game_id).await? {
            tracing::warn!(%game_id, container_id = id, "a container of the game that has not its name is removed");
            self.end(&id).await?;
        }
        Ok(())
    }

    async fn list(&self) -> Result<Vec<Listed>, DriverError> {
        listing::list(self).await
    }

    async fn changes(
        &self,
        since: Option<i64>,
    ) -> Result<Option<BoxStream<'static, Result<i64, DriverError>>>, DriverError> {
        listing::changes(self, since).await.map(Some)
    }

    fn addresses_move(&self) -> bool {
        self.config.addressing == Addressing::Ip
    }

    async fn log(&self, game_id: GameId, lines: usize) -> Result<Option<Vec<String>>, DriverError> {
        let Some(found) = self.inspect_raw(game_id).await? else { return Ok(None) };
        self.check_owner(game_id, &found)?;
        let options = LogsOptionsBuilder::default().stdout(true).stderr(true).tail(&lines.to_string()).build();
        let mut pieces = self.docker().await?.logs(&container_name(game_id), Some(options));
        let mut tail = Tail::default();
        let read = async {
            while let Some(piece) = pieces.next().await {
                tail.push(&piece.map_err(other)?.into_bytes());
            }
            Ok(())
        };
        tokio::time::timeout(CALL, read).await.map_err(|_| timed_out())??;
        Ok(Some(tail.lines(lines)))
    }

    fn snapshots(&self) -> Box<dyn Copies> {
        Box::new(Snapshots::new(self.state_root.clone()))
    }
}

/// A quick call's whole answer within its limit. bollard's own limit ends with the head of an answer: its body may never come.
async fn whole<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(CALL, call).await.unwrap_or(Err(Error::RequestTimeoutError))
}

fn timed_out() -> DriverError {
    DriverError::Unavailable("no answer in time".to_owned())
}

//! Engines in Docker containers, through bollard.

mod body;
mod error;
mod listing;
mod state_dir;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bollard::Docker;
use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, CreateImageOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
    StopContainerOptionsBuilder,
};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use shared::ids::GameId;
use tokio::sync::OnceCell;

use self::error::{is_status, other, unavailable_or};
use super::{Driver, DriverError, ENGINE_PORT, EngineSpec, Listed, Observed, Progress, container_name};
use crate::config::{Addressing, Config, DockerConfig, PullPolicy};

/// Limit of a call to the daemon that should be quick. Stops and pulls have their own.
const CALL: Duration = Duration::from_secs(30);
/// Limit between two lines of a pull's progress: a registry that says nothing for so long is stuck.
const PULL_SILENCE: Duration = Duration::from_secs(120);

/// Label of every container of this platform.
const LABEL_BACKEND: &str = "galaxy.backend";
/// Label with `BACKEND_INSTANCE_ID`.
const LABEL_INSTANCE: &str = "galaxy.instance";
/// Label with the game's id.
const LABEL_GAME: &str = "galaxy.game_id";
/// Label with the fingerprint of what the container was made from.
const LABEL_FINGERPRINT: &str = "galaxy.fingerprint";

/// The Docker driver.
#[derive(Debug)]
pub struct DockerDriver {
    config: DockerConfig,
    instance_id: String,
    state_root: PathBuf,
    stop_grace: Duration,
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
        match self.docker().await?.inspect_container(&container_name(game_id), None).await {
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
        Err(DriverError::Config(format!(
            "a container that is not ours has the name {}: remove it, or give each installation its own daemon",
            container_name(game_id)
        )))
    }

    fn endpoint(&self, game_id: GameId, found: &ContainerInspectResponse) -> Option<String> {
        match self.config.addressing {
            Addressing::Dns => Some(format!("http://{}:{ENGINE_PORT}", container_name(game_id))),
            Addressing::Ip => {
                let networks = found.network_settings.as_ref()?.networks.as_ref()?;
                let address = networks.get(&self.config.network)?.ip_address.as_ref()?;
                (!address.is_empty()).then(|| format!("http://{address}:{ENGINE_PORT}"))
            }
        }
    }

    async fn pull(&self, image: &str, progress: &dyn Progress) -> Result<(), DriverError> {
        let options = CreateImageOptionsBuilder::default().from_image(&with_tag(image)).build();
        let docker = self.docker().await?.clone();
        let mut stream = std::pin::pin!(docker.create_image(Some(options), None, None));
        loop {
            let next = tokio::time::timeout(PULL_SILENCE, stream.next()).await.map_err(|_| DriverError::Image {
                reason: format!("the registry said nothing for {PULL_SILENCE:?}"),
                passing: true,
            })?;
            match next {
                None => return Ok(()),
                Some(Err(error)) => return Err(error::pull(&error)),
                Some(Ok(info)) => {
                    if let Some(detail) = info.error_detail {
                        let reason = detail.message.unwrap_or_else(|| "pull failed".to_owned());
                        return Err(error::pull_text(reason));
                    }
                    let line = [info.id, info.status].into_iter().flatten().collect::<Vec<_>>().join(": ");
                    progress.report(&line).await;
                }
            }
        }
    }
}

#[async_trait]
impl Driver for DockerDriver {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn fingerprint(&self, spec: &EngineSpec) -> String {
        body::fingerprint(&self.config, spec, &state_dir::path(&self.state_root, spec.game_id))
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
    async fn fetch(&self, image: &str, progress: &dyn Progress) -> Result<Option<String>, DriverError> {
        let here = |found: bollard::models::ImageInspect| {
            let by_digest = found.repo_digests.and_then(|digests| digests.into_iter().next());
            by_digest.or(found.id)
        };
        let docker = self.docker().await?;
        if self.config.pull_policy != PullPolicy::Always {
            match docker.inspect_image(image).await {
                Ok(found) => return Ok(here(found)),
                Err(error) if !is_status(&error, 404) => return Err(other(error)),
                Err(_) if self.config.pull_policy == PullPolicy::Never => {
                    let reason = format!("the image {image} is not there, and the pull policy is `never`");
                    return Err(DriverError::Image { reason, passing: false });
                }
                Err(_) => {}
            }
        }
        self.pull(image, progress).await?;
        docker.inspect_image(image).await.map(here).map_err(other)
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
        let network = match docker.inspect_network(&self.config.network, None).await {
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
        let body = body::container(&self.config, &self.instance_id, spec, &state_dir);
        let options = CreateContainerOptionsBuilder::default().name(&container_name(spec.game_id)).build();
        match docker.create_container(Some(options), body).await {
            Ok(created) => Ok(created.id),
            // Somebody made it a moment ago: another controller, or we before a crash.
            Err(error) if is_status(&error, 409) => match self.inspect(spec.game_id).await? {
                Some(observed) => Ok(observed.container_id),
                None => Err(DriverError::Failed(error.to_string())),
            },
            Err(error) if is_status(&error, 404) => {
                Err(DriverError::Image { reason: error.to_string(), passing: false })
            }
            Err(error) if is_status(&error, 400) => Err(DriverError::Config(error.to_string())),
            Err(error) => Err(other(error)),
        }
    }

    #[tracing::instrument(name = "docker", skip_all, fields(op = "start", otel.kind = "client"))]
    async fn start(&self, spec: &EngineSpec) -> Result<(), DriverError> {
        match self.docker().await?.start_container(&container_name(spec.game_id), None).await {
            Ok(()) => Ok(()),
            Err(error) if is_status(&error, 304) => Ok(()),
            Err(error) => Err(unavailable_or(&error, DriverError::Failed)),
        }
    }

    #[tracing::instrument(name = "docker", skip_all, fields(op = "remove", otel.kind = "client"))]
    async fn remove(&self, game_id: GameId) -> Result<(), DriverError> {
        let Some(found) = self.inspect_raw(game_id).await? else { return Ok(()) };
        self.check_owner(game_id, &found)?;
        let docker = self.docker().await?;
        let name = container_name(game_id);
        let grace = i32::try_from(self.stop_grace.as_secs()).unwrap_or(i32::MAX);
        match docker.stop_container(&name, Some(StopContainerOptionsBuilder::default().t(grace).build())).await {
            Err(error) if !is_status(&error, 304) && !is_status(&error, 404) => return Err(other(error)),
            _ => {}
        }
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match docker.remove_container(&name, Some(options)).await {
            // 409: its removal is under way already.
            Err(error) if !is_status(&error, 404) && !is_status(&error, 409) => Err(other(error)),
            _ => Ok(()),
        }
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

    async fn last_words(&self, game_id: GameId) -> Option<String> {
        let options = LogsOptionsBuilder::default().stdout(true).stderr(true).tail("5").build();
        let lines = self.docker().await.ok()?.logs(&container_name(game_id), Some(options));
        let lines = lines.filter_map(|line| async { line.ok().map(|line| line.to_string()) }).collect::<Vec<_>>();
        let lines = tokio::time::timeout(Duration::from_secs(5), lines).await.ok()?;
        let words = lines.concat();
        let words = words.trim();
        (!words.is_empty()).then(|| words.to_owned())
    }
}

fn timed_out() -> DriverError {
    DriverError::Unavailable("no answer in time".to_owned())
}

/// Without a tag or digest the daemon would pull every tag of the repository.
fn with_tag(image: &str) -> String {
    let name = image.rsplit_once('/').map_or(image, |(_, name)| name);
    if name.contains(':') || name.contains('@') { image.to_owned() } else { format!("{image}:latest") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_without_tag_means_latest() {
        assert_eq!(with_tag("galaxy/engine"), "galaxy/engine:latest");
        assert_eq!(with_tag("host:5000/engine"), "host:5000/engine:latest");
        assert_eq!(with_tag("host:5000/engine:1.2"), "host:5000/engine:1.2");
        assert_eq!(with_tag("engine@sha256:00"), "engine@sha256:00");
    }
}

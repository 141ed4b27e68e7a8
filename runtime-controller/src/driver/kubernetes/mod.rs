//! Engines as pods of a Kubernetes cluster, through kube. `docs/containers.md` has the table of what is there when, and what follows from
//! what goes wrong; [ADR 21](../../../../docs/adr/0021-engines-as-bare-pods.md) why it is so.
//!
//! Of a game there are: a claim, which stays; a Service, with a Secret that belongs to it, from `create` to `remove`; a pod, from `start`
//! to `remove`. The pod is what counts: a game without one has no container.

mod body;
mod cluster;
mod copier;
mod copies;
mod error;
mod image;
mod status;
mod wait;
mod watch;
mod words;

use std::sync::Arc;

use async_trait::async_trait;
use futures::AsyncBufReadExt as _;
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Secret, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt as _;
use kube::api::{LogParams, Patch, PatchParams};
use shared::config::DriverKind;
use shared::db::runtime::PinnedImage;
use shared::ids::GameId;

use self::cluster::{Cluster, MANAGER, posted};
use self::copies::VolumeCopies;
use self::error::{CALL, code, other, whole};
use self::status::Seen;
use self::wait::Until;
use self::words::CONTAINER;
use super::log::Tail;
use super::{
    Copies, Driver, DriverError, ENGINE_PORT, EngineSpec, LABEL_FINGERPRINT, Listed, Observed, Progress, Silent,
    container_name,
};
use crate::config::{Addressing, Config};

pub use self::copier::{SUBCOMMAND, main as copy_state};

/// The policy that must stand in the namespace: without it engines would be open to everybody, and have a way out.
const POLICY: &str = "galaxy-engines";

/// The Kubernetes driver.
#[derive(Debug)]
pub struct KubernetesDriver {
    cluster: Arc<Cluster>,
    version: watch::Version,
}

impl KubernetesDriver {
    /// A driver that connects when first used.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self { cluster: Arc::new(Cluster::new(config)), version: watch::Version::default() }
    }

    async fn pod(&self, game_id: GameId) -> Result<Option<Pod>, DriverError> {
        self.cluster.find(&container_name(game_id), Some(game_id)).await
    }

    async fn service(&self, game_id: GameId) -> Result<Option<Service>, DriverError> {
        self.cluster.find(&container_name(game_id), Some(game_id)).await
    }

    /// The engine's pod, which is made where there is none. Being made it is told to start.
    async fn engine(&self, spec: &EngineSpec) -> Result<Pod, DriverError> {
        let game_id = spec.game_id;
        match self.pod(game_id).await? {
            Some(pod) if Seen(&pod).is_over() => {
                Err(DriverError::Gone(format!("a pod does not start again ({})", Seen(&pod).said())))
            }
            Some(pod) => Ok(pod),
            None => {
                let image = image::asked_for(spec)?;
                self.cluster.is_left_alone(game_id).await?;
                let Some(service) = self.service(game_id).await? else {
                    return Err(DriverError::Gone("its Service is gone".to_owned()));
                };
                let secret = body::secret_name(&self.cluster, spec, &service);
                self.cluster.make(&body::engine(&self.cluster, spec, &image, &secret), Some(game_id)).await
            }
        }
    }

    /// Looks whether engines are kept to themselves here.
    async fn check_policy(&self) -> Result<(), DriverError> {
        let policies = self.cluster.api::<NetworkPolicy>().await?;
        let Some(policy) = whole(policies.get_opt(POLICY)).await.map_err(other)? else {
            return Err(DriverError::Config(format!(
                "there is no NetworkPolicy {POLICY} in the namespace {}: kubectl apply -k deploy/kubernetes/engines-kubernetes",
                self.cluster.own.namespace
            )));
        };
        let spec = policy.spec.unwrap_or_default();
        let both = ["Ingress", "Egress"].iter().all(|way| spec.policy_types.iter().flatten().any(|there| there == way));
        if !both || spec.egress.is_some_and(|out| !out.is_empty()) {
            tracing::warn!(policy = POLICY, "the engines' policy lets them out, or everybody in");
        }
        Ok(())
    }

    /// Makes the claim, unless it is there. What it asks for is left as it was: a volume does not shrink.
    async fn claim(&self, game_id: GameId) -> Result<(), DriverError> {
        let cluster = &self.cluster;
        if cluster.find::<PersistentVolumeClaim>(&container_name(game_id), Some(game_id)).await?.is_none() {
            cluster.make(&body::claim(cluster, game_id), Some(game_id)).await?;
        }
        Ok(())
    }

    /// Makes the Service, or applies what it should be to the one that is there.
    async fn apply_service(&self, game_id: GameId) -> Result<Service, DriverError> {
        let cluster = &self.cluster;
        let (services, mut wanted) = (cluster.api::<Service>().await?, body::service(cluster, game_id));
        let Some(found) = self.service(game_id).await? else { return cluster.make(&wanted, Some(game_id)).await };
        // This one and no other that has its name by then.
        wanted.metadata.uid = found.metadata.uid;
        let how = PatchParams::apply(MANAGER).force();
        whole(services.patch(&container_name(game_id), &how, &Patch::Apply(&wanted))).await.map_err(other)
    }
}

/// Where an engine's pod is reached.
fn endpoint(cluster: &Cluster, game_id: GameId, address: Option<&str>) -> Option<String> {
    match cluster.container.addressing {
        Addressing::Dns => {
            Some(format!("http://{}.{}.svc:{ENGINE_PORT}", container_name(game_id), cluster.own.namespace))
        }
        Addressing::Ip => address.map(|address| {
            if address.contains(':') {
                format!("http://[{address}]:{ENGINE_PORT}")
            } else {
                format!("http://{address}:{ENGINE_PORT}")
            }
        }),
    }
}

#[async_trait]
impl Driver for KubernetesDriver {
    fn name(&self) -> &'static str {
        DriverKind::Kubernetes.as_str()
    }

    fn fingerprint(&self, spec: &EngineSpec) -> String {
        body::fingerprint(&self.cluster, spec)
    }

    async fn daemon_id(&self) -> Result<String, DriverError> {
        self.cluster.id().await
    }

    #[tracing::instrument(name = "kubernetes", skip_all, fields(op = "fetch", otel.kind = "client"))]
    async fn fetch(
        &self,
        image: &str,
        pinned: Option<&PinnedImage>,
        progress: &dyn Progress,
    ) -> Result<Option<PinnedImage>, DriverError> {
        self.cluster.fetch(image, pinned, progress).await.map(Some)
    }

    async fn inspect(&self, game_id: GameId) -> Result<Option<Observed>, DriverError> {
        let Some(pod) = self.pod(game_id).await? else { return Ok(None) };
        let seen = Seen(&pod);
        let running = seen.runs();
        Ok(Some(Observed {
            container_id: pod.uid().unwrap_or_default(),
            running,
            endpoint: if running { endpoint(&self.cluster, game_id, seen.address()) } else { None },
            fingerprint: pod.annotations().get(LABEL_FINGERPRINT).cloned().unwrap_or_default(),
            ended: (!running).then(|| seen.said()),
        }))
    }

    /// All but the pod: a pod cannot be made without being started. Until then the answer is the name that it will have.
    #[tracing::instrument(name = "kubernetes", skip_all, fields(op = "create", otel.kind = "client"))]
    async fn create(&self, spec: &EngineSpec) -> Result<String, DriverError> {
        image::asked_for(spec)?;
        if let Some(there) = self.inspect(spec.game_id).await? {
            return Ok(there.container_id);
        }
        self.check_policy().await?;
        self.claim(spec.game_id).await?;
        let service = self.apply_service(spec.game_id).await?;
        let secrets = self.cluster.api::<Secret>().await?;
        match whole(secrets.create(&posted(), &body::secret(&self.cluster, spec, &service))).await {
            // Its name says what is in it.
            Err(error) if code(&error) == Some(409) => {}
            made => drop(made.map_err(other)?),
        }
        Ok(container_name(spec.game_id))
    }

    #[tracing::instrument(name = "kubernetes", skip_all, fields(op = "start", otel.kind = "client"))]
    async fn start(&self, spec: &EngineSpec) -> Result<(), DriverError> {
        let pod = self.engine(spec).await?;
        let started = self.cluster.wait(&pod, Until::Started, &Silent).await?;
        if let Err(wrong) = self.cluster.is_right(spec, &started) {
            self.remove(spec.game_id).await?;
            return Err(wrong);
        }
        Ok(())
    }

    /// Makes the pod. Its node and its image there are still to come.
    #[tracing::instrument(name = "kubernetes", skip_all, fields(op = "begin_start", otel.kind = "client"))]
    async fn begin_start(&self, spec: &EngineSpec) -> Result<bool, DriverError> {
        self.engine(spec).await.map(|_| true)
    }

    #[tracing::instrument(name = "kubernetes", skip_all, fields(op = "remove", otel.kind = "client"))]
    async fn remove(&self, game_id: GameId) -> Result<(), DriverError> {
        let (pod, service) = (self.pod(game_id).await?, self.service(game_id).await?);
        if let Some(pod) = pod {
            self.cluster.end(&pod, self.cluster.stop_grace).await?;
        }
        if let Some(service) = service {
            self.cluster.delete(&service, None).await?;
        }
        Ok(())
    }

    async fn list(&self) -> Result<Vec<Listed>, DriverError> {
        watch::list(&self.cluster).await
    }

    /// From where the last stream ended: that is kept here, since a cluster counts its changes and does not date them.
    async fn changes(
        &self,
        _: Option<i64>,
    ) -> Result<Option<BoxStream<'static, Result<i64, DriverError>>>, DriverError> {
        watch::changes(&self.cluster, &self.version).await.map(Some)
    }

    fn addresses_move(&self) -> bool {
        self.cluster.container.addressing == Addressing::Ip
    }

    async fn log(&self, game_id: GameId, lines: usize) -> Result<Option<Vec<String>>, DriverError> {
        let Some(pod) = self.pod(game_id).await? else { return Ok(None) };
        let what = LogParams {
            container: Some(CONTAINER.to_owned()),
            tail_lines: Some(i64::try_from(lines).unwrap_or(i64::MAX)),
            ..LogParams::default()
        };
        let read = async {
            let pieces = match self.cluster.api::<Pod>().await?.log_stream(&pod.name_any(), &what).await {
                Ok(pieces) => pieces,
                // Its container has printed nothing, since it was never started.
                Err(error) if matches!(code(&error), Some(400 | 404)) => return Ok(None),
                Err(error) => return Err(other(error)),
            };
            let mut pieces = std::pin::pin!(pieces);
            let mut tail = Tail::default();
            loop {
                let piece = pieces.fill_buf().await;
                let piece = piece.map_err(|error| DriverError::Unavailable(error.to_string()))?;
                if piece.is_empty() {
                    return Ok(Some(tail.lines(lines)));
                }
                tail.push(piece);
                let read = piece.len();
                pieces.consume_unpin(read);
            }
        };
        let read = tokio::time::timeout(CALL, read).await;
        read.map_err(|_| DriverError::Unavailable("no answer in time".to_owned()))?
    }

    fn snapshots(&self) -> Box<dyn Copies> {
        Box::new(VolumeCopies(Arc::clone(&self.cluster)))
    }
}

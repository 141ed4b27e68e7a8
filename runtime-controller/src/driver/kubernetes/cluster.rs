//! The cluster and our namespace in it: the connection, and which objects are ours. An object that is not ours is never changed or
//! removed, whatever it is called.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::ids::GameId;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use super::super::{DriverError, LABEL_BACKEND, LABEL_GAME, LABEL_INSTANCE};
use super::error::{CALL, chain_of, code, other, whole};
use crate::config::{Config, DockerConfig, KubernetesConfig};

/// Whose fields they are in objects that we apply.
pub(super) const MANAGER: &str = "galaxy-runtime-controller";
/// Label that says what a pod of ours is for.
pub(super) const LABEL_ROLE: &str = "galaxy.role";
/// How often a pod that is to go is looked for.
const STEP: Duration = Duration::from_millis(200);

/// What a pod of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It runs a game's engine.
    Engine,
    /// It makes a kubelet pull an image, and ends.
    Pull,
    /// It copies a game's state, and ends.
    Copy,
}

impl Role {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Pull => "pull",
            Self::Copy => "copy",
        }
    }
}

/// Our side of it. Connects when first used.
pub(super) struct Cluster {
    pub(super) container: DockerConfig,
    pub(super) own: KubernetesConfig,
    pub(super) instance_id: String,
    pub(super) stop_grace: Duration,
    /// Of a game's volume, in bytes.
    pub(super) volume: u64,
    /// How long a pod may find no node, and how long its image may take is ten times that.
    pub(super) patience: Duration,
    client: OnceCell<Client>,
}

impl Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("namespace", &self.own.namespace).finish_non_exhaustive()
    }
}

impl Cluster {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            container: config.docker.clone(),
            own: config.kubernetes.clone(),
            instance_id: config.instance_id.clone(),
            stop_grace: config.stop_grace,
            // The state, its copy, and the copy beside it while it is put back.
            volume: config.state_limit.saturating_mul(3),
            patience: config.tuning.pull_silence,
            client: OnceCell::new(),
        }
    }

    pub(super) async fn client(&self) -> Result<Client, DriverError> {
        let connect = || async {
            let away = |why: String| DriverError::Unavailable(why);
            let mut config = match &self.own.kubeconfig {
                Some(file) => {
                    let read = Kubeconfig::read_from(file).map_err(|error| away(chain_of(&error)))?;
                    let read = kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
                    read.map_err(|error| away(chain_of(&error)))?
                }
                None => kube::Config::incluster().map_err(|error| away(chain_of(&error)))?,
            };
            config.connect_timeout = Some(CALL);
            // Whoever calls tries again, and counts its attempts.
            config.default_retry = false;
            Client::try_from(config).map_err(other)
        };
        self.client.get_or_try_init(connect).await.cloned()
    }

    /// Objects of one kind in our namespace.
    pub(super) async fn api<K>(&self) -> Result<Api<K>, DriverError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Ok(Api::namespaced(self.client().await?, &self.own.namespace))
    }

    pub(super) async fn id(&self) -> Result<String, DriverError> {
        let spaces: Api<Namespace> = Api::all(self.client().await?);
        let system = whole(spaces.get_metadata("kube-system")).await.map_err(other)?;
        let uid = system.metadata.uid.filter(|uid| !uid.is_empty());
        let uid = uid.ok_or_else(|| DriverError::Unavailable("the namespace kube-system has no uid".to_owned()))?;
        Ok(format!("kubernetes:{uid}/{}", self.own.namespace))
    }

    /// The labels of an object of a game.
    pub(super) fn labels(&self, game_id: Option<GameId>, role: Option<Role>) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::from([
            ("app.kubernetes.io/name".to_owned(), "galaxy-engine".to_owned()),
            (LABEL_BACKEND.to_owned(), "1".to_owned()),
            (LABEL_INSTANCE.to_owned(), self.instance_id.clone()),
        ]);
        labels.extend(game_id.map(|game_id| (LABEL_GAME.to_owned(), game_id.to_string())));
        labels.extend(role.map(|role| (LABEL_ROLE.to_owned(), role.word().to_owned())));
        labels
    }

    /// What finds all engines' pods of this installation.
    pub(super) fn selector(&self) -> String {
        format!("{LABEL_BACKEND}=1,{LABEL_INSTANCE}={},{LABEL_ROLE}={}", self.instance_id, Role::Engine.word())
    }

    /// An object of ours by its name; `None` where there is none.
    ///
    /// # Errors
    /// [`DriverError::Foreign`] where the name is another's.
    pub(super) async fn find<K>(&self, name: &str, game_id: Option<GameId>) -> Result<Option<K>, DriverError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let Some(found) = whole(self.api::<K>().await?.get_opt(name)).await.map_err(other)? else { return Ok(None) };
        let labels = found.labels();
        if self.labels(game_id, None).iter().all(|(label, value)| labels.get(label) == Some(value)) {
            return Ok(Some(found));
        }
        Err(DriverError::Foreign(format!(
            "a {} that is not ours has the name {name} in the namespace {}: remove it, or give each installation a namespace of its own",
            K::kind(&()),
            self.own.namespace
        )))
    }

    /// Makes an object; the one of ours that somebody else has made in the same moment is as good.
    ///
    /// # Errors
    /// [`DriverError::Foreign`] where the name is another's.
    pub(super) async fn make<K>(&self, object: &K, game_id: Option<GameId>) -> Result<K, DriverError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Serialize + Debug,
    {
        match whole(self.api::<K>().await?.create(&posted(), object)).await {
            Err(error) if code(&error) == Some(409) => {
                let name = object.name_any();
                let found = self.find(&name, game_id).await?;
                found.ok_or_else(|| DriverError::Failed(format!("the {} {name} came and went", K::kind(&()))))
            }
            made => made.map_err(other),
        }
    }

    /// Deletes this very object, and not one that has its name by then. One that is gone is fine.
    ///
    /// # Errors
    /// [`DriverError::Failed`] where another has taken its place.
    pub(super) async fn delete<K>(&self, object: &K, grace: Option<u32>) -> Result<(), DriverError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let this = Preconditions { uid: object.uid(), resource_version: None };
        let mut how = DeleteParams::background().preconditions(this);
        how.grace_period_seconds = grace;
        match whole(self.api::<K>().await?.delete(&object.name_any(), &how)).await {
            Err(error) if code(&error) != Some(404) => Err(other(error)),
            _ => Ok(()),
        }
    }

    /// Ends a pod and waits until it is gone. A node that does not answer keeps its pod: whether that has ended nobody can say, so it is
    /// never taken to have.
    pub(super) async fn end(&self, pod: &Pod, grace: Duration) -> Result<(), DriverError> {
        // None at all would take the pod out of the books without asking its node: it might run on, with the game's volume.
        let seconds = u32::try_from(grace.as_secs()).unwrap_or(u32::MAX).max(1);
        self.delete(pod, Some(seconds)).await?;
        let (pods, name, limit) = (self.api::<Pod>().await?, pod.name_any(), Instant::now() + grace + CALL);
        loop {
            let found = whole(pods.get_metadata_opt(&name)).await.map_err(other)?;
            if found.is_none_or(|found| found.metadata.uid != pod.metadata.uid) {
                return Ok(());
            }
            if Instant::now() >= limit {
                let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or("none");
                return Err(DriverError::Failed(format!(
                    "the pod {name} does not end: its node ({node}) may be lost. When it is known to be off: kubectl delete pod \
                     --namespace {} --force {name}",
                    self.own.namespace
                )));
            }
            sleep(STEP).await;
        }
    }
}

/// How objects are made: in our name.
pub(super) fn posted() -> PostParams {
    PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() }
}

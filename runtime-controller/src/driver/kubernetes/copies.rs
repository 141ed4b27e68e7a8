//! Copies of states on the games' own volumes. The controller has no volume: a short pod of its own image, with the volume of one game,
//! does there what the other drivers do here ([`Snapshots`](super::super::Snapshots)), and ends. The state is the folder of the game's
//! id in the volume, and the only one that an engine sees; `.snapshots` is beside it.
//!
//! Whether there is a copy stands as an annotation on the claim, written before it is made and taken away after it is dropped: so that is
//! known without a pod.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use shared::ids::GameId;

use super::super::{Copies, DriverError, Silent, container_name};
use super::body;
use super::cluster::{Cluster, MANAGER};
use super::copier::NO_COPY;
use super::error::{other, whole};
use super::status::Seen;
use super::wait::Until;
use super::words::{ANNOTATION_DEED, Deed};

/// Annotation of a claim: the name of the copy on its volume.
const ANNOTATION_COPY: &str = "galaxy.copy";

/// The copies of a cluster's games.
pub(super) struct VolumeCopies(pub(super) Arc<Cluster>);

impl VolumeCopies {
    async fn claim(&self, game_id: GameId) -> Result<Option<PersistentVolumeClaim>, DriverError> {
        self.0.find(&container_name(game_id), Some(game_id)).await
    }

    /// The claim that has a copy, or where one was begun, with its name.
    async fn noted(&self, game_id: GameId) -> Result<Option<(PersistentVolumeClaim, String)>, DriverError> {
        let claim = self.claim(game_id).await?;
        Ok(claim.and_then(|claim| claim.annotations().get(ANNOTATION_COPY).cloned().map(|name| (claim, name))))
    }

    /// Writes a name on this very claim, as it was read: what somebody else has written since is not written over.
    async fn note(&self, claim: &PersistentVolumeClaim, name: Option<&str>) -> Result<(), DriverError> {
        let claims = self.0.api::<PersistentVolumeClaim>().await?;
        let patch = Patch::Merge(json!({ "metadata": {
            "uid": claim.metadata.uid, "resourceVersion": claim.metadata.resource_version, "annotations": { ANNOTATION_COPY: name },
        } }));
        let how = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        whole(claims.patch(&claim.name_any(), &how, &patch)).await.map_err(other).map(drop)
    }

    /// The claim of a game that has one.
    async fn volume(&self, game_id: GameId) -> Result<PersistentVolumeClaim, DriverError> {
        self.claim(game_id).await?.ok_or_else(|| DriverError::Config("the game has no volume".to_owned()))
    }

    /// The image of the pod that copies.
    fn image(&self) -> Result<&str, DriverError> {
        self.0.own.copy_image.as_deref().ok_or_else(|| {
            DriverError::Config(
                "the game's state cannot be copied, so it is not patched: BACKEND_KUBERNETES_COPY_IMAGE, the image of the pod that copies, \
                 is not set; force-stop and force-start take another version without a copy"
                    .to_owned(),
            )
        })
    }

    /// Has it done by a pod, on a claim that the caller has found to be ours. Answers whether there was a copy of that name.
    async fn by_pod(&self, game_id: GameId, deed: Deed) -> Result<bool, DriverError> {
        let cluster = &self.0;
        let image = self.image()?;
        let engine = cluster.find::<Pod>(&container_name(game_id), Some(game_id)).await?;
        let engine = engine.filter(|engine| !Seen(engine).is_over());
        let node = engine.and_then(|engine| engine.spec?.node_name);
        let wanted = body::copy(cluster, game_id, &deed, image, node);
        let pod = match cluster.find::<Pod>(&wanted.name_any(), Some(game_id)).await? {
            // Of an attempt whose controller is gone: the same may go on.
            Some(found) if is_at(&found, &deed) => found,
            // A late clean-up takes nothing from whoever copies, or puts back.
            Some(found) if !deed.changes() && changes(&found) => {
                return Err(DriverError::Failed("the game's state is being copied, or put back".to_owned()));
            }
            Some(found) => {
                cluster.end(&found, Duration::from_secs(1)).await?;
                cluster.make(&wanted, Some(game_id)).await?
            }
            None => cluster.make(&wanted, Some(game_id)).await?,
        };
        let ended = cluster.wait(&pod, Until::Over, &Silent).await;
        let said = |why: &str| format!("the game's state cannot {}: {why}", deed.verb());
        let result = match &ended {
            Ok(pod) => match Seen(pod).exit() {
                Some((0, _)) => Ok(true),
                Some((NO_COPY, _)) => Ok(false),
                Some((_, why)) if !why.is_empty() => Err(DriverError::Config(said(why))),
                _ => Err(DriverError::Failed(said(&Seen(pod).said()))),
            },
            Err(error @ DriverError::Unavailable(_)) => return Err(error.clone()),
            // No other attempt helps against either.
            Err(
                DriverError::Config(why)
                | DriverError::Foreign(why)
                | DriverError::Image { reason: why, passing: false },
            ) => Err(DriverError::Config(said(why))),
            Err(error) => Err(DriverError::Failed(said(&error.to_string()))),
        };
        cluster.end(&pod, Duration::from_secs(1)).await?;
        result
    }
}

/// Whether a pod that has not ended copies a state, or puts one back.
fn changes(pod: &Pod) -> bool {
    let deed = pod.annotations().get(ANNOTATION_DEED).map(String::as_str).unwrap_or_default();
    !Seen(pod).is_over() && (deed.starts_with("take") || deed.starts_with("restore"))
}

/// Whether a pod is about this very deed, and has not ended.
fn is_at(pod: &Pod, deed: &Deed) -> bool {
    !Seen(pod).is_over() && pod.annotations().get(ANNOTATION_DEED) == Some(&deed.to_string())
}

impl Cluster {
    /// Refuses an engine while a pod changes its game's state: one that a controller left behind.
    pub(super) async fn is_left_alone(&self, game_id: GameId) -> Result<(), DriverError> {
        let found = self.find::<Pod>(&body::copier_name(game_id), Some(game_id)).await?;
        let Some(found) = found.filter(changes) else { return Ok(()) };
        let deed = found.annotations().get(ANNOTATION_DEED).map(String::as_str).unwrap_or_default();
        self.end(&found, Duration::from_secs(1)).await?;
        if deed.starts_with("restore") {
            // It may have been between two renames.
            return Err(DriverError::Failed(
                "the game's state was being put back: that is done again first".to_owned(),
            ));
        }
        Ok(())
    }
}

#[async_trait]
impl Copies for VolumeCopies {
    async fn fits(&self, game_id: GameId) -> Result<(), DriverError> {
        self.image()?;
        self.volume(game_id).await?;
        self.by_pod(game_id, Deed::Fits).await.map(drop)
    }

    async fn take(&self, game_id: GameId, name: &str) -> Result<(), DriverError> {
        self.note(&self.volume(game_id).await?, Some(name)).await?;
        self.by_pod(game_id, Deed::Take(name.to_owned())).await.map(drop)
    }

    async fn restore(&self, game_id: GameId, name: &str) -> Result<bool, DriverError> {
        if self.noted(game_id).await?.is_none_or(|(_, noted)| noted != name) {
            return Ok(false);
        }
        self.by_pod(game_id, Deed::Restore(name.to_owned())).await
    }

    async fn has_any(&self, game_id: GameId) -> Result<bool, DriverError> {
        Ok(self.noted(game_id).await?.is_some())
    }

    async fn drop_all(&self, game_id: GameId) -> Result<(), DriverError> {
        let Some((claim, _)) = self.noted(game_id).await? else { return Ok(()) };
        self.by_pod(game_id, Deed::Drop).await?;
        // As it was read before: where another copy was begun since, its name stays, and where the claim is another for some other reason
        // the next turn asks again.
        self.note(&claim, None).await
    }
}

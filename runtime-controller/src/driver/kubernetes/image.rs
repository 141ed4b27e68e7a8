//! Which image an engine is made from. The kubelet pulls; the controller speaks to no registry. A short pod that runs nothing has a
//! kubelet pull the image and tell its digest, before a game is touched; the engine's pod is then made by that digest.

use k8s_openapi::api::core::v1::Pod;
use sha2::{Digest as _, Sha256};
use shared::db::runtime::PinnedImage;
use shared::domain::image_reference::ImageReference;
use tokio::time::Instant;

use super::super::image::{allowed, by_digest, parsed};
use super::super::{DriverError, EngineSpec, Progress};
use super::body;
use super::cluster::Cluster;
use super::status::Seen;
use super::wait::Until;
use crate::config::PullPolicy;

impl Cluster {
    pub(super) async fn fetch(
        &self,
        image: &str,
        pinned: Option<&PinnedImage>,
        progress: &dyn Progress,
    ) -> Result<PinnedImage, DriverError> {
        let reference = parsed(image)?;
        let by_digest = pinned.and_then(by_digest);
        let wanted = by_digest.as_ref().unwrap_or(&reference);
        allowed(&self.container.registries, wanted)?;
        if let (Some(pinned), Some(_), PullPolicy::Never) = (pinned, &by_digest, self.container.pull_policy) {
            // The node of the engine has it, or its pod will say so.
            return Ok(pinned.clone());
        }
        let always = pinned.is_none() && self.container.pull_policy == PullPolicy::Always;
        let met = self.pulled(wanted, always, progress).await?;
        match pinned {
            None => Ok(met),
            Some(pinned) if by_digest.is_some() || met.id == pinned.id => Ok(pinned.clone()),
            Some(pinned) => Err(changed(wanted, pinned)),
        }
    }

    /// Has an image pulled on some node; answers what it is.
    async fn pulled(
        &self,
        reference: &ImageReference,
        always: bool,
        progress: &dyn Progress,
    ) -> Result<PinnedImage, DriverError> {
        let image = reference.to_pull();
        let begun = Instant::now();
        let waited = loop {
            let made = self.pull_pod(&image, always).await?;
            let waited = self.wait(&made, Until::Pulled, progress).await;
            // Who waited for the same pod saw first what it had to say, and took it away: the image is on a node by now, or soon told of.
            if matches!(waited, Err(DriverError::Gone(_))) && begun.elapsed() < self.limit() {
                continue;
            }
            self.delete(&made, Some(0)).await?;
            break waited;
        };
        let pod = match waited {
            Err(DriverError::Gone(reason) | DriverError::Failed(reason)) => {
                return Err(DriverError::Image { reason, passing: true });
            }
            waited => waited?,
        };
        let seen = Seen(&pod);
        let id = seen.container().map(|container| container.image_id.as_str()).unwrap_or_default();
        met(reference, id).ok_or_else(|| DriverError::Image {
            reason: format!("no node has told the digest of {image}: {}", seen.said()),
            passing: true,
        })
    }

    /// One pod for all who want this image: the one that is at it, or a new one.
    async fn pull_pod(&self, image: &str, always: bool) -> Result<Pod, DriverError> {
        let mut hash = Sha256::new();
        hash.update(format!("{} {image} {always}", self.instance_id));
        let hash: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let name = format!("galaxy-pull-{hash}");
        if let Some(found) = self.find::<Pod>(&name, None).await? {
            if !Seen(&found).is_over() && Seen(&found).stuck().is_none() {
                return Ok(found);
            }
            // What it has to say may be old.
            self.end(&found, std::time::Duration::ZERO).await?;
        }
        self.make(&body::pull(self, &name, image, always, self.limit()), None).await
    }

    /// Whether a pod that has been started has the image that it should; where a digest names it, its kubelet has seen to that.
    pub(super) fn is_right(&self, spec: &EngineSpec, pod: &Pod) -> Result<(), DriverError> {
        let Some(pinned) = spec.pinned.as_ref().filter(|pinned| by_digest(pinned).is_none()) else { return Ok(()) };
        let id = Seen(pod).container().map(|container| digest_in(&container.image_id)).unwrap_or_default();
        let reference = spec.image.parse::<ImageReference>().map_err(|why| DriverError::Config(why.to_string()))?;
        // One that has not run has told no id yet, and has done nothing with the state.
        let unknown = id.is_empty() && !Seen(pod).runs();
        if unknown || id == pinned.id { Ok(()) } else { Err(changed(&reference, pinned)) }
    }
}

/// What a kubelet is asked for: by digest, where one is recorded.
pub(super) fn asked_for(spec: &EngineSpec) -> Result<String, DriverError> {
    let gone = || DriverError::Image { reason: format!("the image {} was not fetched yet", spec.image), passing: true };
    let pinned = spec.pinned.as_ref().ok_or_else(gone)?;
    let reference = match by_digest(pinned) {
        Some(reference) => reference,
        None => parsed(&spec.image)?,
    };
    Ok(reference.to_pull())
}

fn changed(reference: &ImageReference, pinned: &PinnedImage) -> DriverError {
    DriverError::Image {
        reason: format!(
            "the image {reference} is another one by now than the game began with ({}), which came from no registry: load it again \
             on the nodes, or patch the game",
            pinned.id
        ),
        passing: false,
    }
}

/// The digest or id in what a kubelet tells: `docker-pullable://repository@sha256:…`, `docker://sha256:…`, `repository@sha256:…`,
/// `sha256:…`.
fn digest_in(image_id: &str) -> &str {
    let plain = image_id.rsplit("://").next().unwrap_or_default();
    plain.rsplit('@').next().unwrap_or_default()
}

/// The same image may be known by another repository, whose name the kubelet happens to tell: it is pulled again from where it was
/// asked from.
fn met(reference: &ImageReference, image_id: &str) -> Option<PinnedImage> {
    let id = digest_in(image_id);
    let sound = id.split_once(':').is_some_and(|(kind, hex)| {
        kind.starts_with("sha") && hex.len() >= 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())
    });
    if !sound {
        return None;
    }
    let from_registry = image_id.contains('@');
    let digest = if from_registry { format!("{}@{id}", reference.repository()) } else { id.to_owned() };
    Some(PinnedImage { id: id.to_owned(), digest: Some(digest) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubelets_tell_of_an_image_is_its_digest() {
        let hex = "7".repeat(64);
        let reference: ImageReference = "r.example/engine:1".parse().unwrap();
        let pinned = |id: &str| met(&reference, &id.replace('#', &hex)).map(|image| (image.id, image.digest.unwrap()));
        let (id, digest) = (format!("sha256:{hex}"), format!("r.example/engine@sha256:{hex}"));
        for from_registry in
            ["docker-pullable://r.example/engine@sha256:#", "r.example/engine@sha256:#", "other.example/x@sha256:#"]
        {
            assert_eq!(pinned(from_registry), Some((id.clone(), digest.clone())), "{from_registry}");
        }
        for loaded in ["docker://sha256:#", "sha256:#"] {
            assert_eq!(pinned(loaded), Some((id.clone(), id.clone())), "{loaded}");
        }
        for nothing in ["", "docker://", "r.example/engine:1", "sha256:77", "r.example/engine@sha256:xyz"] {
            assert_eq!(pinned(nothing), None, "{nothing}");
        }
    }
}

//! Which image a container is made from. The image decides nothing (SPEC §8): its reference is parsed before a daemon sees it, its
//! registry must be allowed, and the one that a game began with is fetched again by its id or its digest, whatever its tag
//! stands for by now.

use bollard::models::ImageInspect;
use futures::FutureExt as _;
use shared::db::runtime::PinnedImage;
use shared::domain::image_reference::ImageReference;

use super::super::image::{allowed, by_digest, parsed};
use super::super::{DriverError, Progress};
use super::error::{is_status, other};
use super::{DockerDriver, auth, pulls, whole};
use crate::config::PullPolicy;

impl DockerDriver {
    pub(super) async fn image(
        &self,
        image: &str,
        pinned: Option<&PinnedImage>,
        progress: &dyn Progress,
    ) -> Result<PinnedImage, DriverError> {
        let reference = parsed(image)?;
        match pinned {
            Some(pinned) => self.pinned(pinned, progress).await,
            None => self.named(&reference, progress).await,
        }
    }

    /// What the reference stands for now.
    async fn named(&self, reference: &ImageReference, progress: &dyn Progress) -> Result<PinnedImage, DriverError> {
        allowed(&self.config.registries, reference)?;
        if self.config.pull_policy != PullPolicy::Always
            && let Some(found) = self.find_image(&reference.to_pull()).await?
        {
            return self.sound(reference, &found).await;
        }
        let found = self.pull(reference, progress).await?;
        self.sound(reference, &found).await
    }

    /// The image that the game began with: by its id where the daemon has it, else by the digest that it had in its registry.
    async fn pinned(&self, pinned: &PinnedImage, progress: &dyn Progress) -> Result<PinnedImage, DriverError> {
        if self.find_image(&pinned.id).await?.is_some() {
            return Ok(pinned.clone());
        }
        let Some(reference) = by_digest(pinned) else {
            let reason = format!(
                "the image {} that the game began with is gone from the daemon, and came from no registry: load it \
                 again, or patch the game",
                pinned.id
            );
            return Err(DriverError::Image { reason, passing: false });
        };
        allowed(&self.config.registries, &reference)?;
        let found = self.pull(&reference, progress).await?;
        self.sound(&reference, &found).await
    }

    async fn pull(&self, reference: &ImageReference, progress: &dyn Progress) -> Result<ImageInspect, DriverError> {
        let image = reference.to_pull();
        if self.config.pull_policy == PullPolicy::Never {
            let reason = format!("the image {image} is not there, and the pull policy is `never`");
            return Err(DriverError::Image { reason, passing: false });
        }
        let credentials = match &self.config.registry_auth {
            Some(file) => auth::credentials(file, reference.registry()).await.map_err(DriverError::Config)?,
            None => None,
        };
        let docker = self.docker().await?.clone();
        let (asked, silence) = (image.clone(), self.pull_silence);
        let begin = |say| pulls::pull(docker, asked, credentials, silence, say).boxed();
        self.pulls.join(&image, begin, progress).await?;
        self.find_image(&image).await?.ok_or_else(|| DriverError::Image {
            reason: format!("the image {image} was removed as soon as it was pulled"),
            passing: true,
        })
    }

    /// An image that the daemon has. `name` is a parsed reference or an id that the daemon gave us.
    pub(super) async fn find_image(&self, name: &str) -> Result<Option<ImageInspect>, DriverError> {
        match whole(self.docker().await?.inspect_image(name)).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_status(&error, 404) => Ok(None),
            Err(error) => Err(other(error)),
        }
    }

    /// Refuses what no container of ours can be made from.
    async fn sound(&self, reference: &ImageReference, found: &ImageInspect) -> Result<PinnedImage, DriverError> {
        let volumes = found.config.as_ref().and_then(|config| config.volumes.as_ref());
        if let Some(volumes) = volumes.filter(|volumes| !volumes.is_empty()) {
            return Err(DriverError::Config(format!(
                "the image {reference} declares VOLUME {}: a volume has no limit and nobody watches it; an engine writes into its \
                 state directory (GALAXY_STATE_DIR) and /tmp only",
                volumes.join(", ")
            )));
        }
        let ours = self.platform().await?;
        let its = (found.os.clone().unwrap_or_default(), found.architecture.clone().unwrap_or_default());
        let differs = |ours: &str, its: &str| !ours.is_empty() && !its.is_empty() && ours != its;
        if differs(&ours.0, &its.0) || differs(&ours.1, &its.1) {
            return Err(DriverError::Config(format!(
                "the image {reference} is for {}/{}, and the daemon runs {}/{}",
                its.0, its.1, ours.0, ours.1
            )));
        }
        let id = found.id.clone().filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| DriverError::Failed(format!("the daemon has no id for the image {reference}")))?;
        Ok(PinnedImage { digest: Some(digest(reference, found).unwrap_or_else(|| id.clone())), id })
    }
}

/// What the image is in the registry of the reference, `repository@digest`. The same image may have digests of other repositories
/// too: those are not where it is to be pulled from.
fn digest(reference: &ImageReference, found: &ImageInspect) -> Option<String> {
    let digests = found.repo_digests.iter().flatten().filter_map(|digest| digest.parse::<ImageReference>().ok());
    let mut here = digests.filter(|digest| digest.repository() == reference.repository());
    let wanted = reference.digest();
    let chosen = here.clone().find(|digest| digest.digest() == wanted).or_else(|| here.next());
    chosen.map(|digest| digest.to_pull())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_pinned_by_the_digest_of_the_repository_that_it_was_asked_from() {
        let of = |n: u8| format!("sha256:{}", n.to_string().repeat(64));
        let found = ImageInspect {
            repo_digests: Some(vec![
                format!("evil.example/engine@{}", of(1)),
                format!("engine@{}", of(2)),
                format!("r.example/engine@{}", of(3)),
                format!("r.example/engine@{}", of(4)),
            ]),
            ..ImageInspect::default()
        };
        let digest = |text: &str| digest(&text.parse().unwrap(), &found);
        assert_eq!(digest("engine:1"), Some(format!("docker.io/library/engine@{}", of(2))));
        assert_eq!(digest("r.example/engine:1"), Some(format!("r.example/engine@{}", of(3))));
        assert_eq!(digest(&format!("r.example/engine@{}", of(4))), Some(format!("r.example/engine@{}", of(4))));
        assert_eq!(digest("other.example/engine"), None);
    }
}

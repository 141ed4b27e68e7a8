//! What every driver that makes engines from images asks of a reference before anybody else sees it (SPEC §8).

use shared::db::runtime::PinnedImage;
use shared::domain::image_reference::{AllowedRegistries, ImageReference};

use super::DriverError;

/// The image that a game names.
///
/// # Errors
/// [`DriverError::Config`] where it is no reference.
pub(super) fn parsed(image: &str) -> Result<ImageReference, DriverError> {
    image.parse().map_err(|why| DriverError::Config(format!("the image {image:?} {why}")))
}

/// Refuses an image of another registry than those allowed.
///
/// # Errors
/// [`DriverError::Config`].
pub(super) fn allowed(registries: &AllowedRegistries, image: &ImageReference) -> Result<(), DriverError> {
    registries.check(image).map_err(|why| DriverError::Config(format!("the image {image} {why}")))
}

/// What an image is fetched by again. One that came from no registry has its id in place of a digest, which is no reference.
pub(super) fn by_digest(pinned: &PinnedImage) -> Option<ImageReference> {
    let reference = pinned.digest.as_deref()?.parse::<ImageReference>().ok()?;
    reference.digest().is_some().then_some(reference)
}

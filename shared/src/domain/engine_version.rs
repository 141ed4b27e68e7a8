//! Labels and images of engine versions (SPEC §8).

use super::image_reference::{AllowedRegistries, ImageReference};

/// Longest label and longest image reference, in characters.
pub const LABEL_MAX: usize = 128;
/// Longest image reference, in characters.
pub const IMAGE_MAX: usize = 512;

/// A label: a semantic version (semver.org 2.0.0), as in `1.4.2`.
///
/// # Errors
/// What is wrong, for people.
pub fn label(text: &str) -> Result<String, String> {
    if text.len() > LABEL_MAX {
        return Err(format!("a version label has at most {LABEL_MAX} characters"));
    }
    semver::Version::parse(text).map(|v| v.to_string()).map_err(|e| format!("not a semantic version: {e}"))
}

/// What an installation takes as an engine's image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Images {
    /// References by Docker's grammar, to these registries.
    References(AllowedRegistries),
    /// Absolute paths of binaries: the process driver's, on a machine without Docker.
    Paths,
}

impl Images {
    /// Checks an image, and answers it as it was written. Whether there is such an image is found out when it is pulled.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn check(&self, text: &str) -> Result<String, String> {
        if text.is_empty() || text.len() > IMAGE_MAX {
            return Err(format!("an image has 1 to {IMAGE_MAX} characters"));
        }
        match self {
            Self::References(_) if text.starts_with('/') => Err(
                "a path is an image only where BACKEND_RUNTIME_DRIVER=process runs engines; elsewhere it is a reference".into(),
            ),
            Self::References(allowed) => {
                let image = text.parse::<ImageReference>().map_err(|why| format!("the image {why}"))?;
                allowed.check(&image).map_err(|why| format!("the image {why}"))?;
                Ok(text.to_owned())
            }
            Self::Paths => {
                // Of one form only, so that the same binary is not registered under several.
                let sound = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(|b| b.is_ascii_graphic());
                match text.strip_prefix('/') {
                    Some(path) if path.split('/').all(sound) => Ok(text.to_owned()),
                    _ => Err("with the process driver an image is the absolute path of a binary, of visible ASCII \
                        characters and without `.` or `..`".into()),
                }
            }
        }
    }
}

/// Whether `to` may take the place of a running `from` (SPEC §8, patch): the same major and minor, and a higher patch. A
/// pre-release of a higher patch counts as that patch. What is no semantic version may take nobody's place.
#[must_use]
pub fn patches(from: &str, to: &str) -> bool {
    match (semver::Version::parse(from), semver::Version::parse(to)) {
        (Ok(from), Ok(to)) => (from.major, from.minor) == (to.major, to.minor) && from.patch < to.patch,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_semantic_versions() {
        for good in ["1.0.0", "0.4.12-rc.1", "2.1.0+build5"] {
            assert_eq!(label(good).unwrap(), good);
        }
        for bad in ["", "1", "1.0", "v1.0.0", "1.0.0 ", "01.0.0", &format!("1.0.0-{}", "x".repeat(130))] {
            assert!(label(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_a_higher_patch_takes_the_place_of_a_running_engine() {
        for (from, to) in [("1.0.0", "1.0.1"), ("1.4.2", "1.4.10"), ("1.0.0-rc.1", "1.0.1"), ("1.0.0", "1.0.1-rc.1")] {
            assert!(patches(from, to), "{from} {to}");
        }
        for (from, to) in [
            ("1.0.0", "1.0.0"),
            ("1.0.1", "1.0.0"),
            ("1.0.0-rc.1", "1.0.0"),
            ("1.0.0", "1.0.0+build2"),
            ("1.0.0", "1.1.1"),
            ("1.0.0", "2.0.1"),
            ("x", "1.0.1"),
            ("1.0.0", ""),
        ] {
            assert!(!patches(from, to), "{from} {to}");
        }
    }

    #[test]
    fn images_are_references_where_containers_run_and_paths_where_processes_do() {
        let images = Images::References(AllowedRegistries::default());
        for good in ["galaxy-engine:1.0.0", "registry.example:5000/a/b"] {
            assert_eq!(images.check(good).unwrap(), good);
            assert!(Images::Paths.check(good).is_err(), "{good}");
        }
        for bad in
            ["", "a b", "-v", "a\"b", "é", &"x".repeat(513), "/usr/local/bin/engine", "../../containers/json?all=1"]
        {
            assert!(images.check(bad).is_err(), "{bad}");
        }
        assert!(images.check("/usr/local/bin/engine").unwrap_err().contains("BACKEND_RUNTIME_DRIVER=process"));
        assert_eq!(Images::Paths.check("/usr/local/bin/engine").unwrap(), "/usr/local/bin/engine");
        for bad in ["", "engine", "./engine", "/", "//engine", "/a/../engine", "/a/./engine", "/a b", "/a/"] {
            assert!(Images::Paths.check(bad).is_err(), "{bad}");
        }
        let ours = Images::References(AllowedRegistries::parse("registry.example").unwrap());
        assert!(ours.check("registry.example/engine").is_ok());
        assert!(ours.check("engine").unwrap_err().contains("docker.io"));
    }
}

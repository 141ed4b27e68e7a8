//! Labels and images of engine versions (SPEC §8).

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

/// An image reference (by tag or digest), or the path of a binary for the process driver: visible ASCII without quotes.
/// Whether there is such an image is found out when it is pulled.
///
/// # Errors
/// What is wrong, for people.
pub fn image(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > IMAGE_MAX {
        return Err(format!("an image reference has 1 to {IMAGE_MAX} characters"));
    }
    if text.starts_with('-') || !text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'`' | b'\\'))
    {
        return Err("an image reference has only visible ASCII characters, no quotes, and starts with no `-`".into());
    }
    Ok(text.to_owned())
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
    fn images_are_references_or_paths() {
        for good in ["galaxy-engine:1.0.0", "registry.example:5000/a/b@sha256:0123", "/usr/local/bin/engine"] {
            assert_eq!(image(good).unwrap(), good);
        }
        for bad in ["", "a b", "-v", "a\"b", "é", &"x".repeat(513)] {
            assert!(image(bad).is_err(), "{bad}");
        }
    }
}

//! References of images, by Docker's grammar (`distribution/reference`), and the registries that they may name (SPEC §8).
//!
//! A text that the grammar does not take never gets near a daemon: it would stand in the path of a request
//! (`../../containers/json?all=1`) or be resolved as a host. What it takes holds only letters, digits and `._-/:@[]`.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// The registry of a reference that names none.
pub const DEFAULT_REGISTRY: &str = "docker.io";
/// Longest repository path, in characters.
const PATH_MAX: usize = 255;
/// Longest tag, in characters.
const TAG_MAX: usize = 128;
/// What Docker digests with, and how many hexadecimal digits that makes.
const ALGORITHMS: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];

/// A reference, in its normal form: with its registry, and below `docker.io` with `library/` where it names no owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReference {
    registry: String,
    path: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl ImageReference {
    /// The registry's host, with its port if it names one: `docker.io`, `registry.example:5000`, `[::1]:5000`.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Registry and path: `docker.io/library/engine`.
    #[must_use]
    pub fn repository(&self) -> String {
        format!("{}/{}", self.registry, self.path)
    }

    /// The digest that it names, `sha256:…`.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// What a daemon is asked for: by digest alone where there is one, else by tag, `latest` where it names none. A reference
    /// without either would make a daemon pull every tag of the repository.
    #[must_use]
    pub fn to_pull(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => format!("{}@{digest}", self.repository()),
            (None, tag) => format!("{}:{}", self.repository(), tag.as_deref().unwrap_or("latest")),
        }
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Why a text is no reference; reads on after "the image".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing stands where the name should.
    #[error("has no name")]
    NoName,
    /// It begins with a scheme, as in `http://…`.
    #[error("is a URL; a reference is written without a scheme, such as registry.example/galaxy/engine:1.0.0")]
    Url,
    /// 64 hexadecimal digits would be taken for an image's id.
    #[error("is an image's id; name it by repository and digest, such as registry.example/galaxy/engine@sha256:…")]
    Id,
    /// The host before the first `/`.
    #[error(
        "names no registry: {0:?} is not a host name with a dot or a port, an IPv4 address or an IPv6 address in brackets"
    )]
    Registry(String),
    /// The path has capitals.
    #[error("has upper case letters in its name, {0:?}: a repository's name is lower case")]
    UpperCase(String),
    /// A part of the path is none.
    #[error(
        "has {0:?} in its name: parts are lower case letters and digits, with single `.` or `_`, `__`, or any number of `-` between them"
    )]
    Part(String),
    /// The path is too long.
    #[error("has a name of more than {PATH_MAX} characters")]
    TooLong,
    /// What stands behind the last `:`.
    #[error(
        "has the tag {0:?}: a tag is 1 to {TAG_MAX} letters, digits, `_`, `.` and `-`, and begins with none of the last two"
    )]
    Tag(String),
    /// What stands behind the `@`.
    #[error(
        "has the digest {0:?}: a digest is sha256, sha384 or sha512, a colon, and 64, 96 or 128 lower case hexadecimal digits"
    )]
    Digest(String),
}

impl FromStr for ImageReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.contains("://") {
            return Err(ReferenceError::Url);
        }
        if text.len() == 64 && text.bytes().all(is_hex) {
            return Err(ReferenceError::Id);
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(parse_digest(digest)?)),
            None => (text, None),
        };
        let (registry, rest) = split_registry(rest)?;
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(parse_tag(tag)?)),
            None => (rest, None),
        };
        check_path(path)?;
        let path = if registry == DEFAULT_REGISTRY && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        // In its normal form, which must be read again.
        if path.len() > PATH_MAX {
            return Err(ReferenceError::TooLong);
        }
        Ok(Self { registry, path, tag, digest })
    }
}

const fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// What stands before the first `/` is a registry if it could be no part of a path, or is `localhost`.
fn split_registry(text: &str) -> Result<(String, &str), ReferenceError> {
    let Some((first, rest)) = text.split_once('/') else { return Ok((DEFAULT_REGISTRY.to_owned(), text)) };
    let is_host = first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|b| b.is_ascii_uppercase());
    if !is_host {
        return Ok((DEFAULT_REGISTRY.to_owned(), text));
    }
    // A host that only its capitals set apart would be a part of Docker Hub's path once it is written in its normal form.
    let is_host = |host: &String| host.contains(['.', ':']) || host == "localhost";
    let host = registry_host(first).filter(is_host).ok_or_else(|| ReferenceError::Registry(first.to_owned()))?;
    Ok((host, rest))
}

/// A registry's host in its normal form, lower case; `None` where it is none.
fn registry_host(text: &str) -> Option<String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            let port = if port.is_empty() { None } else { Some(port.strip_prefix(':')?) };
            (format!("[{address}]"), port)
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (text.to_owned(), None),
        },
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if !host.starts_with('[') && !host.split('.').all(label) {
        return None;
    }
    let sound = |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    if !port.is_none_or(sound) {
        return None;
    }
    let host = host.to_ascii_lowercase();
    Some(match port {
        Some(port) => format!("{host}:{port}"),
        // Docker Hub's second name.
        None if host == "index.docker.io" => DEFAULT_REGISTRY.to_owned(),
        None => host,
    })
}

fn check_path(path: &str) -> Result<(), ReferenceError> {
    if path.is_empty() {
        return Err(ReferenceError::NoName);
    }
    for part in path.split('/') {
        if part.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(ReferenceError::UpperCase(part.to_owned()));
        }
        if !is_part(part) {
            return Err(ReferenceError::Part(part.to_owned()));
        }
    }
    Ok(())
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_part(part: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = part.as_bytes();
    let ends = bytes.first().zip(bytes.last());
    if !ends.is_some_and(|(first, last)| alphanumeric(*first) && alphanumeric(*last)) {
        return false;
    }
    part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        .all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|b| b == b'-'))
}

fn parse_tag(tag: &str) -> Result<String, ReferenceError> {
    let sound = (1..=TAG_MAX).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if sound { Ok(tag.to_owned()) } else { Err(ReferenceError::Tag(tag.to_owned())) }
}

fn parse_digest(digest: &str) -> Result<String, ReferenceError> {
    let sound = digest
        .split_once(':')
        .is_some_and(|(algorithm, hex)| ALGORITHMS.contains(&(algorithm, hex.len())) && hex.bytes().all(is_hex));
    if sound { Ok(digest.to_owned()) } else { Err(ReferenceError::Digest(digest.to_owned())) }
}

/// The registries that images may come from (`BACKEND_RUNTIME_ALLOWED_REGISTRIES`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedRegistries(Vec<String>);

impl AllowedRegistries {
    /// Reads hosts separated by commas; nothing allows every registry.
    ///
    /// # Errors
    /// Which of them is no host.
    pub fn parse(text: &str) -> Result<Self, String> {
        let hosts = text.split(',').map(str::trim).filter(|host| !host.is_empty()).map(|host| {
            registry_host(host)
                .ok_or_else(|| format!("{host:?} is no registry, such as docker.io or registry.example:5000"))
        });
        hosts.collect::<Result<_, _>>().map(Self)
    }

    /// Refuses a reference to another registry.
    ///
    /// # Errors
    /// Which are allowed, for people; reads on after "the image".
    pub fn check(&self, image: &ImageReference) -> Result<(), String> {
        if self.0.is_empty() || self.0.iter().any(|host| host == image.registry()) {
            return Ok(());
        }
        Err(format!(
            "is from {}; images may come from {} (BACKEND_RUNTIME_ALLOWED_REGISTRIES)",
            image.registry(),
            self.0.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests;

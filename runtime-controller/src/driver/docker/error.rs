//! The daemon's errors in our terms.

use bollard::errors::Error;

use super::DriverError;

/// Whether the daemon answered with this HTTP status.
pub(super) fn is_status(error: &Error, status: u16) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code, .. } if *status_code == status)
}

/// An error without a meaning of its own: the daemon answered, or it is away.
pub(super) fn other(error: Error) -> DriverError {
    unavailable_or(&error, DriverError::Failed)
}

/// The daemon is away, or else what `meaning` says.
pub(super) fn unavailable_or(error: &Error, meaning: impl FnOnce(String) -> DriverError) -> DriverError {
    match error {
        Error::DockerResponseServerError { message, .. } => meaning(message.clone()),
        Error::DockerStreamError { error } => meaning(error.clone()),
        // Connection, timeout, broken stream: whatever it is, it is not about the container.
        error => DriverError::Unavailable(error.to_string()),
    }
}

/// What a refused pull means: the daemon puts the registry's words into a 404 or a 500.
pub(super) fn pull(error: &Error) -> DriverError {
    match error {
        Error::DockerResponseServerError { status_code: 400 | 404, message } => {
            DriverError::Image { reason: message.clone(), passing: false }
        }
        Error::DockerResponseServerError { message, .. } => pull_text(message.clone()),
        Error::DockerStreamError { error } => pull_text(error.clone()),
        error => DriverError::Unavailable(error.to_string()),
    }
}

/// There is no code to tell these apart by: only the words that registries have used for years.
pub(super) fn pull_text(reason: String) -> DriverError {
    let lower = reason.to_lowercase();
    let final_words = [
        "not found",
        "manifest unknown",
        "no matching manifest",
        "access denied",
        "unauthorized",
        "no basic auth credentials",
        "invalid reference",
    ];
    let passing = !final_words.iter().any(|words| lower.contains(words));
    DriverError::Image { reason, passing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_image_is_final_and_a_silent_registry_is_not() {
        let passing = |text: &str| match pull_text(text.to_owned()) {
            DriverError::Image { passing, .. } => passing,
            other => panic!("{other:?}"),
        };
        assert!(!passing("manifest for engine:9 not found: manifest unknown"));
        assert!(!passing("pull access denied for engine, repository does not exist"));
        assert!(!passing("no matching manifest for linux/amd64 in the manifest list entries"));
        assert!(!passing("Head \"http://127.0.0.1:5000/v2/engine/manifests/1\": no basic auth credentials"));
        assert!(passing("Get \"https://registry/v2/\": dial tcp: lookup registry: no such host"));
        assert!(passing("net/http: TLS handshake timeout"));
    }
}

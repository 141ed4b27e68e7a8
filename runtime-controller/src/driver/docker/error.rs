//! The daemon's errors in our terms.

use bollard::errors::Error;

use super::super::pull_words::pull_text;
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

//! The API server's errors in our terms.

use std::error::Error as StdError;
use std::time::Duration;

use kube::Error;

use super::super::DriverError;

/// Limit of a call that should be quick.
pub(super) const CALL: Duration = Duration::from_secs(30);

/// A quick call's whole answer, within its limit.
pub(super) async fn whole<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match tokio::time::timeout(CALL, call).await {
        Ok(done) => done,
        Err(_) => Err(Error::Service("no answer in time".into())),
    }
}

/// The HTTP status that the API server refused with.
pub(super) fn code(error: &Error) -> Option<u16> {
    if let Error::Api(status) = error { Some(status.code) } else { None }
}

/// An error without a meaning of its own: the server answered, or it is away.
pub(super) fn other(error: Error) -> DriverError {
    let Error::Api(status) = &error else { return DriverError::Unavailable(chain_of(&error)) };
    let said = status.message.clone();
    match status.code {
        // A quota has room again when other games end.
        403 if said.contains("exceeded quota") => DriverError::Failed(said),
        403 => {
            DriverError::Config(format!("{said} (deploy/kubernetes/engines-kubernetes has the Role that is needed)"))
        }
        400 | 404 | 405 | 422 => DriverError::Config(said),
        401 | 408 | 410 | 429 | 500.. => DriverError::Unavailable(format!("it answers {}: {said}", status.code)),
        _ => DriverError::Failed(said),
    }
}

/// An error with what caused it: alone it says "client error (Connect)".
pub(super) fn chain_of(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn refused(code: u16, message: &str) -> DriverError {
        other(Error::Api(Status::failure(message, "").with_code(code).boxed()))
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        for away in [401, 429, 500, 503, 504] {
            assert!(matches!(refused(away, "later"), DriverError::Unavailable(_)), "{away}");
        }
        for wrong in [400, 403, 404, 422] {
            assert!(matches!(refused(wrong, "pods is forbidden"), DriverError::Config(_)), "{wrong}");
        }
        let full = "pods \"galaxy-game-1\" is forbidden: exceeded quota: games, requested: pods=1, used: pods=50";
        assert!(matches!(refused(403, full), DriverError::Failed(_)));
        assert!(matches!(other(Error::TlsRequired), DriverError::Unavailable(_)));
    }
}

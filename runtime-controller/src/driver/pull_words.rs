//! What a refused pull means, by the words that daemons and kubelets pass on from registries.

use super::DriverError;

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

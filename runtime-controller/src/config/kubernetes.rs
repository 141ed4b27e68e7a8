//! What the Kubernetes driver is told beside what holds for containers of any driver.

use std::path::PathBuf;

use shared::config::{DriverKind, Reader, parse};
use shared::domain::image_reference::ImageReference;

/// The settings of the Kubernetes driver.
#[derive(Debug, Clone, Default)]
pub struct KubernetesConfig {
    /// `BACKEND_KUBERNETES_NAMESPACE`.
    pub namespace: String,
    /// `BACKEND_KUBERNETES_KUBECONFIG`; `None`: the pod's own service account.
    pub kubeconfig: Option<PathBuf>,
    /// `BACKEND_KUBERNETES_STORAGE_CLASS`; `None`: the cluster's default.
    pub storage_class: Option<String>,
    /// `BACKEND_KUBERNETES_PULL_SECRETS`.
    pub pull_secrets: Vec<String>,
    /// `BACKEND_KUBERNETES_COPY_IMAGE`; `None`: no patch.
    pub copy_image: Option<String>,
}

impl KubernetesConfig {
    /// Asks for all of them; the namespace must be given where this driver is chosen.
    pub(super) fn read(r: &mut Reader, driver: DriverKind) -> Self {
        let (name, doc) = (
            "BACKEND_KUBERNETES_NAMESPACE",
            "Namespace of the engines' pods, for nothing else. Needed with the kubernetes driver.",
        );
        let namespace = match driver {
            DriverKind::Kubernetes => r.required(name, "galaxy-games", doc, object_name),
            _ => r.maybe(name, doc, "galaxy-games", object_name).unwrap_or_default(),
        };
        Self {
            namespace,
            kubeconfig: r.maybe(
                "BACKEND_KUBERNETES_KUBECONFIG",
                "Kubeconfig file, for a controller outside the cluster. Absent: the pod's own service account.",
                "/etc/galaxy/kubeconfig",
                parse::absolute_path,
            ),
            storage_class: r.maybe(
                "BACKEND_KUBERNETES_STORAGE_CLASS",
                "Storage class of the games' volumes, which ask for three times BACKEND_RUNTIME_STATE_LIMIT. Absent: the \
                 cluster's default.",
                "fast",
                object_name,
            ),
            pull_secrets: r.optional(
                "BACKEND_KUBERNETES_PULL_SECRETS",
                "",
                "Comma-separated names of Secrets in that namespace with the registries' credentials (imagePullSecrets).",
                object_names,
            ),
            copy_image: r.maybe(
                "BACKEND_KUBERNETES_COPY_IMAGE",
                "Image of runtime-controller itself: a pod of it copies a game's state before a patch. Absent: patches are \
                 refused with the kubernetes driver.",
                "registry.example.org/galaxy/runtime-controller:0.1.0",
                copy_image,
            ),
        }
    }
}

/// A label's value in Kubernetes is shorter than one of Docker, and ends with a letter or a digit.
pub(super) fn label_value(value: &str) -> Result<String, String> {
    let ends = value.bytes().next_back().is_some_and(|b| b.is_ascii_alphanumeric());
    if value.len() <= 63 && ends {
        return super::parse_label(value);
    }
    Err(format!("{value:?} is no value of a label in Kubernetes: at most 63 characters, a letter or digit at the end"))
}

fn object_name(value: &str) -> Result<String, String> {
    let sound = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let fits = (1..=63).contains(&value.len())
        && value.bytes().all(|b| sound(b) || b == b'-' || b == b'.')
        && value.bytes().next().is_some_and(sound)
        && value.bytes().next_back().is_some_and(sound);
    if fits { Ok(value.to_owned()) } else { Err(format!("{value:?} is no name of an object in Kubernetes")) }
}

fn object_names(value: &str) -> Result<Vec<String>, String> {
    value.split(',').map(str::trim).filter(|name| !name.is_empty()).map(object_name).collect()
}

fn copy_image(value: &str) -> Result<String, String> {
    let reference = value.parse::<ImageReference>();
    reference.map(|reference| reference.to_pull()).map_err(|why| format!("the image {value:?} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_are_those_that_the_cluster_takes() {
        assert_eq!(object_names("a, b-1.c,"), Ok(vec!["a".to_owned(), "b-1.c".to_owned()]));
        for bad in ["", "A", "-a", "a-", "a_b", "a/b", &"a".repeat(64)] {
            assert!(object_name(bad).is_err(), "{bad}");
        }
        assert!(label_value("Galaxy_1.x").is_ok());
        for bad in ["", "a.", "a b", &"a".repeat(64)] {
            assert!(label_value(bad).is_err(), "{bad}");
        }
        assert!(copy_image("No Image").is_err());
    }
}

//! The driver for pods against a real Kubernetes. Run by name alone (docs/kubernetes.md).

use runtime_controller::config::{Addressing, PullPolicy};
use runtime_controller::driver::kubernetes::KubernetesDriver;
use shared::ids::GameId;

use crate::drivers::{config, obeys};
use crate::kube_api::NAMESPACE;

#[tokio::test]
async fn a_real_cluster_does_what_every_driver_does() {
    let kubeconfig =
        std::env::var("GALAXY_TEST_KUBECONFIG").expect("GALAXY_TEST_KUBECONFIG names a cluster (docs/kubernetes.md)");
    let of = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let root = tempfile::tempdir().unwrap();
    let mut config = config(root.path());
    config.instance_id = format!("test-{}", GameId::new());
    config.kubernetes.kubeconfig = Some(kubeconfig.into());
    config.kubernetes.namespace = of("GALAXY_TEST_KUBE_NAMESPACE", NAMESPACE);
    config.kubernetes.storage_class = std::env::var("GALAXY_TEST_KUBE_STORAGE_CLASS").ok();
    config.kubernetes.copy_image = Some(of("GALAXY_TEST_KUBE_COPY_IMAGE", "galaxy/runtime-controller:0.1.0"));
    config.docker.addressing = Addressing::Ip;
    config.docker.pull_policy = PullPolicy::Never;
    obeys(&KubernetesDriver::new(&config), &of("GALAXY_TEST_ENGINE_IMAGE", "galaxy-engine:1.0.0")).await;
}

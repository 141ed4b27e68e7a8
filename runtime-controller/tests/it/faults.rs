//! What is wrong with a configuration is told at once, by the binary itself, whichever driver is set.

use testkit::process::{Proc, ProcConfig};

use crate::world::SOON;

/// What every driver reads, and one value each that it cannot take.
static COMMON: [(&str, &str); 12] = [
    ("BACKEND_SHUTDOWN_DELAY", "16s"),
    ("BACKEND_LOGGING_LEVEL", "loud"),
    ("BACKEND_OTEL_METRICS_EXPORTER", "paper"),
    ("BACKEND_RUNTIME_IMAGE_PULL_POLICY", "sometimes"),
    ("BACKEND_ENGINE_ADDRESSING", "name"),
    ("BACKEND_RUNTIME_CONTAINER_CPU_QUOTA", "none"),
    ("BACKEND_RUNTIME_CONTAINER_MEMORY", "much"),
    ("BACKEND_RUNTIME_STATE_LIMIT", "1k"),
    ("BACKEND_RUNTIME_WORKER_POOL_SIZE", "0"),
    ("BACKEND_RUNTIME_RECONCILE_INTERVAL", "0s"),
    ("BACKEND_RUNTIME_REPORT_LIMIT", "1GiB"),
    ("BACKEND_LOBBY_SWEEPER_INTERVAL", "often"),
];

/// Demands that exactly these are told, beside those of [`COMMON`].
async fn told(driver: &str, wrong: &[(&'static str, &'static str)], missing: &[&'static str]) {
    let config = ProcConfig::new(env!("CARGO_BIN_EXE_runtime-controller"))
        .env("BACKEND_RUNTIME_DRIVER", driver)
        .envs(COMMON)
        .envs(wrong.iter().copied());
    let mut controller = Proc::start(config).unwrap();
    assert_eq!(controller.wait_exit(SOON).await.unwrap().code(), Some(2), "{driver}");
    controller.wait_for_line(|line| line.contains("--help"), SOON).await;
    let said = controller.lines().join("\n");
    let given = COMMON.iter().chain(wrong).map(|(name, _)| *name);
    let faulty: Vec<&str> = given.chain(missing.iter().copied()).collect();
    for name in &faulty {
        assert!(said.contains(&format!("  {name}: ")), "{driver}: {name} in {said}");
    }
    assert!(said.contains(&format!("{} faults", faulty.len())), "{driver}: {} in {said}", faulty.len());
}

#[tokio::test]
async fn all_faults_of_a_configuration_are_told_at_once() {
    let docker = [("BACKEND_DOCKER_HOST", "/x"), ("BACKEND_GAME_STATE_ROOT", "games"), ("BACKEND_INSTANCE_ID", "-a")];
    told("docker", &docker, &["BACKEND_POSTGRES_DSN", "BACKEND_DOCKER_NETWORK"]).await;

    let kubernetes = [
        ("BACKEND_INSTANCE_ID", "galaxy."),
        ("BACKEND_KUBERNETES_KUBECONFIG", "kubeconfig"),
        ("BACKEND_KUBERNETES_STORAGE_CLASS", "Fast Disks"),
        ("BACKEND_KUBERNETES_COPY_IMAGE", "No Image"),
    ];
    told("kubernetes", &kubernetes, &["BACKEND_POSTGRES_DSN", "BACKEND_KUBERNETES_NAMESPACE"]).await;
    told("process", &[], &["BACKEND_POSTGRES_DSN", "BACKEND_GAME_STATE_ROOT"]).await;
    // A driver that there is not is a fault like the others, and docker's demands are made.
    told(
        "podman",
        &[],
        &["BACKEND_RUNTIME_DRIVER", "BACKEND_POSTGRES_DSN", "BACKEND_GAME_STATE_ROOT", "BACKEND_DOCKER_NETWORK"],
    )
    .await;
}

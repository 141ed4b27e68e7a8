//! What is wrong with a configuration is told at once, by the binary itself, and nothing secret with it.

use std::time::Duration;

use testkit::process::{Proc, ProcConfig};

const SOON: Duration = Duration::from_secs(90);

#[tokio::test]
async fn all_faults_of_a_configuration_are_told_at_once() {
    let wrong = [
        ("BACKEND_POSTGRES_MAX_CONNS", "0"),
        ("BACKEND_SHUTDOWN_TIMEOUT", "20s"),
        ("BACKEND_SHUTDOWN_DELAY", "15s"),
        ("BACKEND_OTEL_TRACES_EXPORTER", "paper"),
        ("BACKEND_OPS_LISTEN_ADDR", "nowhere"),
        ("BACKEND_NOTIFICATION_ADMIN_EMAIL", "nobody"),
        ("BACKEND_NOTIFICATION_WORKER_INTERVAL", "often"),
        ("BACKEND_NOTIFICATION_MAX_ATTEMPTS", "0"),
        ("BACKEND_NOTIFICATION_CONCURRENCY", "0"),
        ("BACKEND_RETENTION_NOTIFICATIONS", "0s"),
        ("BACKEND_PUSH_HUB_URL", "hub:8081"),
        ("BACKEND_PUSH_HUB_TLS_CA_FILE", "/nowhere/ca.pem"),
        ("BACKEND_TLS_CERT", "/nowhere/tls.crt"),
        ("BACKEND_TLS_KEY", "/nowhere/tls.key"),
        // Too short, and a secret all the same.
        ("BACKEND_WORKER_TOKEN", "marked-secret"),
    ];
    let mut worker = Proc::start(ProcConfig::new(env!("CARGO_BIN_EXE_notify-worker")).envs(wrong)).unwrap();
    assert_eq!(worker.wait_exit(SOON).await.unwrap().code(), Some(2));
    worker.wait_for_line(|line| line.contains("--help"), SOON).await;
    let said = worker.lines().join("\n");
    // Of the timeout nothing is wrong but that the delay is not a part of it; and Postgres is missing.
    let faulty = wrong.iter().map(|(name, _)| *name).filter(|name| *name != "BACKEND_SHUTDOWN_TIMEOUT");
    let faulty: Vec<&str> = faulty.chain(["BACKEND_POSTGRES_DSN"]).collect();
    for name in &faulty {
        assert!(said.contains(&format!("  {name}: ")), "{name} in {said}");
    }
    assert!(said.contains(&format!("{} faults", faulty.len())), "{} in {said}", faulty.len());
    assert!(!said.contains("marked-secret"), "{said}");
}

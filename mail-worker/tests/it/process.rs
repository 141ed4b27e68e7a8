use testkit::eventually;
use testkit::process::{Proc, ProcConfig};

use crate::crash::process;
use crate::stage::{SOON, Stage, code};

/// The ops listener's address, as the process says it.
async fn ops(worker: &mut Proc) -> String {
    let line = worker.wait_for_line(|line| line.contains("\"ops\""), SOON).await;
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    line["ops"].as_str().unwrap().to_owned()
}

/// How many tries ended so, as the metrics tell; `None`: they do not.
fn tries(metrics: &str, outcome: &str) -> Option<u64> {
    let label = format!("outcome=\"{outcome}\"");
    let line = metrics.lines().find(|line| line.starts_with("mail_attempts_total") && line.contains(&label))?;
    line.rsplit_once(' ')?.1.trim().parse().ok()
}

#[tokio::test]
async fn the_process_delivers_tells_nothing_private_and_stops_when_asked() {
    let stage = Stage::new().await;
    let mut worker = process(&stage);
    let ops = ops(&mut worker).await;
    stage.relay.faults().reject_recipient("nobody@example.org", 550);
    let sent = stage.enqueue(&code("481516"), "1", &["ann@example.org"]).await;
    let dead = stage.enqueue(&code("234223"), "2", &["nobody@example.org"]).await;
    stage.reaches(sent, "sent").await;
    stage.reaches(dead, "dead_lettered").await;

    let get = |path: &str| reqwest::get(format!("http://{ops}{path}"));
    assert_eq!(get("/healthz").await.unwrap().status(), 200);
    assert_eq!(get("/readyz").await.unwrap().status(), 200);
    let metrics = eventually(SOON, "metrics", || async {
        let text = get("/metrics").await.unwrap().text().await.unwrap();
        let has = ["mail_attempts_total", "mail_dead_letters_total", "mail_outbox_depth"];
        let counted = ["sent", "permanent"].iter().all(|outcome| tries(&text, outcome) == Some(1));
        if has.iter().all(|name| text.contains(name)) && counted { Ok(text) } else { Err(text) }
    })
    .await;
    // What somebody looks for the growth of is there from the start.
    assert_eq!(tries(&metrics, "unknown"), Some(0), "{metrics}");

    worker.terminate();
    assert!(worker.wait_exit(SOON).await.unwrap().success(), "{}", worker.tail(20));
    let said = worker.lines().join("\n");
    for private in ["ann@example.org", "nobody@example.org", "481516", "234223"] {
        assert!(!said.contains(private), "{private} in the log:\n{said}");
    }
    stage.end().await;
}

#[tokio::test]
async fn an_idle_process_is_small() {
    let stage = Stage::new().await;
    let mut worker = process(&stage);
    ops(&mut worker).await;
    let id = stage.enqueue(&code("481516"), "1", &["ann@example.org"]).await;
    stage.reaches(id, "sent").await;
    let mib = worker.rss_bytes() / (1 << 20);
    println!("resident after one mail: {mib} MiB (this build profile)");
    assert!(mib < 48, "{mib} MiB; the bar of 32 MiB is for release builds");
    stage.end().await;
}

#[tokio::test]
async fn all_faults_of_a_configuration_are_told_at_once() {
    let mut worker = Proc::start(
        ProcConfig::new(env!("CARGO_BIN_EXE_mail-worker"))
            .env("BACKEND_SMTP_TLS_MODE", "ssl")
            .env("BACKEND_MAIL_CONCURRENCY", "0"),
    )
    .unwrap();
    assert_eq!(worker.wait_exit(SOON).await.unwrap().code(), Some(2));
    let said = eventually(SOON, "its words", || async {
        let said = worker.lines().join("\n");
        if said.contains("--help") { Ok(said) } else { Err(said) }
    })
    .await;
    for name in [
        "BACKEND_POSTGRES_DSN",
        "BACKEND_SMTP_HOST",
        "BACKEND_SMTP_FROM",
        "BACKEND_SMTP_TLS_MODE",
        "BACKEND_MAIL_CONCURRENCY",
    ] {
        assert!(said.contains(name), "{name} in {said}");
    }
}

use testkit::process::{Proc, ProcConfig};

use crate::stage::{SOON, Stage, code, message_id, started};

/// The worker as its own process, for killing.
pub fn process(stage: &Stage) -> Proc {
    Proc::start(config(stage)).unwrap()
}

/// The same, not started yet.
pub fn config(stage: &Stage) -> ProcConfig {
    ProcConfig::new(env!("CARGO_BIN_EXE_mail-worker"))
        .envs(stage.env())
        .env("BACKEND_OPS_LISTEN_ADDR", "127.0.0.1:0")
        .env("BACKEND_OTEL_TRACES_EXPORTER", "none")
        .env("BACKEND_OTEL_METRICS_EXPORTER", "prometheus")
}

#[tokio::test]
async fn a_connection_lost_after_the_message_leads_to_the_same_mail_again() {
    let stage = Stage::new().await;
    stage.relay.faults().drop_after_content(1);
    let worker = stage.worker();
    let id = stage.enqueue(&code("481516"), "k", &["ann@example.org"]).await;
    stage.reaches(id, "sent").await;
    let mails = stage.relay.messages();
    assert_eq!(mails.len(), 2);
    assert_eq!(stage.relay.contents_with_id(&message_id(id)), 2);
    assert_eq!(mails[0].raw, mails[1].raw, "byte for byte");
    let outcomes: Vec<_> = stage.attempts(id).await.into_iter().map(|a| a.outcome).collect();
    assert_eq!(outcomes, ["unknown", "sent"]);
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn a_worker_killed_in_mid_data_leaves_unknown_and_another_sends_the_same_mail_again() {
    let stage = Stage::new().await;
    stage.relay.faults().hold_after_content(1);
    let mut doomed = process(&stage);
    let id = stage.enqueue(&started("Rim"), "k", &["ann@example.org"]).await;
    stage.relay.wait_for(|m| m.is_to("ann@example.org"), SOON).await;
    let delivery = stage.delivery(id).await;
    assert_eq!(delivery.status, "sending");
    assert!(delivery.data_started_at.is_some(), "recorded before DATA");
    doomed.kill9();

    let worker = stage.worker();
    let delivery = stage.reaches(id, "sent").await;
    assert!(delivery.data_started_at.is_none());
    let outcomes: Vec<_> = stage.attempts(id).await.into_iter().map(|a| (a.attempt_no, a.outcome)).collect();
    assert_eq!(outcomes, [(1, "unknown".to_owned()), (2, "sent".to_owned())]);
    assert_eq!(stage.relay.contents_with_id(&message_id(id)), 2);
    let mails = stage.relay.messages();
    assert_eq!(mails[0].raw, mails[1].raw, "byte for byte");
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn a_worker_killed_before_data_leaves_no_attempt_and_nothing_is_sent_twice() {
    let stage = Stage::new().await;
    stage.relay.faults().delay_replies(std::time::Duration::from_secs(3));
    let mut doomed = process(&stage);
    let id = stage.enqueue(&started("Rim"), "k", &["ann@example.org"]).await;
    stage.reaches(id, "sending").await;
    doomed.kill9();
    stage.relay.faults().clear();
    let worker = stage.worker();
    stage.reaches(id, "sent").await;
    let outcomes: Vec<_> = stage.attempts(id).await.into_iter().map(|a| a.outcome).collect();
    assert_eq!(outcomes, ["sent"]);
    assert_eq!(stage.relay.contents_with_id(&message_id(id)), 1);
    worker.stop().await;
    stage.end().await;
}

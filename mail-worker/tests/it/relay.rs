use std::time::{Duration, Instant};

use testkit::eventually;
use testkit::mail::MailCatcherConfig;

use crate::lines::urgent;
use crate::stage::{SOON, Stage, code, from_now, started};

/// Everything that was enqueued while the relay was unusable goes out when it is back, and nothing was burned. `probed`
/// waits until the worker has looked for it several times.
async fn outage(
    stage: &Stage,
    mails: usize,
    probed: impl Future<Output = ()>,
) -> (Vec<shared::ids::DeliveryId>, crate::stage::InProcess) {
    let worker = stage.worker_with(&[("BACKEND_MAIL_MAX_ATTEMPTS", "2")], |_| {});
    let mut ids = Vec::new();
    for n in 0..mails {
        ids.push(stage.enqueue(&started("Rim"), &n.to_string(), &["ann@example.org"]).await);
    }
    eventually(SOON, "degraded", || async { worker.smtp_degraded() }).await;
    // A worker that burned an attempt with each look would have spent its two.
    probed.await;
    assert!(worker.smtp_degraded());
    assert_eq!(worker.health.report().http_status(), 200, "degraded, but ready");
    (ids, worker)
}

async fn recovery(stage: Stage, ids: Vec<shared::ids::DeliveryId>, worker: crate::stage::InProcess) {
    let back = Instant::now();
    for id in &ids {
        let delivery = stage.reaches(*id, "sent").await;
        assert_eq!(delivery.failures, 0, "an outage costs no attempt");
    }
    println!("recovered after {:?}", back.elapsed());
    assert_eq!(stage.relay.messages().len(), ids.len());
    assert!(!worker.smtp_degraded());
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn a_relay_that_is_away_burns_nothing_and_all_is_delivered_when_it_is_back() {
    let stage = Stage::new().await;
    stage.relay.stop().await;
    // Somebody else has its port for a while, and hangs up.
    let probed = async {
        let other = tokio::net::TcpListener::bind(stage.relay.smtp_addr()).await.unwrap();
        for _ in 0..2 {
            tokio::time::timeout(SOON, other.accept()).await.expect("a probe").unwrap();
        }
    };
    let (ids, worker) = outage(&stage, 20, probed).await;
    let touched: i64 = sqlx::query_scalar("SELECT count(*) FROM mail_attempts").fetch_one(&stage.pool()).await.unwrap();
    assert!(touched <= 20, "the worker as a whole waits, not each mail: {touched} attempts");
    stage.relay.start_again().await.unwrap();
    recovery(stage, ids, worker).await;
}

#[tokio::test]
async fn a_relay_that_greets_with_421_is_down_too() {
    let stage = Stage::new().await;
    stage.relay.faults().greet_with(Some(421));
    let probed = eventually(SOON, "probes", || async { stage.relay.connections() >= 4 });
    let (ids, worker) = outage(&stage, 3, probed).await;
    stage.relay.faults().greet_with(None);
    recovery(stage, ids, worker).await;
}

#[tokio::test]
async fn a_wrong_password_is_ours_to_mend_and_kills_no_mail() {
    let credentials = Some(("galaxy".to_owned(), "right".to_owned()));
    let stage = Stage::with(MailCatcherConfig { credentials, ..MailCatcherConfig::default() }).await;
    let wrong = stage.worker_with(&[("BACKEND_SMTP_PASSWORD", "wrong")], |_| {});
    let id = stage.enqueue(&started("Rim"), "k", &["ann@example.org"]).await;
    eventually(SOON, "degraded", || async { wrong.smtp_degraded() }).await;
    wrong.stop().await;
    assert_eq!(stage.delivery(id).await.failures, 0);
    let right = stage.worker();
    stage.reaches(id, "sent").await;
    right.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn an_idle_connection_that_died_unnoticed_costs_nothing() {
    let stage = Stage::new().await;
    let worker = stage.worker();
    let first = stage.enqueue(&started("Rim"), "1", &["ann@example.org"]).await;
    stage.reaches(first, "sent").await;
    stage.relay.stop().await;
    stage.relay.start_again().await.unwrap();
    let second = stage.enqueue(&started("Rim"), "2", &["ann@example.org"]).await;
    let delivery = stage.reaches(second, "sent").await;
    assert_eq!((delivery.attempt_no, delivery.failures), (1, 0));
    assert!(!worker.smtp_degraded());
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn a_421_in_mid_dialogue_opens_the_circuit() {
    let stage = Stage::new().await;
    stage.relay.faults().reject_next_mail(1, 421);
    let worker = stage.worker();
    let id = stage.enqueue(&started("Rim"), "k", &["ann@example.org"]).await;
    let delivery = stage.reaches(id, "sent").await;
    assert_eq!(delivery.failures, 0);
    assert!(delivery.attempt_no > 1);
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn a_silent_relay_is_given_up_on_at_its_step() {
    let stage = Stage::new().await;
    stage.relay.faults().delay_replies(Duration::from_secs(60));
    let worker = stage.worker_with(&[("BACKEND_SMTP_TIMEOUT", "200ms")], |_| {});
    let id = stage.enqueue(&started("Rim"), "k", &["ann@example.org"]).await;
    eventually(SOON, "degraded", || async { worker.smtp_degraded() }).await;
    // Whoever waits so briefly says of a busy machine too that it is silent.
    worker.stop().await;
    stage.relay.faults().clear();
    let worker = stage.worker_with(&[("BACKEND_SMTP_TIMEOUT", "30s")], |_| {});
    assert_eq!(stage.reaches(id, "sent").await.failures, 0);
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn a_code_whose_time_passes_during_the_outage_is_not_sent() {
    let stage = Stage::new().await;
    stage.relay.stop().await;
    let worker = stage.worker();
    let expires = from_now(1.0);
    let id = stage.enqueue_until(&code("123456"), "k", &["ann@example.org"], Some(expires)).await;
    eventually(SOON, "degraded", || async { worker.smtp_degraded() }).await;
    eventually(SOON, "its time", || async { from_now(0.0) > expires }).await;
    stage.relay.start_again().await.unwrap();
    stage.reaches(id, "expired").await;
    assert!(stage.payload(id).await.wiped_at.is_some());
    assert!(stage.relay.messages().is_empty());
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn when_the_relay_is_back_codes_go_before_the_backlog() {
    let stage = Stage::new().await;
    stage.relay.stop().await;
    let mut ids = Vec::new();
    for n in 0..60 {
        ids.push(stage.enqueue(&started("Rim"), &n.to_string(), &["ann@example.org"]).await);
    }
    // Twelve slots, so that most of the backlog is not claimed yet when it begins to drain.
    let worker = stage.worker_with(&[("BACKEND_MAIL_CONCURRENCY", "2"), ("BACKEND_SMTP_TIMEOUT", "30s")], |_| {});
    eventually(SOON, "degraded", || async { worker.smtp_degraded() }).await;
    // Asked for last of all, in the middle of the outage.
    for n in 0..3 {
        ids.push(urgent(&stage, &format!("code {n}")).await);
    }
    stage.relay.start_again().await.unwrap();
    for id in &ids {
        assert_eq!(stage.reaches(*id, "sent").await.failures, 0);
    }
    let mut mails = stage.relay.messages();
    mails.sort_by_key(|mail| mail.number);
    let codes: Vec<usize> = (0..mails.len()).filter(|at| mails[*at].is_to("eve@example.org")).collect();
    println!("codes were numbers {codes:?} of {}, from 0 on", mails.len());
    // In the order in which they were asked for they would be the last three.
    assert!(codes.len() == 3 && codes[2] < 30, "{codes:?} of {}", mails.len());
    worker.stop().await;
    stage.end().await;
}

//! A relay that takes only so many mails a second gets no more, and the sign-in code does not wait behind the others.

use std::time::{Duration, Instant};

use crate::lines::urgent;
use crate::stage::{Stage, started};

/// Mails a second.
const RATE: u32 = 8;
const MAILS: u32 = 32;

#[tokio::test]
async fn a_relay_gets_no_more_mails_a_second_than_is_allowed_and_a_code_passes_those_that_wait() {
    let stage = Stage::new().await;
    let mut ids = Vec::new();
    for n in 0..MAILS {
        ids.push(stage.enqueue(&started("Rim"), &n.to_string(), &["ann@example.org"]).await);
    }
    let began = Instant::now();
    let rate = RATE.to_string();
    let limits = [("BACKEND_SMTP_RATE", rate.as_str()), ("BACKEND_SMTP_TIMEOUT", "30s")];
    let worker = stage.worker_with(&limits, |_| {});
    stage.relay.wait_for_count(2, crate::stage::SOON).await;
    ids.push(urgent(&stage, "urgent").await);
    for id in &ids {
        let delivery = stage.reaches(*id, "sent").await;
        assert_eq!((delivery.attempt_no, delivery.failures), (1, 0), "a mail that waits has not begun");
    }
    // The first waits for nobody, and a timer's delay may be made up for.
    let least = Duration::from_secs(1) * MAILS / RATE - Duration::from_millis(20);
    assert!(began.elapsed() >= least, "{MAILS} mails and a code in {:?}, {RATE} a second are allowed", began.elapsed());
    let mut mails = stage.relay.messages();
    mails.sort_by_key(|mail| mail.number);
    let code = mails.iter().position(|mail| mail.is_to("eve@example.org")).unwrap();
    println!("the code was number {} of {}", code + 1, mails.len());
    // A slow machine needs a while to claim it. Behind those that were claimed before it, it would be the last.
    assert!(code + 5 < mails.len(), "the code was number {} of {}", code + 1, mails.len());
    assert_eq!(mails.len(), ids.len());
    worker.stop().await;
    stage.end().await;
}

/// Each with the whole rate, they would take half the time.
#[tokio::test]
async fn two_workers_share_what_the_relay_is_given() {
    let stage = Stage::new().await;
    let mut ids = Vec::new();
    for n in 0..MAILS {
        ids.push(stage.enqueue(&started("Rim"), &n.to_string(), &["ann@example.org"]).await);
    }
    let rate = RATE.to_string();
    // One connection, so that neither claims all of them.
    let limits =
        [("BACKEND_SMTP_RATE", rate.as_str()), ("BACKEND_SMTP_TIMEOUT", "30s"), ("BACKEND_MAIL_CONCURRENCY", "1")];
    let workers = [stage.worker_with(&limits, |_| {}), stage.worker_with(&limits, |_| {})];
    stage.relay.wait_for_count(1, crate::stage::SOON).await;
    let began = Instant::now();
    for id in &ids {
        let delivery = stage.reaches(*id, "sent").await;
        assert_eq!((delivery.attempt_no, delivery.failures), (1, 0), "a mail that waits has not begun");
    }
    // Some have come when the first is seen, and for a second one may not know of the other.
    let least = Duration::from_secs(1) * (MAILS - RATE) / RATE;
    assert!(began.elapsed() >= least, "{MAILS} mails in {:?}, {RATE} a second are allowed", began.elapsed());
    assert_eq!(stage.relay.messages().len(), ids.len());
    for worker in workers {
        worker.stop().await;
    }
    stage.end().await;
}

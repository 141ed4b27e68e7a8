//! What an administrator sends again is really sent.

use shared::db::mail::{DeliveryFilter, hold, pick, resend};
use shared::db::queues;
use shared::domain::delivery::DeliveryStatus;
use shared::ids::DeliveryId;
use shared::queue::Topic;
use testkit::eventually;

use crate::stage::{SOON, Stage, code, started};

/// As the administrator's request does it.
async fn send_again(stage: &Stage, id: DeliveryId) {
    let mut tx = stage.pool().begin().await.unwrap();
    assert!(hold(&mut tx, id).await.unwrap().is_some());
    assert_eq!(resend(&mut tx, &[id.uuid()]).await.unwrap(), 1);
    tx.commit().await.unwrap();
    stage.wake(Topic::Mail);
}

fn dead() -> DeliveryFilter {
    DeliveryFilter { statuses: Some(DeliveryStatus::DEAD.to_vec()), ..DeliveryFilter::default() }
}

#[tokio::test]
async fn a_dead_letter_that_is_resent_is_delivered() {
    let stage = Stage::new().await;
    stage.relay.faults().reject_next_rcpt(1, 550);
    let worker = stage.worker();
    let id = stage.enqueue(&started("Rim"), "k", &["ann@example.org"]).await;
    stage.reaches(id, "dead_lettered").await;
    assert!(stage.dead_letter(id).await.is_some());
    send_again(&stage, id).await;
    let delivery = stage.reaches(id, "sent").await;
    assert_eq!((delivery.attempt_no, delivery.failures), (2, 0), "attempts count on, failures begin anew");
    assert_eq!(stage.recipients(id).await, [("ann@example.org".to_owned(), "accepted".to_owned(), Some(250))]);
    assert_eq!(stage.dead_letter(id).await, None);
    let outcomes: Vec<_> = stage.attempts(id).await.into_iter().map(|a| (a.attempt_no, a.outcome)).collect();
    assert_eq!(outcomes, [(1, "permanent".to_owned()), (2, "sent".to_owned())]);
    assert_eq!(stage.relay.messages().len(), 1);

    // One that dies again is a dead letter again, and counted in an alarm again.
    stage.relay.faults().reject_next_rcpt(2, 550);
    let id = stage.enqueue(&started("Rim"), "k2", &["bob@example.org"]).await;
    stage.reaches(id, "dead_lettered").await;
    send_again(&stage, id).await;
    eventually(SOON, "it died again", || async { stage.told_of().await == 3 }).await;
    assert_eq!(stage.delivery(id).await.status, "dead_lettered");
    assert!(stage.dead_letter(id).await.is_some());
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn a_resent_mail_does_not_wait_for_its_backoff_and_asks_nobody_twice() {
    let stage = Stage::new().await;
    let (ann, bob) = ("ann@example.org", "bob@example.org");
    stage.relay.faults().reject_recipient(bob, 450);
    let worker = stage.worker_with(&[], |settings| {
        settings.backoff_base = std::time::Duration::from_secs(3600);
        settings.backoff_cap = std::time::Duration::from_secs(3600);
    });
    let id = stage.enqueue(&started("Rim"), "k", &[ann, bob]).await;
    stage.reaches(id, "retrying").await;
    stage.relay.faults().accept_recipient(bob);
    send_again(&stage, id).await;
    stage.reaches(id, "sent").await;
    let envelopes: Vec<_> = stage.relay.messages().into_iter().map(|m| m.envelope_to).collect();
    assert_eq!(envelopes, [[ann], [bob]]);
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn resending_under_way_and_all_at_once_loses_and_doubles_nothing() {
    let stage = Stage::new().await;
    // Every mail is put off or refused at first; two workers try while three administrators send again what died.
    stage.relay.faults().reject_next_rcpt(60, 450);
    let workers = [stage.worker_with(&[], |s| s.max_attempts = 2), stage.worker_with(&[], |s| s.max_attempts = 2)];
    let mut ids = Vec::new();
    for n in 0..30 {
        ids.push(stage.enqueue(&started("Rim"), &n.to_string(), &[&format!("u{n}@example.org")]).await);
    }
    let administrators = (0..3).map(|_| async {
        eventually(SOON, "all are sent", || async {
            let mut tx = stage.pool().begin().await.unwrap();
            let picked = pick(&mut tx, &dead(), 10).await.unwrap();
            let changed = resend(&mut tx, &picked.ids).await.unwrap();
            tx.commit().await.unwrap();
            stage.wake(Topic::Mail);
            assert_eq!(changed, u64::try_from(picked.ids.len()).unwrap(), "what was chosen was changed");
            let sent: i64 = sqlx::query_scalar("SELECT count(*) FROM mail_deliveries WHERE status = 'sent'")
                .fetch_one(&stage.pool())
                .await
                .unwrap();
            if sent == 30 { Ok(()) } else { Err(sent) }
        })
        .await;
    });
    futures::future::join_all(administrators).await;
    assert_eq!(stage.relay.messages().len(), 30, "each arrived once");
    for id in ids {
        let numbers: Vec<i32> = stage.attempts(id).await.into_iter().map(|a| a.attempt_no).collect();
        assert!(numbers.windows(2).all(|two| two[0] < two[1]), "{numbers:?}");
        assert_eq!(stage.dead_letter(id).await, None);
    }
    for worker in workers {
        worker.stop().await;
    }
    stage.end().await;
}

#[tokio::test]
async fn a_code_that_was_wiped_cannot_be_chosen() {
    let stage = Stage::new().await;
    stage.relay.faults().reject_next_rcpt(1, 550);
    let worker = stage.worker();
    let id = stage.enqueue(&code("481516"), "k", &["ann@example.org"]).await;
    stage.reaches(id, "dead_lettered").await;
    let mut tx = stage.pool().begin().await.unwrap();
    let held = hold(&mut tx, id).await.unwrap().unwrap();
    assert_eq!((held.status.as_str(), held.wiped), ("dead_lettered", true));
    let picked = pick(&mut tx, &dead(), 10).await.unwrap();
    assert_eq!((picked.matched, picked.ids.len()), (0, 0));
    drop(tx);
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn a_paused_outbox_sends_nothing_until_it_is_resumed() {
    let stage = Stage::new().await;
    let worker = stage.worker_with(&[("BACKEND_MAIL_WORKER_INTERVAL", "10m")], |_| {});
    let first = stage.enqueue(&started("Rim"), "1", &["ann@example.org"]).await;
    stage.reaches(first, "sent").await;
    let mut conn = stage.pool().acquire().await.unwrap();
    assert!(queues::pause(&mut conn, &queues::MAIL, true).await.unwrap());
    assert!(!queues::pause(&mut conn, &queues::MAIL, true).await.unwrap());
    let second = stage.enqueue(&started("Rim"), "2", &["bob@example.org"]).await;
    // The worker looks, for it is woken by other work too; what it may not claim stays.
    for _ in 0..5 {
        stage.wake(Topic::Mail);
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.delivery(second).await.status, "pending");
    assert!(queues::pause(&mut conn, &queues::MAIL, false).await.unwrap());
    // No scan comes in ten minutes: it is this that wakes it.
    stage.wake(Topic::Control);
    stage.reaches(second, "sent").await;
    drop(conn);
    worker.stop().await;
    stage.end().await;
}

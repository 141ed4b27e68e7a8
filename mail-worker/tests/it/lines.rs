//! A slot of the queue is not a connection: what is claimed waits for one, and what is sent waits for its finish without one.

use shared::db::mail::{NewMail, enqueue};
use shared::ids::DeliveryId;
use shared::mail::{Priority, Style};
use shared::queue::Topic;
use testkit::eventually;

use crate::stage::{SOON, Stage, code, started};

/// Two connections, one of them for urgent mails.
const TWO: &[(&str, &str)] = &[("BACKEND_MAIL_CONCURRENCY", "2"), ("BACKEND_SMTP_TIMEOUT", "30s")];

/// Enqueues a sign-in code to `eve@example.org`, as api-server does.
pub async fn urgent(stage: &Stage, key: &str) -> DeliveryId {
    let (template, style, to) = (code("481516"), Style::default(), ["eve@example.org".to_owned()]);
    let mail = NewMail {
        template: &template,
        style: &style,
        time_zone: None,
        idempotency_key: key,
        to: &to,
        priority: Priority::Urgent,
        expires_at: None,
        request_id: None,
        traceparent: None,
    };
    let mut conn = stage.db.connect().await;
    let id = enqueue(&mut conn, mail).await.unwrap().expect("a new key");
    stage.wake(Topic::Mail);
    id
}

/// One mail that the relay does not answer, and four that are claimed and wait for its connection.
async fn held_and_waiting(stage: &Stage) -> (DeliveryId, Vec<DeliveryId>) {
    let held = stage.enqueue(&started("Rim"), "held", &["ann@example.org"]).await;
    stage.relay.wait_for(|m| m.is_to("ann@example.org"), SOON).await;
    let mut waiting = Vec::new();
    for n in 0..4 {
        waiting.push(stage.enqueue(&started("Rim"), &n.to_string(), &["bob@example.org"]).await);
    }
    for id in &waiting {
        stage.reaches(*id, "sending").await;
    }
    (held, waiting)
}

#[tokio::test]
async fn mails_wait_for_a_connection_let_a_code_pass_and_are_given_back_at_the_stop() {
    let stage = Stage::new().await;
    stage.relay.faults().hold_after_content(1);
    let worker = stage.worker_with(TWO, |_| {});
    let (held, waiting) = held_and_waiting(&stage).await;
    let code = urgent(&stage, "urgent").await;
    stage.reaches(code, "sent").await;
    assert_eq!(stage.relay.connections(), 2);
    assert!(stage.relay.messages_to("bob@example.org").is_empty());

    worker.lifecycle.stop();
    for id in &waiting {
        let delivery = stage.reaches(*id, "pending").await;
        assert_eq!((delivery.attempt_no, delivery.failures), (0, 0), "as if it had never been claimed");
    }
    assert_eq!(stage.delivery(held).await.status, "sending", "what is under way goes on");
    // The relay hangs up on it.
    stage.relay.stop().await;
    worker.stop().await;
    let attempts: Vec<_> = stage.attempts(held).await.into_iter().map(|a| a.outcome).collect();
    assert_eq!(attempts, ["unknown"]);
    stage.end().await;
}

#[tokio::test]
async fn mails_that_wait_are_given_back_when_the_relay_goes() {
    let stage = Stage::new().await;
    stage.relay.faults().hold_after_content(1);
    let worker = stage.worker_with(TWO, |_| {});
    let (_, waiting) = held_and_waiting(&stage).await;
    stage.relay.stop().await;
    eventually(SOON, "degraded", || async { worker.smtp_degraded() }).await;
    let mut tried = 0;
    for id in &waiting {
        tried += stage.attempts(*id).await.len();
        assert_eq!(stage.delivery(*id).await.failures, 0);
    }
    assert!(tried <= 2, "{tried} of those that waited were tried: the worker as a whole waits");
    stage.relay.start_again().await.unwrap();
    for id in &waiting {
        stage.reaches(*id, "sent").await;
    }
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn a_connection_does_not_wait_for_the_finish_of_the_mail_before() {
    let stage = Stage::new().await;
    // No finish can be written: each has an attempt to record.
    let mut holder = stage.pool().begin().await.unwrap();
    sqlx::query("LOCK TABLE mail_attempts IN SHARE MODE").execute(&mut *holder).await.unwrap();
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(stage.enqueue(&started("Rim"), &n.to_string(), &["ann@example.org"]).await);
    }
    let worker = stage.worker_with(TWO, |_| {});
    stage.relay.wait_for_count(4, SOON).await;
    for id in &ids {
        assert_eq!(stage.delivery(*id).await.status, "sending");
    }
    holder.rollback().await.unwrap();
    for id in &ids {
        stage.reaches(*id, "sent").await;
        assert_eq!(stage.attempts(*id).await.len(), 1);
    }
    assert_eq!(stage.relay.messages().len(), 4);
    worker.stop().await;
    stage.end().await;
}

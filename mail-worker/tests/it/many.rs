use std::time::Duration;

use testkit::eventually;

use crate::stage::{SOON, Stage, message_id, started};

#[tokio::test]
async fn two_workers_send_200_mails_each_once() {
    let stage = Stage::new().await;
    let (one, two) = (stage.worker(), stage.worker());
    let mut ids = Vec::new();
    for n in 0..200 {
        ids.push(stage.enqueue(&started("Rim"), &n.to_string(), &[&format!("p{n}@example.org")]).await);
    }
    stage.relay.wait_for_count(200, SOON).await;
    eventually(SOON, "all sent", || async {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM mail_deliveries WHERE status <> 'sent'")
            .fetch_one(&stage.pool())
            .await
            .unwrap();
        if left == 0 { Ok(()) } else { Err(left) }
    })
    .await;
    for id in ids {
        assert_eq!(stage.relay.contents_with_id(&message_id(id)), 1);
        assert_eq!(stage.attempts(id).await.len(), 1);
    }
    assert!(stage.relay.connections() <= 16, "{} connections", stage.relay.connections());
    one.stop().await;
    two.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn an_idle_worker_is_woken_by_each_mail() {
    let stage = Stage::new().await;
    // Scans alone would take longer than any test waits.
    let worker = stage.worker_with(&[], |settings| settings.scan_interval = Duration::from_secs(3_600));
    for n in 0..21 {
        // Idle again: nothing under way, and the last finish written.
        let id = stage.enqueue(&started("Rim"), &n.to_string(), &["ann@example.org"]).await;
        stage.relay.wait_for(|m| m.message_id == message_id(id), SOON).await;
        stage.reaches(id, "sent").await;
    }
    worker.stop().await;
    stage.end().await;
}
